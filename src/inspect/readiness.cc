// How an object is, in a few words.
#include "base/strings.h"
#include "inspect/describe.h"

namespace rage::inspect {
namespace {

std::string pod_readiness(const Json& pod) {
  int ready = 0;
  int restarts = 0;
  const Json& statuses = list_at(pod, {"status", "containerStatuses"});
  std::string trouble;
  for (const Json& status : statuses) {
    ready += flag_at(status, {"ready"}) ? 1 : 0;
    restarts += int_at(status, {"restartCount"});
    const std::string waiting = text_at(status, {"state", "waiting", "reason"});
    if (!waiting.empty()) trouble = waiting;
  }
  std::string text = text_at(pod, {"status", "phase"});
  if (!trouble.empty()) text = trouble;
  if (!text_at(pod, {"metadata", "deletionTimestamp"}).empty()) text = "Terminating";
  text += fmt::format(", {}/{} ready", ready, list_at(pod, {"spec", "containers"}).size());
  if (restarts > 0) text += fmt::format(", {} restart{}", restarts, restarts == 1 ? "" : "s");
  const std::string node = text_at(pod, {"spec", "nodeName"});
  return node.empty() ? text + ", on no node" : text + ", on " + node;
}

std::string job_readiness(const Json& job) {
  std::vector<std::string> parts;
  for (const std::string_view what : {"active", "succeeded", "failed"}) {
    const int count = int_at(job, {"status", what});
    if (count > 0) parts.push_back(fmt::format("{} {}", count, what));
  }
  return parts.empty() ? "not started" : join(parts, ", ");
}

}  // namespace

std::string readiness_of(const Json& object) {
  const std::string kind = kind_of(object);
  if (kind == "Pod") return pod_readiness(object);
  if (kind == "Job") return job_readiness(object);
  if (kind == "StatefulSet" || kind == "Deployment" || kind == "ReplicaSet") {
    return fmt::format("{}/{} ready", int_at(object, {"status", "readyReplicas"}),
                       int_at(object, {"spec", "replicas"}, 1));
  }
  if (kind == "PersistentVolumeClaim" || kind == "PersistentVolume" || kind == "Namespace") {
    return text_at(object, {"status", "phase"});
  }
  if (kind == "Service") {
    return fmt::format("{} {}", text_at(object, {"spec", "type"}),
                       text_at(object, {"spec", "clusterIP"}));
  }
  const std::string_view own = ready_condition(kind);
  const Json* condition = find_condition(object, own.empty() ? "Ready" : own);
  if (condition == nullptr) return own.empty() ? "" : "no status yet";
  if (text_at(*condition, {"status"}) == "True") return "ready";
  return fmt::format("not ready: {}", text_at(*condition, {"reason"}));
}

}  // namespace rage::inspect
