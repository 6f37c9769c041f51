// What the renderers ask about a request, and what every pod has whatever its runtime.
#include <fmt/format.h>

#include <algorithm>

#include "apis/reserved_labels.h"
#include "base/check.h"
#include "base/strings.h"
#include "operator/detail/serving_packaged.h"
#include "operator/detail/serving_pod.h"

namespace rage::op {

Runtime runtime_of(const ObjectMeta& meta, const Settings& settings) {
  const std::string runtime = meta.annotation("kaito.sh/runtime");
  if (runtime == "llamacpp") return Runtime::kLlamaCpp;
  if (runtime == "transformers" || !settings.vllm) return Runtime::kTransformers;
  return Runtime::kVllm;
}

apis::StringMap sanitized_selector(const apis::LabelSelector& selector) {
  // What cannot be a map (validation refuses it) keeps at least its matchLabels.
  apis::StringMap labels = selector.as_map().value_or(selector.match_labels);
  for (const std::string_view key : apis::kReservedLabels) labels.erase(std::string(key));
  return labels;
}

namespace detail {

Runtime runtime_of(const ServingRequest& request) {
  return op::runtime_of(request.workspace.meta, request.settings);
}

const apis::InferenceSpec& inference_of(const ServingRequest& request) {
  CHECK(request.workspace.inference.has_value());
  return *request.workspace.inference;
}

std::string preset_name(const ServingRequest& request) {
  const std::optional<apis::Preset>& preset = inference_of(request).preset;
  return preset ? preset->name : std::string();
}

bool is_multi_node(const ServingRequest& request) {
  return request.nodes > 1 && runtime_of(request) == Runtime::kVllm;
}

std::string inference_role(const ServingRequest& request) {
  const apis::ObjectMeta& meta = request.workspace.meta;
  if (runtime_of(request) != Runtime::kVllm) return {};
  const std::string role = meta.label(kRoleLabel);
  return role == "prefill" || role == "decode" ? role : std::string();
}

bool is_decode(const ServingRequest& request) {
  return inference_role(request) == "decode";
}

std::string served_name(const ServingRequest& request) {
  const apis::ObjectMeta& meta = request.workspace.meta;
  const std::string set = meta.label(kInferenceSetLabel);
  // Both roles of a MultiRoleInference answer to the model's name, though each has its own set.
  if (!set.empty() && meta.label(kMultiRoleLabel).empty()) return set;
  if (request.model != nullptr) return request.model->served_name;
  return to_lower_ascii(packaged_model_name(preset_name(request)));
}

std::string local_weights_path(const ServingRequest& request) {
  if (request.workspace.meta.annotation("kaito.sh/use-local-weights") != "true") return {};
  std::string folder = to_lower_ascii(preset_name(request));
  std::ranges::replace(folder, '/', '-');
  return "/opt/kaito/models/" + folder;
}

std::string leader_address(const ServingRequest& request) {
  const apis::ObjectMeta& meta = request.workspace.meta;
  return fmt::format("{0}-0.{0}-headless.{1}.svc.cluster.local", meta.name, meta.ns);
}

bool wants_weights_claim(const ServingRequest& request) {
  return request.gpu.nvme && request.nvme_class_exists && local_weights_path(request).empty() &&
         request.weights == nullptr && runtime_of(request) != Runtime::kLlamaCpp;
}

Json selector_labels(const apis::Workspace& workspace) {
  Json labels = {{kWorkspaceLabel, workspace.meta.name}};
  for (const std::string_view key : {kInferenceSetLabel, kMultiRoleLabel, kRoleLabel}) {
    if (workspace.meta.labels.contains(std::string(key)))
      labels[std::string(key)] = workspace.meta.label(key);
  }
  return labels;
}

Json tolerations(const ServingRequest& request) {
  Json all = Json::array({
      {{"key", "nvidia.com/gpu"}, {"operator", "Exists"}, {"effect", "NoSchedule"}},
      {{"key", "sku"}, {"operator", "Equal"}, {"value", "gpu"}, {"effect", "NoSchedule"}},
  });
  if (request.settings.cloud == catalog::Cloud::kAzure) {
    all.push_back({{"key", "kubernetes.azure.com/scalesetpriority"},
                   {"operator", "Equal"},
                   {"value", "spot"},
                   {"effect", "NoSchedule"}});
  }
  if (!request.gpu.mig_profile.empty())
    all.push_back({{"key", "nvidia.com/mig-" + request.gpu.mig_profile}, {"operator", "Exists"}});
  return all;
}

Json node_expressions(const ServingRequest& request) {
  Json expressions = Json::array();
  for (const auto& [key, value] : request.node_selector)
    expressions.push_back({{"key", key}, {"operator", "In"}, {"values", Json::array({value})}});
  return expressions;
}

Json node_affinity(const ServingRequest& request) {
  Json expressions = node_expressions(request);
  if (expressions.empty()) return nullptr;
  Json term;
  term["matchExpressions"] = std::move(expressions);
  Json required;
  required["nodeSelectorTerms"] = Json::array({std::move(term)});
  Json affinity;
  affinity["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"] = std::move(required);
  return affinity;
}

}  // namespace detail
}  // namespace rage::op
