// argoproj.io/v1alpha1 Rollout, carried out as a rolling update. Pure.
// Source: Argo Rollouts, "Rollout Specification", "Canary" and the status it documents.
//
// - The first roll-out makes all pods at once, as in Argo: steps apply to later ones only.
// - A later one is promoted fully: new pods come as surge (maxSurge, by default 25 % and at least
//   one) before old ones go. Steps (setWeight, pause, analysis) and blueGreen's services are passed
//   over, and status.message says so. spec.paused is obeyed.
// - spec.workloadRef is refused: phase Degraded with a message.
#pragma once

#include <vector>

#include "workloads/plan.h"

namespace rage::workloads {

struct RolloutObservation {
  Json rollout;
  std::vector<Json> replica_sets;
  std::vector<Json> orphans;
  std::vector<Json> pods;
  WallTime now;
};

Plan plan_rollout(const RolloutObservation& observed);

}  // namespace rage::workloads
