// The Workspace controller's decision: from what was asked and what is there to what must change.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apis/workspace.h"
#include "operator/model_streaming_plan.h"
#include "operator/nodes.h"
#include "operator/plan.h"
#include "operator/serving.h"
#include "operator/settings.h"

namespace rage::op {

inline constexpr std::string_view kWorkspaceFinalizer = "workspace.finalizer.kaito.sh";

// Why a pod does not run, from upstream's closed list of reasons: SASTokenFetchFailed,
// ContainerOOMKilled, ImagePullError, ContainerStartError, ContainerCrashLoopBackOff,
// NodeDiskPressure, NodeMemoryPressure, PodEvicted, Unschedulable; the first that applies.
struct PodProblem {
  std::string reason;
  std::string message;  // At most 256 characters.
};

// `pods` are core/v1 documents; those that are ready or on their way out do not count. None:
// nothing wrong is known.
std::optional<PodProblem> diagnose_pods(const std::vector<Json>& pods);

// Deletions of pods that keep a StatefulSet from taking up its template: an ordered one waits for a
// pod that cannot become ready, even when the template was corrected since (Kubernetes,
// "StatefulSet basics: forced rollback"). Only pods of older revisions that are not ready.
std::vector<Change> replace_stuck_pods(const Json& stateful_set, const std::vector<Json>& pods);

struct WorkspaceObservation {
  NodeObservation nodes;
  Json stateful_set;  // Null if absent; likewise below.
  Json tuning_job;
  Json service;
  Json headless_service;
  std::vector<Json> pods;             // With the Workspace's label.
  std::vector<ObjectMeta> revisions;  // ControllerRevisions of this Workspace, any order.
  std::vector<Json> revision_documents;
  std::optional<int> max_model_len;  // From its inference ConfigMap.
  std::string config_hash;           // Of the content of its ConfigMap; empty: none.
  std::string tuning_output_dir;     // From its tuning ConfigMap; empty: the default.
  Json tuning_config;                // ConfigMap tuning_config_name() beside it, and the one of
  Json tuning_template;              // that name in the operator's namespace.
  bool nvme_class_exists = false;
  // For a preset that is not in the catalogue: what the hub says about it and of which commit, or
  // why it did not; neither: nobody has asked.
  std::optional<catalog::Model> hub_model;
  std::string hub_commit;
  std::optional<Error> hub_error;
  StreamingObservation streaming = {};  // With the gate ModelStreaming.
};

// The node count is estimated anew when the spec or its ConfigMap changes, and kept otherwise, so
// that a new release of the catalogue restarts nobody. resource.count is ignored for vLLM presets,
// as upstream does, unless the annotation rage.dev/respect-count is "true": then it is the least.
//
// A benchmark never holds up anything: BenchmarkCompleted and status.performance are kept as they
// are found, and dropped when the base image is upgraded.
//
// Never fails: what cannot be planned (unknown model, GPU too small) is a condition in the status.
Plan plan_workspace(const apis::Workspace& workspace, const WorkspaceObservation& observed,
                    const Settings& settings, std::string_view now);

}  // namespace rage::op
