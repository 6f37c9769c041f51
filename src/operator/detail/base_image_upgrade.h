// Brings the replicas of an InferenceSet to the operator's base image, one at a time, within the
// maintenance window: in place (a label on the Workspace), or by surge. Pure.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "apis/inference_set.h"
#include "base/clock.h"
#include "operator/detail/replica_plan.h"
#include "operator/plan.h"
#include "operator/settings.h"

namespace rage::op::detail {

inline constexpr std::chrono::minutes kUpgradePoll{5};

struct ImageUpgrade {
  bool enabled = false;
  int drifted = 0;              // Replicas without the current base image, running and ready.
  bool surge = false;           // An extra replica may be made now.
  std::vector<Change> changes;  // Label the next one.
  std::string failure;          // The one being upgraded fails; empty if not.
};

// Marks Replica::old_image as well. `stateful_sets` are the children's.
ImageUpgrade plan_image_upgrade(const apis::InferenceSet& set, Replicas& replicas,
                                const std::vector<Json>& stateful_sets, const Settings& settings,
                                WallTime now);

}  // namespace rage::op::detail
