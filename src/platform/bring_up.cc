#include "platform/bring_up.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <map>

#include "base/strings.h"
#include "inspect/documents.h"
#include "kustomize/kustomize.h"

namespace rage::platform {
namespace {

using namespace std::chrono_literals;

constexpr auto kReadyPoll = 200ms;
constexpr auto kRequestLimit = 30s;
const apis::ResourceType kPods{.group = "", .version = "v1", .kind = "Pod", .plural = "pods"};

Readiness ready_if(bool ready, std::string why) {
  return {.state = ready ? Readiness::State::kReady : Readiness::State::kPending,
          .why = ready ? "" : std::move(why)};
}

Readiness by_condition(const Json& object, std::string_view type) {
  const Json* condition = inspect::find_condition(object, type);
  if (condition == nullptr) return ready_if(false, "no status yet");
  const std::string reason = inspect::text_at(*condition, {"reason"});
  const std::string message = inspect::text_at(*condition, {"message"});
  return ready_if(inspect::text_at(*condition, {"status"}) == "True",
                  message.empty() ? reason : message);
}

Readiness by_counts(const Json& object) {
  const int wanted = inspect::int_at(object, {"spec", "replicas"}, 1);
  const int ready = inspect::int_at(object, {"status", "readyReplicas"});
  const int updated = inspect::int_at(object, {"status", "updatedReplicas"});
  // A Rollout's is a text; int_at() reads both.
  const bool seen = inspect::int_at(object, {"status", "observedGeneration"}) >=
                    inspect::int_at(object, {"metadata", "generation"});
  const int all = inspect::int_at(object, {"status", "replicas"});
  const bool replaced = seen && updated >= wanted && all <= updated;
  return ready_if(replaced && ready >= wanted,
                  replaced ? fmt::format("{}/{} ready", ready, wanted)
                           : fmt::format("{} of {} replaced", updated, wanted));
}

// The pods that a workload's selector names; none if they cannot be read.
std::vector<Json> pods_of(kube::KubeClient& client, const Json& workload) {
  std::vector<std::string> terms;
  for (const auto& [key, value] :
       inspect::strings_at(workload, {"spec", "selector", "matchLabels"})) {
    terms.push_back(fmt::format("{}={}", key, value));
  }
  std::vector<Json> pods;
  if (terms.empty()) return pods;
  const kube::ListOptions wanted{.ns = inspect::text_at(workload, {"metadata", "namespace"}),
                                 .label_selector = join(terms, ",")};
  (void)client.list(
      Context::with_timeout(kRequestLimit), kPods, wanted,
      [&](std::vector<Json> items) { std::ranges::move(items, std::back_inserter(pods)); });
  return pods;
}

}  // namespace

Result<std::vector<Json>> gather_manifests(const std::vector<std::string>& files,
                                           const std::vector<std::string>& kustomizations) {
  std::vector<Json> objects;
  for (const std::string& file : files) {
    ASSIGN_OR_RETURN(auto more, read_manifests(file));
    std::ranges::move(more, std::back_inserter(objects));
  }
  for (const std::string& folder : kustomizations) {
    ASSIGN_OR_RETURN(auto more, kustomize::build(kustomize::local_files(),
                                                 std::filesystem::absolute(folder).string()));
    std::ranges::move(more, std::back_inserter(objects));
  }
  return objects;
}

Readiness readiness_of(const Json& object) {
  const std::string kind = inspect::kind_of(object);
  const std::string_view own = inspect::ready_condition(kind);
  if (!own.empty()) return by_condition(object, own);
  if (kind == "Deployment" || kind == "StatefulSet" || kind == "Rollout") return by_counts(object);
  if (kind == "Gateway") return by_condition(object, "Programmed");
  if (kind == "Job") return by_condition(object, "Complete");
  return {};
}

Readiness explained_by_pods(Readiness readiness, const std::vector<Json>& pods) {
  for (const Json& pod : pods) {
    for (const Json& container : inspect::list_at(pod, {"status", "containerStatuses"})) {
      const std::string reason = inspect::text_at(container, {"state", "waiting", "reason"});
      const std::string message = inspect::text_at(container, {"state", "waiting", "message"});
      if (message.empty()) continue;
      const bool hopeless = reason == "ErrImageNeverPull";
      return {.state = hopeless ? Readiness::State::kHopeless : readiness.state, .why = message};
    }
  }
  return readiness;
}

Result<void> wait_ready(const Context& context, kube::KubeClient& client, Clock& clock,
                        const std::vector<AppliedObject>& objects, const OnProgress& on_progress) {
  std::map<std::string, std::string> pending;  // Name: why.
  std::vector<const AppliedObject*> waited;
  for (const AppliedObject& object : objects) waited.push_back(&object);
  std::size_t hopeless = 0;
  while (true) {
    std::vector<const AppliedObject*> left;
    hopeless = 0;
    for (const AppliedObject* object : waited) {
      // Not within `context`: that it is over is said below, with the names of what is missing.
      ASSIGN_OR_RETURN(const Json found,
                       client.get(Context::with_timeout(kRequestLimit), object->type, object->key));
      Readiness readiness = readiness_of(found);
      if (readiness.state == Readiness::State::kPending) {
        readiness = explained_by_pods(std::move(readiness), pods_of(client, found));
      }
      if (readiness.state == Readiness::State::kNothingToWaitFor) continue;
      const std::string name = object->name();
      const auto told = pending.find(name);
      const bool is_news = told == pending.end() || told->second != readiness.why ||
                           readiness.state == Readiness::State::kReady;
      if (is_news && on_progress) on_progress(*object, readiness);
      pending[name] = readiness.why;
      if (readiness.state != Readiness::State::kReady) left.push_back(object);
      hopeless += readiness.state == Readiness::State::kHopeless;
    }
    if (left.empty()) return {};
    waited = std::move(left);
    if (hopeless == waited.size()) break;
    if (!context.check() || !clock.sleep_for(kReadyPoll, context.stop)) break;
  }
  std::vector<std::string> missing;
  for (const AppliedObject* object : waited) {
    missing.push_back(fmt::format("{}: {}", object->name(), pending[object->name()]));
  }
  const bool in_time = hopeless == waited.size();
  return fail(in_time ? ErrorCode::kFailedPrecondition : ErrorCode::kDeadlineExceeded,
              "not ready: {}", join(missing, "; "));
}

}  // namespace rage::platform
