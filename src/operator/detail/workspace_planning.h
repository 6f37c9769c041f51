// The steps of plan_workspace(): what it needs, and what its status says.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "operator/workspace_plan.h"

namespace rage::op::detail {

// What one plan is made from.
struct Pass {
  const apis::Workspace& workspace;
  const WorkspaceObservation& observed;
  const Settings& settings;
  std::string_view now;
};

struct WorkspaceDemand {
  const catalog::Model* model = nullptr;  // Null: a pod template, or packaged with the runtime.
  catalog::GpuCapacity gpu;               // Of one node.
  int nodes = 1;
  int gpus_per_node = 0;  // What one pod asks for.
  std::string disk = "1024Gi";
};

// The count that was decided before and still holds, or kAnew.
enum class NodeCount { kAnew, kKept };

// kInvalidArgument, kNotFound: the spec asks for what cannot be served. kFailedPrecondition: the
// nodes cannot do it. kUnavailable: the hub has not described the model yet.
Result<WorkspaceDemand> resolve_demand(const Pass& pass, NodeCount count);
// What the workload that is there holds: when a demand cannot be worked out any more, what runs
// keeps its nodes.
WorkspaceDemand demand_of_running(const Pass& pass);

NodeDemand node_demand(const Pass& pass, const WorkspaceDemand& demand);

// How the workload stands, besides what is observed.
struct WorkloadFacts {
  std::string revision;     // Wanted.
  int nodes = 0;            // Wanted; 0: not known.
  std::string waiting_for;  // Shown while nothing better is known.
  std::string failure;      // Why it cannot be made at all.
  std::string failure_reason = "WorkspaceInferenceStatusFailed";
  std::string advice;  // What may be the reason while it does not serve.
};

// The wanted revision and replicas, rolled out and ready.
bool is_serving(const Json& stateful_set, const WorkloadFacts& facts);
// The revision annotation of a StatefulSet or Job; "" if absent.
std::string revision_of(const Json& object);

void set_condition(const Pass& pass, apis::WorkspaceStatus& status, std::string_view type, bool ok,
                   std::string_view reason, std::string message);
// InferenceReady or JobStarted, WorkspaceSucceeded, and the state that follows from all.
void conclude_workload(const Pass& pass, apis::WorkspaceStatus& status, const WorkloadFacts& facts);

// Texts of an earlier pass' error are not carried along (reconcile.h add_error()).
void forget_errors(apis::Conditions& conditions);

}  // namespace rage::op::detail
