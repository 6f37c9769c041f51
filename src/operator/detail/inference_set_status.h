// What an InferenceSet says about itself. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "apis/inference_set.h"
#include "operator/autoscale.h"
#include "operator/detail/base_image_upgrade.h"
#include "operator/detail/replica_plan.h"
#include "operator/plan.h"

namespace rage::op::detail {

struct Scaling {
  bool wanted = false;
  std::optional<ScalingReport> report;  // None: as it was; nothing new is known.
  std::string sleep;                    // What is said at zero; empty: not ours to wake.
};

struct StatusInput {
  const apis::InferenceSet& set;
  const Replicas& replicas;
  const ReplicaPlan& plan;
  const ImageUpgrade& upgrade;
  const Scaling& scaling;
  bool benchmarked = false;  // Its replicas measure themselves when they start.
  std::string_view now;
};

Json render_inference_set_status(const StatusInput& input);
Json render_deleting_status(const apis::InferenceSet& set, const Replicas& replicas,
                            std::string_view now);

// For the event when a roll-out stops; empty unless `status` says so and `before` did not.
std::string newly_stalled(const Json& before, const Json& status);

}  // namespace rage::op::detail
