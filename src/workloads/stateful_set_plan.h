// apps/v1 StatefulSet: pods with a number, a name and volumes of their own. Pure.
// Source: Kubernetes, "StatefulSets": deployment and scaling guarantees, update strategies,
// persistentVolumeClaim retention.
#pragma once

#include <vector>

#include "workloads/plan.h"

namespace rage::workloads {

struct StatefulSetObservation {
  Json stateful_set;
  std::vector<Json> pods;       // It controls them.
  std::vector<Json> orphans;    // Pods of its namespace that nobody controls.
  std::vector<Json> revisions;  // ControllerRevisions that it controls.
  std::vector<Json> claims;     // PersistentVolumeClaims of its namespace.
  WallTime now;
};

// Unlike upstream: a pod that is not ready and has an outdated template is replaced at once (the
// repair of a broken template needs no hand), and a pod that vanishes during an update comes back
// with the new template unless a partition holds it.
Plan plan_stateful_set(const StatefulSetObservation& observed);

}  // namespace rage::workloads
