// GPUs that clouds sell by instance type, MIG slices, and what a node's labels say.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

namespace rage::catalog {

enum class Cloud { kAzure, kAws, kArc };
std::string_view name_of(Cloud cloud);  // "azure"

struct GpuSku {
  Cloud cloud = Cloud::kAzure;
  std::string_view instance_type;  // "Standard_NC24ads_A100_v4"
  int gpus = 0;
  int memory_gib = 0;      // Of all GPUs together.
  std::string_view model;  // "NVIDIA A100"
  bool nvme = false;
  double compute_capability = 0;
};

std::span<const GpuSku> gpu_skus();
// Any case; every cloud. Null if unknown.
const GpuSku* find_sku(std::string_view instance_type);

// Value. What one pod can have on one node.
struct GpuCapacity {
  int gpus = 0;  // 0: none.
  std::uint64_t memory_bytes_per_gpu = 0;
  std::string model = {};  // May be empty.
  bool nvme = false;
  std::string mig_profile = {};     // "3g.40gb"; then gpus is 1.
  std::optional<Cloud> cloud = {};  // Whose instance types an error may recommend.
};

GpuCapacity capacity_of(const GpuSku& sku);
std::span<const std::string_view> mig_profiles();
// "3g.40gb" -> 40 GiB. kInvalidArgument if it is none of the known profiles.
Result<GpuCapacity> mig_capacity(std::string_view profile);
// Labels nvidia.com/gpu.{product,count,memory} of GPU feature discovery (memory in MiB, rounded to
// GiB). kFailedPrecondition names the label that is absent.
Result<GpuCapacity> capacity_of_labels(std::string_view product, std::string_view count,
                                       std::string_view memory_mib);

}  // namespace rage::catalog
