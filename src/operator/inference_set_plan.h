// The InferenceSet controller's decision: how many Workspaces, which to delete, how a changed
// template reaches them without losing service, and what the status says.
//
// Roll-out: a child whose template hash (annotation rage.dev/template-hash) is not the set's is
// old. At most max_unavailable children below `replicas` are not ready, at most max_surge children
// exist above it; one that is new and fails stops the roll-out (RolloutProgressing=False, reason
// RolloutStalled), old ones keep serving; editing the template back is the rollback.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apis/inference_set.h"
#include "apis/workspace.h"
#include "operator/autoscale.h"
#include "operator/plan.h"
#include "operator/settings.h"

namespace rage::op {

inline constexpr std::string_view kInferenceSetFinalizer = "inferenceset.finalizer.kaito.sh";

struct InferenceSetObservation {
  std::vector<apis::Workspace> children;  // Workspaces it controls, any order.
  std::vector<Json> revision_documents;   // Its ControllerRevisions.
  // Of the children, same names; needed only with settings.auto_upgrade.
  std::vector<Json> stateful_sets = {};
  // InferencePool, Deployment, Service, ServiceAccount, Role, RoleBinding that it controls; needed
  // only with settings.inference_extension.
  std::vector<Json> pool_objects = {};
  Json scaled_object = nullptr;  // KEDA's, of the set's name; needed only with KEDA.
  // What our own scaler found; none before it has looked.
  std::optional<ScalingReport> scaling = std::nullopt;
  // What was created and not yet seen in the cache is in `children` already (Informer::remember).
};

Plan plan_inference_set(const apis::InferenceSet& set, const InferenceSetObservation& observed,
                        const Settings& settings, std::string_view now);

}  // namespace rage::op
