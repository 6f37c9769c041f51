#include "catalog/gpu.h"

#include <algorithm>
#include <array>

#include "base/strings.h"

namespace rage::catalog {
namespace {

constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;
// Labels are written by others: anything larger is a mistake, not a GPU.
constexpr std::uint64_t kGpusMax = 1024;
constexpr std::uint64_t kMemoryMibMax = std::uint64_t{1} << 30;

constexpr GpuSku kSkus[] = {
#include "catalog/data/skus.inc"
};

constexpr std::string_view kMigProfiles[] = {
    "1g.5gb",  "1g.6gb",  "1g.10gb", "1g.12gb", "1g.18gb", "1g.20gb",  "1g.23gb",
    "1g.24gb", "1g.35gb", "1g.45gb", "2g.10gb", "2g.12gb", "2g.20gb",  "2g.24gb",
    "2g.35gb", "2g.45gb", "3g.20gb", "3g.40gb", "3g.47gb", "3g.48gb",  "3g.71gb",
    "3g.90gb", "4g.20gb", "4g.24gb", "4g.40gb", "4g.47gb", "4g.48gb",  "4g.71gb",
    "4g.90gb", "7g.40gb", "7g.80gb", "7g.94gb", "7g.96gb", "7g.141gb", "7g.180gb",
};

Result<std::uint64_t> label_number(std::string_view label, std::string_view text,
                                   std::uint64_t most) {
  if (text.empty()) {
    return fail(ErrorCode::kFailedPrecondition, "label nvidia.com/gpu.{} is absent", label);
  }
  const auto value = parse_uint(text);
  if (value && *value > 0 && *value <= most) return *value;
  return fail(ErrorCode::kFailedPrecondition, "label nvidia.com/gpu.{} is no usable number: '{}'",
              label, text);
}

}  // namespace

std::string_view name_of(Cloud cloud) {
  switch (cloud) {
    case Cloud::kAzure:
      return "azure";
    case Cloud::kAws:
      return "aws";
    case Cloud::kArc:
      return "arc";
  }
  return "";
}

std::span<const GpuSku> gpu_skus() {
  return kSkus;
}

const GpuSku* find_sku(std::string_view instance_type) {
  const auto found = std::ranges::find_if(kSkus, [&](const GpuSku& sku) {
    return equals_ignoring_case(sku.instance_type, instance_type);
  });
  return found == std::end(kSkus) ? nullptr : found;
}

GpuCapacity capacity_of(const GpuSku& sku) {
  return {
      .gpus = sku.gpus,
      .memory_bytes_per_gpu =
          static_cast<std::uint64_t>(sku.memory_gib) * kGiB / static_cast<std::uint64_t>(sku.gpus),
      .model = std::string(sku.model),
      .nvme = sku.nvme,
      .mig_profile = {},
      .cloud = sku.cloud,
  };
}

std::span<const std::string_view> mig_profiles() {
  return kMigProfiles;
}

Result<GpuCapacity> mig_capacity(std::string_view profile) {
  if (std::ranges::find(kMigProfiles, profile) == std::end(kMigProfiles)) {
    return fail(ErrorCode::kInvalidArgument, "'{}' is not a known MIG profile; known are {}",
                profile, fmt::join(kMigProfiles, ", "));
  }
  const std::size_t dot = profile.find('.');
  const auto gib = parse_uint(profile.substr(dot + 1, profile.size() - dot - 3));  // Less "gb".
  return GpuCapacity{
      .gpus = 1,
      .memory_bytes_per_gpu = gib.value_or(0) * kGiB,
      .model = {},
      .nvme = false,
      .mig_profile = std::string(profile),
  };
}

Result<GpuCapacity> capacity_of_labels(std::string_view product, std::string_view count,
                                       std::string_view memory_mib) {
  if (product.empty()) {
    return fail(ErrorCode::kFailedPrecondition, "label nvidia.com/gpu.product is absent");
  }
  ASSIGN_OR_RETURN(const std::uint64_t gpus, label_number("count", count, kGpusMax));
  ASSIGN_OR_RETURN(const std::uint64_t mib, label_number("memory", memory_mib, kMemoryMibMax));
  // A card reports a little less than it is sold as: 81559 MiB is an "80 GiB" A100.
  const std::uint64_t gib = (mib + 512) / 1024;
  return GpuCapacity{
      .gpus = static_cast<int>(gpus),
      .memory_bytes_per_gpu = gib * kGiB,
      .model = std::string(product),
      .nvme = false,
      .mig_profile = {},
  };
}

}  // namespace rage::catalog
