// From one pod template to the next, over ReplicaSets: what a Deployment and an Argo Rollout have
// in common. Pure. Source: Kubernetes, "Deployments": rolling update, recreate, proportional
// scaling, revision history.
#pragma once

#include <string>
#include <vector>

#include "workloads/plan.h"

namespace rage::workloads {

// The owner's wish, whatever its kind.
struct RollOutWish {
  ResourceType owner_type;
  ObjectMeta owner;
  Json selector;
  Json pod_template;
  std::int64_t replicas = 1;
  std::int64_t max_surge = 1;        // Pods; see resolve_fence().
  std::int64_t max_unavailable = 0;  // Not both are 0.
  bool recreate = false;             // All old pods end before the first new one is made.
  bool paused = false;               // No new template; scaling goes on.
  std::int64_t min_ready_seconds = 0;
  std::int64_t history_max = 10;
  // How the owner's family names things.
  std::string hash_label = "pod-template-hash";
  std::string annotation_prefix = "deployment.kubernetes.io/";  // + "revision" and so on.
};

// Value. What a ReplicaSet wants and has.
struct ReplicaSetView {
  Json document;
  ObjectMeta meta;
  std::int64_t revision = 0;
  std::int64_t wanted = 0;    // spec.replicas
  std::int64_t replicas = 0;  // status.
  std::int64_t ready = 0;
  std::int64_t available = 0;
  bool observed = false;  // Its status is about its present spec.
};

struct RollOut {
  Plan plan;                 // Changes and events; no status.
  std::string hash;          // Of the wanted template.
  std::string current_name;  // The ReplicaSet of that template; empty: not made (paused).
  bool created = false;      // By this pass.
  std::string revision;      // Of the current one; empty: none.
  // Sums over all ReplicaSets, and of the current one.
  std::int64_t replicas = 0;
  std::int64_t ready = 0;
  std::int64_t available = 0;
  std::int64_t updated = 0;
  bool observed = true;  // No ReplicaSet's status is behind its spec.
};

// "25%" or 3 as pods of `replicas`; the surge rounds up, unavailability down; if both come out as
// 0, one may be unavailable.
void resolve_fence(const Json& max_surge, const Json& max_unavailable, RollOutWish& wish);

// `replica_sets` and `orphans` are those of the owner's namespace that it controls and that nobody
// does; `pods` those of `replica_sets`.
RollOut plan_roll_out(const RollOutWish& wish, const std::vector<Json>& replica_sets,
                      const std::vector<Json>& orphans, const std::vector<Json>& pods);

}  // namespace rage::workloads
