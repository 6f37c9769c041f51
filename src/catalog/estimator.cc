#include "catalog/estimator.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

namespace rage::catalog {
namespace {

constexpr double kBytesPerGiB = 1 << 30;
constexpr double kUtilization = 0.84;
constexpr double kUtilizationA10 = 0.82;
constexpr double kLoadedFactor = 1.02;              // What loading adds to the size of the files.
constexpr double kWeightOverheadFactor = 1.05;      // Activations and graphs grow with the weights.
constexpr double kFixedBytes = 2.3 * kBytesPerGiB;  // CUDA context, buffers.
constexpr double kDiskGiB = 80;                     // Image and cache beside the weights.
// More than this is not a plan but a GPU that holds next to nothing.
constexpr double kPlanGpusMax = 100'000;
// Older GPUs and those of others cannot run the images.
constexpr double kComputeCapabilityMin = 8.0;

double gib(double bytes) {
  return bytes / kBytesPerGiB;
}

std::uint64_t saturate(double value) {
  constexpr double kMost = 18446744073709549568.0;  // The largest double below 2^64.
  return value <= 0 ? 0 : static_cast<std::uint64_t>(std::min(value, kMost));
}

std::uint64_t weights_of(const Model& model, EstimateRules rules) {
  if (rules == EstimateRules::kUpstream || model.loaded_weight_bytes == 0) {
    return model.weight_bytes;
  }
  return model.loaded_weight_bytes;
}

double kv_bytes(const Model& model, double tokens, EstimateRules rules) {
  const AttentionShape& shape = model.attention;
  if (rules == EstimateRules::kUpstream || shape.layers == 0) {  // 0: the layers are not known.
    return static_cast<double>(model.kv_bytes_per_token) * tokens;
  }
  const auto dtype = model.vllm.extra_flags.find("kv-cache-dtype");
  const bool fp8 = dtype != model.vllm.extra_flags.end() && dtype->second.starts_with("fp8");
  const double number_bytes = fp8 ? 1 : 2;
  double full = 2.0 * (shape.full_kv_heads > 0 ? shape.full_kv_heads : shape.kv_heads) *
                (shape.full_head_dim > 0 ? shape.full_head_dim : shape.head_dim);
  double sliding = 2.0 * shape.kv_heads * shape.head_dim;
  if (shape.kv_lora_rank > 0) full = sliding = shape.kv_lora_rank + shape.qk_rope_head_dim;
  const double window = shape.sliding_window > 0 ? shape.sliding_window : tokens;
  return number_bytes * (full * shape.attention_layers * tokens +
                         sliding * shape.sliding_layers * std::min(tokens, window));
}

// One GPU's memory, divided.
struct Budget {
  double utilization = 0;
  double usable = 0;    // A
  double overhead = 0;  // F
  double weights = 0;   // Of the whole model.

  double weight_room() const { return (usable - overhead) / kWeightOverheadFactor; }
  // Memory of one GPU when the weights are spread over `gpus` of them.
  double needed(double gpus) const { return overhead + weights * kWeightOverheadFactor / gpus; }
};

Budget budget_of(const Model& model, const GpuCapacity& node, const EstimateRequest& request) {
  const bool reduced = request.rules == EstimateRules::kTruthful && node.model == "NVIDIA A10";
  const double utilization = reduced ? kUtilizationA10 : kUtilization;
  return {
      .utilization = utilization,
      .usable = static_cast<double>(node.memory_bytes_per_gpu) * utilization,
      .overhead = kFixedBytes + kv_bytes(model, request.context_tokens, request.rules) / node.gpus,
      .weights = static_cast<double>(weights_of(model, request.rules)) * kLoadedFactor,
  };
}

// How one copy of the model lies on the GPUs. Copies side by side (data parallelism) each hold all
// of the weights, and a sequence has one GPU's room, not the node's.
struct Placement {
  double weight_gpus = 1;  // That share the weights.
  double cache_gpus = 1;   // That share a sequence's KV cache.
};

Placement placement_of(const Model& model, const GpuCapacity& node, int nodes) {
  if (parallelism(model, node, nodes) == Parallelism::kData) return {};
  return {.weight_gpus = static_cast<double>(nodes) * node.gpus,
          .cache_gpus = static_cast<double>(node.gpus)};
}

// Bytes on one GPU that are neither weights nor fixed: room for KV cache.
double cache_room(const Budget& budget, const Placement& placement) {
  return budget.usable - kFixedBytes -
         budget.weights * kWeightOverheadFactor / placement.weight_gpus;
}

// The longest sequence that fits; a model's own limit is not exceeded.
std::uint64_t longest_context(const Model& model, EstimateRules rules, double room) {
  std::uint64_t fits = 0;
  std::uint64_t limit = model.context_tokens_max > 0 ? model.context_tokens_max
                                                     : std::numeric_limits<std::uint32_t>::max();
  while (fits < limit) {
    const std::uint64_t middle = fits + (limit - fits + 1) / 2;
    if (kv_bytes(model, static_cast<double>(middle), rules) <= room) {
      fits = middle;
    } else {
      limit = middle - 1;
    }
  }
  return fits;
}

std::string describe_node(const GpuCapacity& node) {
  const double memory = gib(static_cast<double>(node.memory_bytes_per_gpu));
  if (!node.mig_profile.empty()) return fmt::format("MIG slice {}", node.mig_profile);
  return fmt::format("a {}GPU of {:.0f} GiB", node.model.empty() ? "" : node.model + " ", memory);
}

// Without a recommendation.
Result<Estimate> try_estimate(const Model& model, const GpuCapacity& node,
                              const EstimateRequest& request) {
  if (node.gpus <= 0 || node.memory_bytes_per_gpu == 0) {
    return fail(ErrorCode::kFailedPrecondition, "the node has no GPU");
  }
  const Budget budget = budget_of(model, node, request);
  const double weight_room = budget.weight_room();
  const double ratio = weight_room > 0 ? budget.weights / weight_room : kPlanGpusMax + 1;
  if (ratio > kPlanGpusMax) {
    return fail(ErrorCode::kFailedPrecondition,
                "{} is too small for {} with {} tokens: {:.1f} GiB of it can be used, {:.1f} GiB "
                "are needed besides any weights; {:.1f} GiB are missing",
                describe_node(node), model.id, request.context_tokens, gib(budget.usable),
                gib(budget.overhead), gib(std::max(0.0, budget.overhead - budget.usable)));
  }
  const double whole = request.rules == EstimateRules::kUpstream ? std::floor(ratio) + 1
                                                                 : std::max(1.0, std::ceil(ratio));
  const int nodes = static_cast<int>(std::ceil(whole / node.gpus));
  if (!node.mig_profile.empty() && nodes > 1) {
    return fail(ErrorCode::kFailedPrecondition,
                "{} is too small for {} with {} tokens: {:.1f} GiB of it can be used, {:.1f} GiB "
                "are needed; {:.1f} GiB are missing",
                describe_node(node), model.id, request.context_tokens, gib(budget.usable),
                gib(budget.needed(1)), gib(budget.needed(1) - budget.usable));
  }
  const double cache = kv_bytes(model, request.context_tokens, request.rules);
  const Placement placement = placement_of(model, node, nodes);
  const double room = cache_room(budget, placement);
  return Estimate{
      .nodes = nodes,
      .gpus = nodes * node.gpus,
      .weight_bytes = saturate(budget.weights),
      .kv_bytes = saturate(cache),
      .usable_bytes_per_gpu = saturate(budget.usable),
      .spare_bytes_per_gpu = saturate(room - cache / placement.cache_gpus),
      .context_tokens_fit = longest_context(model, request.rules, room * placement.cache_gpus),
      .utilization = budget.utilization,
  };
}

std::string fitting_mig_profile(const Model& model, const EstimateRequest& request) {
  std::optional<GpuCapacity> best;
  for (const std::string_view profile : mig_profiles()) {
    const auto slice = mig_capacity(profile);
    if (!slice || !try_estimate(model, *slice, request)) continue;
    if (!best || slice->memory_bytes_per_gpu < best->memory_bytes_per_gpu) best = *slice;
  }
  return best ? fmt::format("{} would fit", best->mig_profile) : "no MIG profile would fit";
}

// The instance type of that cloud with the fewest nodes, then the least memory.
std::string fitting_sku(const Model& model, const EstimateRequest& request, Cloud cloud) {
  const GpuSku* best = nullptr;
  int best_nodes = 0;
  for (const GpuSku& sku : gpu_skus()) {
    if (sku.cloud != cloud || sku.compute_capability < kComputeCapabilityMin) continue;
    const auto found = try_estimate(model, capacity_of(sku), request);
    if (!found) continue;
    if (best == nullptr || found->nodes < best_nodes ||
        (found->nodes == best_nodes && sku.memory_gib < best->memory_gib)) {
      best = &sku;
      best_nodes = found->nodes;
    }
  }
  if (best == nullptr) return fmt::format("no instance type of {} would fit", name_of(cloud));
  return fmt::format("{} x {} would fit", best_nodes, best->instance_type);
}

std::string what_would_fit(const Model& model, const GpuCapacity& node,
                           const EstimateRequest& request) {
  if (node.gpus <= 0) return "a node with a GPU is needed";
  if (!node.mig_profile.empty()) return fitting_mig_profile(model, request);
  if (node.cloud) return fitting_sku(model, request, *node.cloud);
  const Budget budget = budget_of(model, node, request);
  return fmt::format("{} of {:.0f} GiB would fit", node.gpus == 1 ? "a GPU" : "GPUs",
                     std::ceil(gib(budget.needed(node.gpus) / budget.utilization)));
}

}  // namespace

Result<Estimate> estimate(const Model& model, const GpuCapacity& node,
                          const EstimateRequest& request) {
  auto result = try_estimate(model, node, request);
  if (!result) {
    return fail(result.error().code, "{}; {}", result.error().message,
                what_would_fit(model, node, request));
  }
  return result;
}

std::uint64_t kv_cache_bytes(const Model& model, std::uint32_t context_tokens,
                             EstimateRules rules) {
  return saturate(kv_bytes(model, context_tokens, rules));
}

Parallelism parallelism(const Model& model, const GpuCapacity& node, int nodes) {
  if (nodes > 1) return Parallelism::kTensorPipeline;
  if (node.gpus <= 1) return Parallelism::kSingle;
  const double weights = static_cast<double>(weights_of(model, EstimateRules::kTruthful));
  const bool twice_over = 2 * weights < static_cast<double>(node.memory_bytes_per_gpu);
  return twice_over ? Parallelism::kData : Parallelism::kTensor;
}

std::string disk_requirement(const Model& model) {
  return fmt::format("{:.0f}Gi",
                     std::floor(gib(static_cast<double>(model.weight_bytes)) + kDiskGiB));
}

}  // namespace rage::catalog
