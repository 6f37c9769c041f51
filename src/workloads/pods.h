// What controllers ask of a pod: does it count, is it ready, which one goes first; and how one is
// made of a template. Pure. Source: core/v1 Pod; Kubernetes, "Pod Lifecycle", "ReplicaSet".
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "workloads/plan.h"

namespace rage::workloads {

// Value. A pod's document and what is asked of it most.
struct Pod {
  Json document;
  ObjectMeta meta;
  std::string phase;  // "Pending", "Running", "Succeeded", "Failed", "Unknown" or empty.
  std::string node;   // spec.nodeName
  std::optional<WallTime> ready_since = std::nullopt;  // None: it is not ready.
  std::int64_t restarts = 0;

  bool finished() const { return phase == "Succeeded" || phase == "Failed"; }
  bool active() const { return !finished() && !meta.deleting; }
  bool ready() const { return ready_since.has_value(); }
  // Ready for at least `min_ready`.
  bool available(std::chrono::seconds min_ready, WallTime now) const;
};

Pod parse_pod(Json document);
std::vector<Pod> parse_pods(const std::vector<Json>& documents);

// When the next of them becomes available by waiting alone; none if no waiting helps.
std::optional<std::chrono::milliseconds> until_available(const std::vector<Pod>& pods,
                                                         std::chrono::seconds min_ready,
                                                         WallTime now);
// When its last container ended; its creation if it does not say.
WallTime finished_at(const Pod& pod);

// Those to delete first come first: without a node, not running, not ready, on a node with many of
// its siblings, ready last, restarted often, youngest. A total order: two passes choose the same.
void sort_for_deletion(std::vector<Pod>& pods);

// {"apiVersion", "kind", "metadata": {namespace, labels, annotations, finalizers,
// ownerReferences}, "spec"}; the caller adds a name or generateName.
Json pod_of_template(const Json& pod_template, const ResourceType& owner_type,
                     const ObjectMeta& owner);

// For objects that `selector` matches and that nobody controls: patches that make `owner` their
// controller. `selector` empty: none.
std::vector<Change> plan_adoption(const Json& selector, const ResourceType& owner_type,
                                  const ObjectMeta& owner, const ResourceType& type,
                                  const std::vector<Json>& orphans);

}  // namespace rage::workloads
