// apps/v1 Deployment. Pure. Source: Kubernetes, "Deployments".
#pragma once

#include <vector>

#include "workloads/plan.h"

namespace rage::workloads {

struct DeploymentObservation {
  Json deployment;
  std::vector<Json> replica_sets;  // It controls them.
  std::vector<Json> orphans;       // ReplicaSets of its namespace that nobody controls.
  std::vector<Json> pods;          // Of its ReplicaSets.
  WallTime now;
};

// Unlike upstream: a ReplicaSet is found by the hash of its template alone, and collisions of
// hashes (of 10 letters) are not looked for.
Plan plan_deployment(const DeploymentObservation& observed);

}  // namespace rage::workloads
