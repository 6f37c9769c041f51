// Scaling by KEDA: a ScaledObject for every InferenceSet that asks for one. Pure, but for
// discover_autoscaler().
// Contract: the trigger that keda-kaito-scaler documents for ScaledObjects written by hand.
#pragma once

#include <optional>

#include "apis/inference_set.h"
#include "base/context.h"
#include "kube/client.h"
#include "operator/autoscale.h"
#include "operator/plan.h"
#include "operator/settings.h"

namespace rage::op {

const ResourceType& scaled_object_type();  // keda.sh/v1alpha1

// kKeda if the API server serves ScaledObjects, else kNative.
Result<Autoscaler> discover_autoscaler(const Context& context, kube::KubeClient& client);

// Named after the set and controlled by it.
Json render_scaled_object(const apis::InferenceSet& set, const ScaleSettings& scale,
                          const Settings& settings);

// Adds what makes `observed` (the ScaledObject of the set's name, or null) what it should be to
// `changes`. `scale` none: it should not be there. One that the set does not control is somebody
// else's and stays as it is. The report: what the condition ScalingActive says.
ScalingReport plan_scaled_object(const apis::InferenceSet& set,
                                 const std::optional<ScaleSettings>& scale, const Json& observed,
                                 const Settings& settings, std::vector<Change>& changes);

}  // namespace rage::op
