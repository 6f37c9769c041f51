// The Gateway API Inference Extension's objects of one InferenceSet: an InferencePool over its
// pods and the endpoint picker that serves it. Made natively; nothing is fetched at run time.
#pragma once

#include <string>
#include <vector>

#include "apis/inference_set.h"
#include "operator/plan.h"
#include "operator/settings.h"

namespace rage::op {

// "<set>-inferencepool": HTTPRoutes name it.
std::string inference_pool_name(const apis::InferenceSet& set);
// "<set>-inferencepool-epp": DestinationRules name the Service as their host.
std::string endpoint_picker_name(const apis::InferenceSet& set);

// A preset served by vLLM that no MultiRoleInference routes for, and the gate is on.
bool wants_inference_pool(const apis::InferenceSet& set, const Settings& settings);

// ServiceAccount, Role, RoleBinding, Service, Deployment, InferencePool, in that order; all
// controlled by the set. Not stamped.
std::vector<ApplyObject> render_inference_pool(const apis::InferenceSet& set,
                                               const Settings& settings);

}  // namespace rage::op
