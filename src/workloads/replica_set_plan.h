// apps/v1 ReplicaSet: as many pods as it says. Pure. Source: Kubernetes, "ReplicaSet".
#pragma once

#include <vector>

#include "workloads/plan.h"

namespace rage::workloads {

struct ReplicaSetObservation {
  Json replica_set;
  std::vector<Json> pods;     // It controls them.
  std::vector<Json> orphans;  // Of its namespace; nobody controls them.
  WallTime now;
};

// Pods that failed are replaced, later each time they do (10 s, doubling, at most 160 s), and the
// five youngest of them stay to be looked at.
Plan plan_replica_set(const ReplicaSetObservation& observed);

}  // namespace rage::workloads
