// The Gateway API Inference Extension's objects of one InferenceSet or MultiRoleInference: an
// InferencePool over its pods and the endpoint picker that serves it. Made natively; nothing is
// fetched at run time.
#pragma once

#include <string>
#include <vector>

#include "apis/inference_set.h"
#include "operator/plan.h"
#include "operator/settings.h"

namespace rage::op {

ResourceType service_account_type();

// Whose pods a pool holds, and how requests are picked among them.
struct PoolRequest {
  ResourceType owner_type;
  const ObjectMeta& owner;
  apis::StringMap pod_labels;  // Of the pods; of a replica with several nodes the first answers.
  std::string plugins = {};    // Configuration of the picker; empty: its own default.
};

// "<owner>-inferencepool": HTTPRoutes name it.
std::string inference_pool_name(const ObjectMeta& owner);
// "<owner>-inferencepool-epp": DestinationRules name the Service as their host.
std::string endpoint_picker_name(const ObjectMeta& owner);

// A preset served by vLLM or llamacpp that no MultiRoleInference routes for, and the gate is on.
bool wants_inference_pool(const apis::InferenceSet& set, const Settings& settings);

// ServiceAccount, Role, RoleBinding, Service, ConfigMap (with plugins alone), Deployment,
// InferencePool, in that order; all controlled by the owner. Not stamped.
std::vector<ApplyObject> render_inference_pool(const PoolRequest& request,
                                               const Settings& settings);
PoolRequest pool_of(const apis::InferenceSet& set);
// Applies those of them that differ from what is observed (any order, any kind).
void apply_inference_pool(const PoolRequest& request, const std::vector<Json>& observed,
                          const Settings& settings, std::vector<Change>& changes);

}  // namespace rage::op
