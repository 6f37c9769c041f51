// CustomResourceDefinitions of the neighbours' kinds that the controllers of this room serve, for
// an API server that has no better ones: any fields, a status subresource, a few columns.
#pragma once

#include <vector>

#include "codec/json.h"

namespace rage::workloads {

// Rollout, Workflow, WorkflowTemplate, CronWorkflow (argoproj.io), NodeClaim (karpenter.sh),
// DestinationRule (networking.istio.io), Certificate (cert-manager.io), ExternalSecret
// (external-secrets.io).
std::vector<codec::Json> foreign_crds();

}  // namespace rage::workloads
