// What a Workspace needs: its model, the GPUs of one node, how many nodes.
#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "apis/kinds.h"
#include "operator/detail/json_path.h"
#include "operator/detail/workspace_planning.h"
#include "operator/node_index.h"

namespace rage::op::detail {
namespace {

constexpr std::chrono::seconds kHubRetry{60};
constexpr std::uint32_t kContextTokensOfUpstream =
    2048;  // Upstream's, when no max-model-len is given.

const apis::Preset* preset_of(const apis::Workspace& workspace) {
  if (workspace.inference && workspace.inference->preset) return &*workspace.inference->preset;
  if (workspace.tuning && workspace.tuning->preset) return &*workspace.tuning->preset;
  return nullptr;
}

Result<const catalog::Model*> resolve_model(const Pass& pass, Runtime runtime) {
  const apis::Preset* preset = preset_of(pass.workspace);
  if (preset == nullptr) return nullptr;
  if (runtime == Runtime::kLlamaCpp && is_packaged_model(preset->name)) return nullptr;
  if (const catalog::Model* known = catalog::find_model(preset->name)) return known;
  if (catalog::is_deprecated(preset->name)) {
    return fail(ErrorCode::kInvalidArgument,
                "model {} is no longer supported: choose one of `rage model list`, or a Hugging "
                "Face id",
                preset->name);
  }
  if (!catalog::is_valid_name(preset->name)) {
    return fail(ErrorCode::kInvalidArgument,
                "model {} is not known: give a preset's name or a Hugging Face id (owner/name)",
                preset->name);
  }
  if (pass.observed.hub_model) return &*pass.observed.hub_model;
  if (pass.observed.hub_error) return fail(*pass.observed.hub_error);
  return fail(Error{.code = ErrorCode::kUnavailable,
                    .message = fmt::format("model {} is not in the catalogue, and the hub has not "
                                           "described it yet",
                                           preset->name),
                    .retry_after = kHubRetry});
}

std::string label_of(const NodeView& node, std::string_view key) {
  const auto found = node.labels.get().find(std::string(key));
  return found == node.labels.get().end() ? std::string() : found->second;
}

// Of the first ready node, by name, whose labels tell; or why none does.
Result<catalog::GpuCapacity> own_capacity(const Pass& pass) {
  std::optional<Error> first;
  for (const NodeView& node : pass.observed.nodes.nodes) {
    if (!node.ready) continue;
    auto capacity = catalog::capacity_of_labels(label_of(node, "nvidia.com/gpu.product"),
                                                label_of(node, "nvidia.com/gpu.count"),
                                                label_of(node, "nvidia.com/gpu.memory"));
    if (capacity) return capacity;
    if (!first) {
      first = std::move(capacity).error().with_context(fmt::format(
          "the GPUs of node {} are not known (is GPU feature discovery installed?)", node.name));
    }
  }
  if (first) return fail(*std::move(first));
  const NodeDemand wanted = node_demand(pass, {.nodes = 1});
  return fail(ErrorCode::kFailedPrecondition, "{}",
              describe_own_nodes(wanted, pass.observed.nodes.nodes));
}

Result<catalog::GpuCapacity> node_capacity(const Pass& pass) {
  const apis::ResourceSpec& resource = pass.workspace.resource;
  if (brings_own_nodes(resource, pass.settings)) return own_capacity(pass);
  const catalog::GpuSku* sku = catalog::find_sku(resource.instance_type);
  if (sku != nullptr) return catalog::capacity_of(*sku);
  return fail(ErrorCode::kFailedPrecondition,
              "the GPUs of instance type {} are not known: use one that `rage estimate` lists, or "
              "bring your own nodes",
              resource.instance_type);
}

// What one pod gets of one node.
Result<catalog::GpuCapacity> pod_capacity(const Pass& pass, Runtime runtime) {
  if (runtime == Runtime::kLlamaCpp) return catalog::GpuCapacity{};
  const auto& partition = pass.workspace.resource.partition;
  if (partition && partition->mode == apis::PartitionMode::kMig) {
    return catalog::mig_capacity(partition->profile);
  }
  auto capacity = node_capacity(pass);
  if (!capacity || !partition || !partition->count) return capacity;
  if (*partition->count > capacity->gpus) {
    return fail(ErrorCode::kFailedPrecondition,
                "partition.count asks for {} GPUs, a node has {}: ask for fewer, or label larger "
                "nodes",
                *partition->count, capacity->gpus);
  }
  capacity->gpus = *partition->count;
  return capacity;
}

Result<int> estimated_nodes(const Pass& pass, const WorkspaceDemand& demand) {
  catalog::EstimateRequest request;
  if (pass.settings.upstream_estimates) request.rules = catalog::EstimateRules::kUpstream;
  const int context = pass.observed.max_model_len.value_or(0);
  request.context_tokens =
      context > 0 ? static_cast<std::uint32_t>(context) : kContextTokensOfUpstream;
  ASSIGN_OR_RETURN(const catalog::Estimate estimate,
                   catalog::estimate(*demand.model, demand.gpu, request));
  return std::max(1, estimate.nodes);
}

Result<int> count_nodes(const Pass& pass, Runtime runtime, const WorkspaceDemand& demand,
                        NodeCount count) {
  const apis::Workspace& workspace = pass.workspace;
  const int asked = std::max(1, workspace.resource.count);
  if (workspace.tuning) return 1;
  if (preset_of(workspace) == nullptr) return asked;  // A pod template.
  switch (runtime) {
    case Runtime::kLlamaCpp:
      return 1;  // llama-server does not share a model among nodes.
    case Runtime::kTransformers:
      return asked;
    case Runtime::kVllm:
      break;
  }
  int nodes = workspace.status.target_node_count;
  if (count == NodeCount::kAnew || nodes < 1) {
    ASSIGN_OR_RETURN(nodes, estimated_nodes(pass, demand));
  }
  // Upstream ignores resource.count here, and manifests carry counts that nobody meant (the default
  // is 1, examples copy others): honoured only on request.
  const bool respected = workspace.meta.annotation("rage.dev/respect-count") == "true";
  return respected ? std::max(nodes, asked) : nodes;
}

int gpus_of_template(const Json& pod_template) {
  const Json* spec = codec::find_key(pod_template, "spec");
  return spec == nullptr ? 0 : gpus_of_pod({{"spec", *spec}});
}

// Where the pods run, then what the status says.
std::vector<std::string> held_nodes(const Pass& pass) {
  std::vector<std::string> held;
  for (const Json& pod : pass.observed.pods) {
    if (apis::parse_meta(pod).deleting) continue;
    const std::string node = text_at(pod, {"spec", "nodeName"});
    if (!node.empty()) held.push_back(node);
  }
  std::ranges::sort(held);
  const auto& before = pass.workspace.status.worker_nodes;
  held.insert(held.end(), before.begin(), before.end());
  return held;
}

}  // namespace

Result<WorkspaceDemand> resolve_demand(const Pass& pass, NodeCount count) {
  const apis::Workspace& workspace = pass.workspace;
  if (!workspace.inference && !workspace.tuning) {
    return fail(ErrorCode::kInvalidArgument, "neither inference nor tuning is given");
  }
  // Tuning has one implementation, whatever serves.
  const Runtime runtime =
      workspace.tuning ? Runtime::kTransformers : runtime_of(workspace.meta, pass.settings);
  WorkspaceDemand demand;
  if (preset_of(workspace) == nullptr) {
    if (workspace.inference)
      demand.gpus_per_node = gpus_of_template(workspace.inference->pod_template);
  } else {
    ASSIGN_OR_RETURN(demand.model, resolve_model(pass, runtime));
    ASSIGN_OR_RETURN(demand.gpu, pod_capacity(pass, runtime));
    // The scheduler places MIG slices: they are devices of their own, not counted here.
    demand.gpus_per_node = demand.gpu.mig_profile.empty() ? demand.gpu.gpus : 0;
  }
  if (demand.model != nullptr) demand.disk = catalog::disk_requirement(*demand.model);
  ASSIGN_OR_RETURN(demand.nodes, count_nodes(pass, runtime, demand, count));
  return demand;
}

WorkspaceDemand demand_of_running(const Pass& pass) {
  const Json& running =
      pass.workspace.tuning ? pass.observed.tuning_job : pass.observed.stateful_set;
  WorkspaceDemand demand;
  demand.nodes = std::max(1, int_at(running, {"spec", "replicas"}, 1));
  if (const Json* pod = find_path(running, {"spec", "template"})) {
    demand.gpus_per_node = gpus_of_template(*pod);
  }
  return demand;
}

NodeDemand node_demand(const Pass& pass, const WorkspaceDemand& demand) {
  return {.owner_type = apis::workspace_type(),
          .owner = pass.workspace.meta,
          .resource = pass.workspace.resource,
          .count = demand.nodes,
          .gpus_per_node = demand.gpus_per_node,
          .disk = demand.disk,
          .held = held_nodes(pass)};
}

}  // namespace rage::op::detail
