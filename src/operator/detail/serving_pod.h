// The parts of a serving pod, each a function of the request. Shapes, names, paths and order are
// upstream's: a pod that upstream made must compare equal.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "operator/serving.h"

namespace rage::op::detail {

inline constexpr std::string_view kWorkspaceLabel = "kaito.sh/workspace";
inline constexpr std::string_view kInferenceSetLabel = "inferenceset.kaito.sh/created-by";
inline constexpr std::string_view kMultiRoleLabel = "multiroleinference.kaito.sh/created-by";
inline constexpr std::string_view kRoleLabel = "kaito.sh/inference-role";
inline constexpr std::string_view kRevisionAnnotation = "workspace.kaito.io/revision";
inline constexpr std::string_view kConfigHashAnnotation = "rage.dev/config-hash";
inline constexpr std::string_view kWeightsVolume = "model-weights-volume";
inline constexpr int kServicePort = 5000;  // What the Service and the endpoint picker talk to.
inline constexpr int kKvEventsPort = 5557;
inline constexpr int kRayPort = 6379;
inline constexpr int kRayDashboardPort = 8265;

// What the renderers ask about a request.
Runtime runtime_of(const ServingRequest& request);
const apis::InferenceSpec& inference_of(const ServingRequest& request);  // Bug if it has none.
std::string preset_name(const ServingRequest& request);                  // "" with a pod template.
bool is_multi_node(const ServingRequest& request);  // One model cut over several pods.
// "prefill" or "decode" in a MultiRoleInference, else "".
std::string inference_role(const ServingRequest& request);
bool is_decode(const ServingRequest& request);
// Where the model server listens: behind the routing sidecar it makes room for it.
int server_port(const ServingRequest& request);
// The name that clients send as "model".
std::string served_name(const ServingRequest& request);
// "/opt/kaito/models/microsoft-phi-4" with the annotation kaito.sh/use-local-weights, else "".
std::string local_weights_path(const ServingRequest& request);
std::string leader_address(const ServingRequest& request);
// Our cache directory for weights comes from a claim, not from the node's disk.
bool wants_weights_claim(const ServingRequest& request);

// kaito.sh/workspace, and the labels of parents that are handed down: selector and pod labels.
Json selector_labels(const apis::Workspace& workspace);
Json tolerations(const ServingRequest& request);
// matchExpressions of the request's node selector; empty if there is none.
Json node_expressions(const ServingRequest& request);
// Null if there is no selector.
Json node_affinity(const ServingRequest& request);
// {"limits": {...}, "requests": {...}} with the GPUs of one pod.
Json gpu_resources(const ServingRequest& request);
Json shared_memory_volume();
// [HF_TOKEN from the preset's secret], or [].
Json model_token_env(const ServingRequest& request);

// spec of the pods of a preset with upstream's image.
Result<Json> preset_pod(const ServingRequest& request);
// spec of the pods of our llamacpp runtime.
Result<Json> llamacpp_pod(const ServingRequest& request);
// The user's pod template with our labels, affinity and tolerations.
Result<Json> merged_template(const ServingRequest& request);

// The script of the main container: serving_command(), wrapped for several nodes.
std::string container_script(const ServingRequest& request);
std::vector<std::string> llamacpp_arguments(const ServingRequest& request);

// startupProbe, livenessProbe, readinessProbe.
void add_probes(const ServingRequest& request, Json& container);
// Tries of ten seconds that loading weights of that size may take.
int startup_failures_max(std::uint64_t weight_bytes);

}  // namespace rage::op::detail
