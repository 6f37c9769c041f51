// What keeps pods from running, in upstream's words and order of importance.
#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apis/kinds.h"
#include "base/is_one_of.h"
#include "base/strings.h"
#include "operator/detail/json_path.h"
#include "operator/detail/node_conditions.h"
#include "operator/workspace_plan.h"

namespace rage::op {
namespace {

using detail::find_path;
using detail::int_at;
using detail::list_at;
using detail::text_at;

struct ContainerView {
  std::string pod;
  const Json& status;

  std::string name() const { return text_at(status, {"name"}); }
  std::string waiting() const { return text_at(status, {"state", "waiting", "reason"}); }
  std::string place() const { return fmt::format("container {} of pod {}", name(), pod); }
};

using Diagnosis = std::optional<PodProblem>;

Diagnosis problem(std::string_view reason, std::string message) {
  return PodProblem{.reason = std::string(reason),
                    .message = detail::shortened(std::move(message))};
}

// "exit code 137 (OOMKilled): message"
std::string describe_exit(const Json& terminated) {
  std::string text = fmt::format("exit code {}", int_at(terminated, {"exitCode"}));
  const std::string reason = text_at(terminated, {"reason"});
  const std::string message{trim(text_at(terminated, {"message"}))};
  if (!reason.empty()) text += fmt::format(" ({})", reason);
  if (!message.empty()) text += ": " + message;
  return text;
}

Diagnosis failed_token_fetch(const ContainerView& container) {
  if (container.name() != "fetch-sas") return std::nullopt;
  for (const std::string_view when : {"state", "lastState"}) {
    const Json* ended = find_path(container.status, {when, "terminated"});
    if (ended == nullptr || int_at(*ended, {"exitCode"}) == 0) continue;
    return problem("SASTokenFetchFailed",
                   fmt::format("{}: {}", container.place(), describe_exit(*ended)));
  }
  return std::nullopt;
}

Diagnosis out_of_memory(const ContainerView& container) {
  for (const std::string_view when : {"state", "lastState"}) {
    if (text_at(container.status, {when, "terminated", "reason"}) != "OOMKilled") continue;
    return problem("ContainerOOMKilled",
                   fmt::format("{} ran out of memory and was killed; {} restarts so far",
                               container.place(), int_at(container.status, {"restartCount"})));
  }
  return std::nullopt;
}

Diagnosis bad_image(const ContainerView& container) {
  static constexpr std::array<std::string_view, 6> kReasons{
      "ImagePullBackOff",  "ErrImagePull",      "InvalidImageName",
      "ErrImageNeverPull", "ImageInspectError", "RegistryUnavailable"};
  if (!is_one_of(container.waiting(), kReasons)) return std::nullopt;
  return problem("ImagePullError",
                 fmt::format("{}: {}: {}", container.place(), container.waiting(),
                             text_at(container.status, {"state", "waiting", "message"})));
}

Diagnosis bad_start(const ContainerView& container) {
  static constexpr std::array<std::string_view, 6> kReasons{
      "CreateContainerConfigError", "CreateContainerError", "RunContainerError",
      "PreCreateHookError",         "PreStartHookError",    "PostStartHookError"};
  if (!is_one_of(container.waiting(), kReasons)) return std::nullopt;
  return problem("ContainerStartError",
                 fmt::format("{}: {}: {}", container.place(), container.waiting(),
                             text_at(container.status, {"state", "waiting", "message"})));
}

Diagnosis crash_loop(const ContainerView& container) {
  if (container.waiting() != "CrashLoopBackOff") return std::nullopt;
  const Json* ended = find_path(container.status, {"lastState", "terminated"});
  const std::string last = ended == nullptr ? "unknown" : describe_exit(*ended);
  return problem(
      "ContainerCrashLoopBackOff",
      fmt::format("{} restarted {} times, last: {}; see kubectl logs {} -c {} --previous",
                  container.place(), int_at(container.status, {"restartCount"}), last,
                  container.pod, container.name()));
}

Diagnosis evicted(const Json& pod) {
  if (text_at(pod, {"status", "phase"}) != "Failed") return std::nullopt;
  if (text_at(pod, {"status", "reason"}) != "Evicted") return std::nullopt;
  const std::string message = text_at(pod, {"status", "message"});
  const std::string text = to_lower_ascii(message);
  const auto says = [&](std::string_view word) { return text.find(word) != std::string::npos; };
  const std::string_view reason = says("disk") || says("ephemeral-storage") ? "NodeDiskPressure"
                                  : says("memory")                          ? "NodeMemoryPressure"
                                                                            : "PodEvicted";
  return problem(reason,
                 fmt::format("pod {} was evicted: {}", apis::parse_meta(pod).name, message));
}

Diagnosis unschedulable(const Json& pod) {
  const Json* scheduled = detail::find_condition_json(pod, "PodScheduled");
  if (scheduled == nullptr || text_at(*scheduled, {"status"}) != "False") return std::nullopt;
  if (text_at(*scheduled, {"reason"}) != "Unschedulable") return std::nullopt;
  return problem("Unschedulable", fmt::format("pod {}: {}", apis::parse_meta(pod).name,
                                              text_at(*scheduled, {"message"})));
}

bool is_ready(const Json& pod) {
  const Json* ready = detail::find_condition_json(pod, "Ready");
  return ready != nullptr && text_at(*ready, {"status"}) == "True";
}

}  // namespace

std::vector<Change> replace_stuck_pods(const Json& stateful_set, const std::vector<Json>& pods) {
  const std::string revision = text_at(stateful_set, {"status", "updateRevision"});
  const bool is_seen = int_at(stateful_set, {"status", "observedGeneration"}) ==
                       int_at(stateful_set, {"metadata", "generation"});
  if (revision.empty() || !is_seen ||
      text_at(stateful_set, {"spec", "podManagementPolicy"}) == "Parallel") {
    return {};
  }
  std::vector<Change> changes;
  for (const Json& pod : pods) {
    const ObjectMeta meta = apis::parse_meta(pod);
    const std::string has = meta.label("controller-revision-hash");
    if (has.empty() || has == revision || meta.deleting || is_ready(pod)) continue;
    changes.emplace_back(
        DeleteObject{.type = apis::builtin_type("Pod"), .key = meta.key(), .uid = meta.uid});
  }
  return changes;
}

std::optional<PodProblem> diagnose_pods(const std::vector<Json>& pods) {
  std::vector<const Json*> sick;
  for (const Json& pod : pods) {
    if (!apis::parse_meta(pod).deleting && !is_ready(pod)) sick.push_back(&pod);
  }
  // Caches have no order; a message must not change because of it.
  std::ranges::sort(sick, {}, [](const Json* pod) { return apis::parse_meta(*pod).name; });

  std::vector<ContainerView> containers;
  for (const Json* pod : sick) {
    for (const std::string_view kind : {"initContainerStatuses", "containerStatuses"}) {
      for (const Json& status : list_at(*pod, {"status", kind})) {
        containers.push_back({.pod = apis::parse_meta(*pod).name, .status = status});
      }
    }
  }
  for (const auto& look : {failed_token_fetch, out_of_memory, bad_image, bad_start, crash_loop}) {
    for (const ContainerView& container : containers) {
      if (auto found = look(container)) return found;
    }
  }
  for (const auto& look : {evicted, unschedulable}) {
    for (const Json* pod : sick) {
      if (auto found = look(*pod)) return found;
    }
  }
  return std::nullopt;
}

}  // namespace rage::op
