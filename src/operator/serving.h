// The objects that serve (or tune) a model for one Workspace, as pure functions of values.
// Contract: images, paths, ports, labels and environment of KAITO's base image.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apis/workspace.h"
#include "catalog/catalog.h"
#include "catalog/estimator.h"
#include "catalog/gpu.h"
#include "operator/plan.h"
#include "operator/settings.h"

namespace rage::op {

// Annotation of a Workspace: the branch, tag or commit its model is loaded from. The operator pins
// what it found for a model outside the catalogue; a user may pin any.
inline constexpr std::string_view kModelRevision = "rage.dev/model-revision";

enum class Runtime { kVllm, kTransformers, kLlamaCpp };

// The annotation kaito.sh/runtime: "vllm", "transformers", or ours, "llamacpp" (CPU nodes);
// anything else is vLLM. The gate vLLM=false makes both of the former transformers.
Runtime runtime_of(const ObjectMeta& meta, const Settings& settings);

// On a StatefulSet: the ModelMirror whose files its pods read.
inline constexpr std::string_view kMirrorAnnotation = "rage.dev/model-mirror";

// Weights out of a ModelMirror: its claim, mounted, or streamed from blob storage.
struct MirroredWeights {
  std::string mirror;                // Its name.
  std::string model = {};            // For vLLM: "/models/org/model" or "az://container/org/model".
  std::string claim = {};            // Mounted at /models; empty: streamed.
  std::string storage_account = {};  // Streamed: whose container that is,
  std::string service_account = {};  // and who may read it.

  bool streamed() const { return claim.empty(); }
};

// Everything the objects are made from.
struct ServingRequest {
  const apis::Workspace& workspace;
  const Settings& settings;
  const catalog::Model* model = nullptr;  // Null with a pod template.
  catalog::GpuCapacity gpu;               // Of one node; gpus 0 with llamacpp.
  int nodes = 1;
  apis::StringMap node_selector;   // labelSelector and what the provisioner adds; sanitised.
  std::string revision;            // "3"; annotation workspace.kaito.io/revision.
  bool nvme_class_exists = false;  // StorageClass kaito-local-nvme-disk.
  // Hash of the ConfigMap's content; empty: none, or it cannot be read. A change restarts the pods.
  std::string config_hash = {};
  std::string model_revision = {};  // Empty: whatever the hub calls main when a pod starts.
  // Tuning: output_dir of the training config. Empty: /mnt/output, or what our templates say.
  std::string tuning_output_dir = {};
  const MirroredWeights* weights = nullptr;  // Null: each pod downloads them. vLLM only.
};

// A preset that the llamacpp runtime's image holds: "packaged:NAME", "smollm2-135m-instruct". It
// needs no catalogue entry (ServingRequest::model may be null) and no download.
bool is_packaged_model(std::string_view preset);

// vLLM, transformers or llamacpp command line of the main container, without shell wrapping of
// several nodes. Keys in a fixed order, that of the table in serving_command.cc. What users wrote
// is quoted for /bin/sh.
std::string serving_command(const ServingRequest& request);

// apps/v1 StatefulSet: for a preset, or for a pod template; the whole desired state. `observed`
// (null if none): immutable fields (selector, serviceName, volumeClaimTemplates,
// podManagementPolicy) are kept from it, and so is what means the same in other words (upstream's
// flags and node affinity come in random order), so that a take-over restarts no pod; the rules are
// in detail/serving_adoption.h. kInvalidArgument: a model or adapter that this runtime cannot
// serve; kFailedPrecondition: no GPU to serve it on.
Result<Json> render_stateful_set(const ServingRequest& request, const Json& observed);
// core/v1 Services of an inference Workspace: `<ws>` and `<ws>-headless`.
std::vector<Json> render_services(const ServingRequest& request);
// batch/v1 Job of a tuning Workspace. kInvalidArgument if the model cannot be tuned. A Job's pod
// template is immutable: delete the Job (foreground) when the revision changes, never re-apply it.
// Its ConfigMap (tuning_config_name()) must be in the Workspace's namespace.
Result<Json> render_tuning_job(const ServingRequest& request);
// tuning.config; if that is empty `<method>-params-template`, to be copied from the operator's
// namespace.
std::string tuning_config_name(const apis::TuningSpec& tuning);

// Labels that may not be used for scheduling are stripped (kaito.sh/workspace and so on).
apis::StringMap sanitized_selector(const apis::LabelSelector& selector);

}  // namespace rage::op
