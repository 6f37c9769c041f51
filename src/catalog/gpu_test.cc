#include "catalog/gpu.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rage::catalog {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;

TEST(GpuSkus, FindsByInstanceTypeInAnyCase) {
  const GpuSku* sku = find_sku("standard_nc96ads_a100_V4");
  ASSERT_NE(sku, nullptr);
  EXPECT_EQ(sku->cloud, Cloud::kAzure);
  EXPECT_EQ(sku->gpus, 4);
  const GpuCapacity node = capacity_of(*sku);
  EXPECT_EQ(node.gpus, 4);
  EXPECT_EQ(node.memory_bytes_per_gpu, 80 * kGiB);
  EXPECT_EQ(node.model, "NVIDIA A100");
  EXPECT_TRUE(node.nvme);
  EXPECT_EQ(find_sku("Standard_D4s_v3"), nullptr);
}

TEST(GpuSkus, EveryEntryHasGpusAndMemoryThatDivide) {
  EXPECT_EQ(gpu_skus().size(), 57U);
  for (const GpuSku& sku : gpu_skus()) {
    SCOPED_TRACE(sku.instance_type);
    ASSERT_GT(sku.gpus, 0);
    EXPECT_EQ(sku.memory_gib % sku.gpus, 0);
    EXPECT_EQ(find_sku(sku.instance_type), &sku);
  }
}

TEST(MigProfiles, MemoryIsInTheName) {
  EXPECT_EQ(mig_profiles().size(), 35U);
  for (const std::string_view profile : mig_profiles()) {
    const auto slice = mig_capacity(profile);
    ASSERT_TRUE(slice) << profile;
    EXPECT_EQ(slice->gpus, 1);
    EXPECT_GE(slice->memory_bytes_per_gpu, 5 * kGiB) << profile;
    EXPECT_EQ(slice->mig_profile, profile);
  }
  EXPECT_EQ(mig_capacity("3g.40gb")->memory_bytes_per_gpu, 40 * kGiB);
  EXPECT_EQ(mig_capacity("7g.141gb")->memory_bytes_per_gpu, 141 * kGiB);
}

TEST(MigProfiles, AnUnknownOneNamesTheKnown) {
  for (const std::string_view profile : {"", "3g", "3g.41gb", "gb", "3g.40gb.me", "3G.40GB"}) {
    const auto slice = mig_capacity(profile);
    ASSERT_FALSE(slice) << profile;
    EXPECT_EQ(slice.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(slice.error().message, HasSubstr("3g.40gb"));
  }
}

// A card reports less than it is sold as; without rounding, a node of one's own would get a plan
// other than the same machine rented by its type.
TEST(GpuLabels, MemoryIsRoundedToGiB) {
  const auto node = capacity_of_labels("NVIDIA-A100-SXM4-80GB", "4", "81559");
  ASSERT_TRUE(node);
  EXPECT_EQ(node->gpus, 4);
  EXPECT_EQ(node->memory_bytes_per_gpu, 80 * kGiB);
  EXPECT_EQ(node->model, "NVIDIA-A100-SXM4-80GB");
}

TEST(GpuLabels, TheMissingOrBrokenOneIsNamed) {
  const auto message = [](std::string_view product, std::string_view count,
                          std::string_view memory) {
    const auto node = capacity_of_labels(product, count, memory);
    return node ? std::string("fits") : node.error().message;
  };
  EXPECT_EQ(message("", "", ""), "label nvidia.com/gpu.product is absent");
  EXPECT_EQ(message("P", "", "81559"), "label nvidia.com/gpu.count is absent");
  EXPECT_EQ(message("P", "1", ""), "label nvidia.com/gpu.memory is absent");
  for (const std::string_view bad : {"0", "-1", "1.5", "x", "99999999999999999999"}) {
    EXPECT_THAT(message("P", bad, "81559"), HasSubstr("gpu.count is no usable number")) << bad;
    EXPECT_THAT(message("P", "1", bad), HasSubstr("gpu.memory is no usable number")) << bad;
  }
}

}  // namespace
}  // namespace rage::catalog
