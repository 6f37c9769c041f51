#include "workloads/pods.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "workloads/detail/json_at.h"

namespace rage::workloads {

using detail::list_at;
using detail::map_at;
using detail::number_at;
using detail::text_at;

bool Pod::available(std::chrono::seconds min_ready, WallTime now) const {
  return ready_since && (min_ready.count() == 0 || *ready_since + min_ready <= now);
}

Pod parse_pod(Json document) {
  Pod pod{.document = {},
          .meta = apis::parse_meta(document),
          .phase = text_at(document, {"status", "phase"}),
          .node = text_at(document, {"spec", "nodeName"})};
  const Json* ready = find_condition(list_at(document, {"status", "conditions"}), "Ready");
  if (ready != nullptr && codec::string_or(*ready, "status", "") == "True") {
    pod.ready_since =
        parse_time(codec::string_or(*ready, "lastTransitionTime", "")).value_or(WallTime());
  }
  for (const Json& container : list_at(document, {"status", "containerStatuses"})) {
    pod.restarts += number_at(container, {"restartCount"});
  }
  pod.document = std::move(document);
  return pod;
}

std::vector<Pod> parse_pods(const std::vector<Json>& documents) {
  std::vector<Pod> pods;
  pods.reserve(documents.size());
  for (const Json& document : documents) pods.push_back(parse_pod(document));
  return pods;
}

std::optional<std::chrono::milliseconds> until_available(const std::vector<Pod>& pods,
                                                         std::chrono::seconds min_ready,
                                                         WallTime now) {
  std::optional<std::chrono::milliseconds> soonest;
  for (const Pod& pod : pods) {
    if (!pod.active() || !pod.ready() || pod.available(min_ready, now)) continue;
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(*pod.ready_since + min_ready - now);
    soonest = soonest ? std::min(*soonest, left) : left;
  }
  return soonest;
}

WallTime finished_at(const Pod& pod) {
  std::optional<WallTime> last;
  for (const Json& container : list_at(pod.document, {"status", "containerStatuses"})) {
    const auto time = parse_time(text_at(container, {"state", "terminated", "finishedAt"}));
    if (time && (!last || *last < *time)) last = time;
  }
  return last ? *last : parse_time(pod.meta.creation_timestamp).value_or(WallTime());
}

void sort_for_deletion(std::vector<Pod>& pods) {
  std::map<std::string, int> on_node;
  for (const Pod& pod : pods) ++on_node[pod.node];
  const auto rank = [&](const Pod& pod) {
    const int phase = pod.phase == "Running" ? 2 : pod.phase == "Unknown" ? 1 : 0;
    const auto since = pod.ready_since.value_or(WallTime()).time_since_epoch().count();
    return std::tuple(!pod.node.empty(), phase, pod.ready(), -on_node[pod.node], -since,
                      -pod.restarts);
  };
  std::ranges::sort(pods, [&](const Pod& a, const Pod& b) {
    const auto left = rank(a);
    const auto right = rank(b);
    if (left != right) return left < right;
    if (a.meta.creation_timestamp != b.meta.creation_timestamp) {
      return a.meta.creation_timestamp > b.meta.creation_timestamp;
    }
    return a.meta.name < b.meta.name;
  });
}

Json pod_of_template(const Json& pod_template, const ResourceType& owner_type,
                     const ObjectMeta& owner) {
  Json pod = {{"apiVersion", "v1"}, {"kind", "Pod"}};
  Json metadata = Json::object();
  metadata["namespace"] = owner.ns;
  for (const char* key : {"labels", "annotations"}) {
    const Json& stated = map_at(pod_template, {"metadata", key});
    if (!stated.empty()) metadata[key] = stated;
  }
  const Json& finalizers = list_at(pod_template, {"metadata", "finalizers"});
  if (!finalizers.empty()) metadata["finalizers"] = finalizers;
  metadata["ownerReferences"] = Json::array({controller_reference(owner_type, owner)});
  pod["metadata"] = std::move(metadata);
  pod["spec"] = map_at(pod_template, {"spec"});
  return pod;
}

std::vector<Change> plan_adoption(const Json& selector, const ResourceType& owner_type,
                                  const ObjectMeta& owner, const ResourceType& type,
                                  const std::vector<Json>& orphans) {
  std::vector<Change> changes;
  const apis::LabelSelector wanted = apis::parse_label_selector(selector);
  const bool none = wanted.match_labels.empty() && wanted.match_expressions.empty();
  if (none || owner.deleting) return changes;
  for (const Json& orphan : orphans) {
    const ObjectMeta meta = apis::parse_meta(orphan);
    if (meta.deleting || meta.controller() != nullptr || !wanted.matches(meta.labels)) continue;
    Json owners = list_at(orphan, {"metadata", "ownerReferences"});
    owners.push_back(controller_reference(owner_type, owner));
    // The uid: not one that came in its place meanwhile.
    changes.emplace_back(
        PatchObject{type,
                    meta.key(),
                    {{"metadata", {{"uid", meta.uid}, {"ownerReferences", std::move(owners)}}}}});
    if (changes.size() >= kChangesMax) break;
  }
  return changes;
}

}  // namespace rage::workloads
