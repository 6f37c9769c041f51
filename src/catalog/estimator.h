// How many nodes a model needs, as a pure function.
//
//   A  = memory of one GPU x utilisation            utilisation 0.84; 0.82 on "NVIDIA A10", which
//                                                   is what the server is told, too
//   F  = 2.3 GiB + KV(context) / GPUs a node        what every GPU holds besides weights
//   W  = (A - F) / 1.05                             room for weights on one GPU
//   n  = ceil(weights x 1.02 / W)                   GPUs;   nodes = ceil(n / GPUs a node)
//
// KV(c) = bytes x heads x head_dim x 2 x sum over layers of min(c, window of the layer), where MLA
// has (kv_lora_rank + qk_rope_head_dim) instead of 2 x heads x head_dim, and bytes is 1 for an fp8
// cache, else 2. EstimateRules::kUpstream reproduces the original instead: all files, every layer
// full, two bytes, 0.84 everywhere, floor(...) + 1.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"
#include "catalog/catalog.h"
#include "catalog/gpu.h"

namespace rage::catalog {

enum class EstimateRules { kTruthful, kUpstream };

struct EstimateRequest {
  std::uint32_t context_tokens = 2048;
  EstimateRules rules = EstimateRules::kTruthful;
};

// Value. Bytes unless it says otherwise.
struct Estimate {
  int nodes = 0;
  int gpus = 0;                    // nodes x GPUs a node.
  std::uint64_t weight_bytes = 0;  // With the 2 % that loading adds.
  std::uint64_t kv_bytes = 0;      // For the requested context, all GPUs together.
  std::uint64_t usable_bytes_per_gpu = 0;
  std::uint64_t spare_bytes_per_gpu = 0;  // What is left for more KV cache.
  // The longest sequence there is room for, up to the model's own limit. With copies side by side
  // (Parallelism::kData) a sequence has one GPU alone: it can be less than was asked for.
  std::uint64_t context_tokens_fit = 0;
  double utilization = 0.84;
};

// kFailedPrecondition if not even the overhead fits, or a MIG slice is too small; the message says
// by how much, and what would fit.
Result<Estimate> estimate(const Model& model, const GpuCapacity& node,
                          const EstimateRequest& request = {});

// KV bytes of one sequence of that length.
std::uint64_t kv_cache_bytes(const Model& model, std::uint32_t context_tokens, EstimateRules rules);

enum class Parallelism { kSingle, kData, kTensor, kTensorPipeline };
// How `nodes` of that kind share the model: copies if two fit twice over, else one cut up.
Parallelism parallelism(const Model& model, const GpuCapacity& node, int nodes);

// "107Gi": weights + 80 GiB, floored.
std::string disk_requirement(const Model& model);

}  // namespace rage::catalog
