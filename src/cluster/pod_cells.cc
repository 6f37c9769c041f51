#include <algorithm>
#include <string>
#include <utility>

#include "cluster/detail/cells.h"
#include "inspect/time.h"

namespace rage::cluster::detail {
namespace {

struct ContainerFacts {
  int total = 0;
  int ready = 0;
  int restarts = 0;
  std::string last_restart;
  std::string reason;
};

// What a container's state adds to the pod's status, if anything.
std::string reason_of(const Json& state, std::string_view prefix) {
  if (const Json* waiting = codec::find_key(state, "waiting")) {
    const std::string reason = codec::string_or(*waiting, "reason", "");
    if (!reason.empty()) return std::string(prefix) + reason;
  }
  const Json* ended = codec::find_key(state, "terminated");
  if (ended == nullptr) return "";
  const std::string reason = codec::string_or(*ended, "reason", "");
  if (!reason.empty()) return std::string(prefix) + reason;
  const auto signal = static_cast<int>(codec::number_or(*ended, "signal", 0));
  if (signal != 0) return fmt::format("{}Signal:{}", prefix, signal);
  return fmt::format("{}ExitCode:{}", prefix,
                     static_cast<int>(codec::number_or(*ended, "exitCode", 0)));
}

ContainerFacts facts_of(const Json& pod) {
  ContainerFacts facts;
  if (const Json* containers = field_at(pod, "spec.containers")) {
    facts.total = static_cast<int>(containers->size());
  }
  const Json* statuses = field_at(pod, "status.containerStatuses");
  for (const Json& status : statuses != nullptr ? *statuses : Json::array()) {
    const Json* ready = codec::find_key(status, "ready");
    if (ready != nullptr && *ready == true) ++facts.ready;
    facts.restarts += static_cast<int>(codec::number_or(status, "restartCount", 0));
    facts.last_restart =
        std::max(facts.last_restart, text_at(status, "lastState.terminated.finishedAt"));
    if (const Json* state = codec::find_key(status, "state")) {
      const std::string reason = reason_of(*state, "");
      if (!reason.empty()) facts.reason = reason;
    }
  }
  return facts;
}

// "Init:0/2", "Init:Error"; empty once all have ended well.
std::string init_reason(const Json& pod) {
  const Json* statuses = field_at(pod, "status.initContainerStatuses");
  if (statuses == nullptr) return "";
  for (std::size_t i = 0; i < statuses->size(); ++i) {
    const Json* state = codec::find_key((*statuses)[i], "state");
    if (state == nullptr) continue;
    const Json* ended = codec::find_key(*state, "terminated");
    if (ended != nullptr && codec::number_or(*ended, "exitCode", 0) == 0) continue;
    const std::string reason = reason_of(*state, "Init:");
    if (!reason.empty() && reason != "Init:PodInitializing") return reason;
    return fmt::format("Init:{}/{}", i, statuses->size());
  }
  return "";
}

std::string status_of(const Json& pod, const ContainerFacts& facts) {
  if (field_at(pod, "metadata.deletionTimestamp") != nullptr) return "Terminating";
  std::string status = text_at(pod, "status.reason", text_at(pod, "status.phase"));
  const std::string init = init_reason(pod);
  if (!init.empty()) return init;
  if (!facts.reason.empty()) status = facts.reason;
  if (status == "Completed" && facts.ready > 0) status = "Running";
  return status;
}

std::string restarts_of(const ContainerFacts& facts, WallTime now) {
  if (facts.restarts == 0 || facts.last_restart.empty()) return std::to_string(facts.restarts);
  return fmt::format("{} ({} ago)", facts.restarts, inspect::age_of(facts.last_restart, now));
}

}  // namespace

Json pod_cell(std::string_view column, const Json& pod, WallTime now) {
  const ContainerFacts facts = facts_of(pod);
  if (column == "Ready") return fmt::format("{}/{}", facts.ready, facts.total);
  if (column == "Status") return status_of(pod, facts);
  if (column == "Restarts") return restarts_of(facts, now);
  if (column == "IP") return text_at(pod, "status.podIP", "<none>");
  if (column == "Node") return text_at(pod, "spec.nodeName", "<none>");
  if (column == "Nominated Node") return text_at(pod, "status.nominatedNodeName", "<none>");
  if (column == "Readiness Gates") return "<none>";
  return Json();
}

}  // namespace rage::cluster::detail
