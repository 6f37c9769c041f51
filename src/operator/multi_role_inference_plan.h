// The MultiRoleInference controller's decision: one InferenceSet a role, and one pool over the pods
// of both, whose picker sends a request to a decode pod and, where that pays, to a prefill pod
// first.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apis/inference_set.h"
#include "apis/multi_role_inference.h"
#include "operator/plan.h"
#include "operator/settings.h"

namespace rage::op {

inline constexpr std::string_view kMultiRoleFinalizer = "multiroleinference.kaito.sh/finalizer";

struct MultiRoleObservation {
  std::vector<Json> children;      // InferenceSets that it controls, or that have a child's name.
  std::vector<Json> pool_objects;  // As InferenceSetObservation's, and the picker's ConfigMap.
  Json plugins_config;  // The ConfigMap that spec.eppPluginsConfig names; null if absent.
};

// "<name>-prefill"
std::string role_name(const apis::MultiRoleInference& inference, std::string_view role);
// What the picker does unless spec.eppPluginsConfig says otherwise.
std::string default_epp_plugins();

Plan plan_multi_role_inference(const apis::MultiRoleInference& inference,
                               const MultiRoleObservation& observed, const Settings& settings,
                               std::string_view now);

}  // namespace rage::op
