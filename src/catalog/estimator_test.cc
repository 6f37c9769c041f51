#include "catalog/estimator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/upstream_facts_for_test.h"

namespace rage::catalog {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;

constexpr EstimateRequest kUpstreamRequest{.rules = EstimateRules::kUpstream};

GpuCapacity node_of(std::string_view instance_type) {
  return capacity_of(*find_sku(instance_type));
}

int nodes(std::string_view model, std::string_view instance_type,
          const EstimateRequest& request = {}) {
  const auto found = estimate(*find_model(model), node_of(instance_type), request);
  EXPECT_TRUE(found) << found.error().message;
  return found ? found->nodes : -1;
}

// Someone who switches from KAITO with the same rules must get the same number of nodes.
TEST(EstimatorUpstream, ReproducesEveryPublishedNodeCount) {
  const Json& skus = upstream_facts()["skus"];
  int compared = 0;
  for (const Model& model : models()) {
    const Json& expected = upstream_facts_of(model.id)["nodes"];
    ASSERT_EQ(expected.size(), skus.size());
    for (std::size_t i = 0; i < skus.size(); ++i, ++compared) {
      const std::string sku = skus[i];
      EXPECT_EQ(nodes(model.id, sku, kUpstreamRequest), expected[i].get<int>())
          << model.id << " on " << sku;
    }
  }
  EXPECT_EQ(compared, 60 * 43);
}

TEST(EstimatorUpstream, ParallelismIsTheSameWhereWeightsAre) {
  const Json& skus = upstream_facts()["skus"];
  for (const Model& model : models()) {
    // What is counted twice there is wrongly too large for copies.
    if (model.loaded_weight_bytes != model.weight_bytes) continue;
    const std::string expected = upstream_facts_of(model.id)["parallelism"];
    for (std::size_t i = 0; i < skus.size(); ++i) {
      if (expected[i] == '-') continue;
      const Parallelism wanted = expected[i] == 'D' ? Parallelism::kData : Parallelism::kTensor;
      EXPECT_EQ(parallelism(model, node_of(std::string(skus[i])), 1), wanted)
          << model.id << " on " << skus[i];
    }
  }
}

TEST(Estimator, Parallelism) {
  const Model& phi = *find_model("phi-4");
  EXPECT_EQ(parallelism(phi, node_of("Standard_NC24ads_A100_v4"), 1), Parallelism::kSingle);
  EXPECT_EQ(parallelism(phi, node_of("Standard_NC24ads_A100_v4"), 2), Parallelism::kTensorPipeline);
  EXPECT_EQ(parallelism(phi, node_of("Standard_NC96ads_A100_v4"), 1), Parallelism::kData);
  EXPECT_EQ(parallelism(phi, node_of("Standard_NV72ads_A10_v5"), 1), Parallelism::kTensor);
}

TEST(Estimator, CountsGptOssOnce) {
  EXPECT_EQ(nodes("gpt-oss-120b", "Standard_NC24ads_A100_v4", kUpstreamRequest), 3);
  EXPECT_EQ(nodes("gpt-oss-120b", "Standard_NC24ads_A100_v4"), 2);
  EXPECT_EQ(nodes("gpt-oss-120b", "Standard_NC40ads_H100_v5"), 1);
  EXPECT_EQ(nodes("gpt-oss-20b", "g6.xlarge", kUpstreamRequest), 2);
  EXPECT_EQ(nodes("gpt-oss-20b", "g6.xlarge"), 1);
}

// gpt-oss-20b: 12 full layers and 12 of 128 tokens; 8 heads of 64 numbers, keys and values, 2
// bytes.
TEST(KvCache, SlidingLayersKeepTheirWindowOnly) {
  const Model& model = *find_model("gpt-oss-20b");
  constexpr std::uint64_t kLayer = 2 * 8 * 64 * 2;
  EXPECT_EQ(kv_cache_bytes(model, 100, EstimateRules::kTruthful), kLayer * 24 * 100);
  EXPECT_EQ(kv_cache_bytes(model, 2048, EstimateRules::kTruthful), kLayer * (12 * 2048 + 12 * 128));
  EXPECT_EQ(kv_cache_bytes(model, 2048, EstimateRules::kUpstream), kLayer * 24 * 2048);
}

TEST(KvCache, FullLayersOfGemma4HaveTheirOwnHeads) {
  const Model& model = *find_model("google/gemma-4-31B-it");
  EXPECT_EQ(kv_cache_bytes(model, 10'000, EstimateRules::kTruthful),
            2 * (10ULL * 2 * 4 * 512 * 10'000 + 50ULL * 2 * 16 * 256 * 1024));
}

TEST(KvCache, Fp8TakesOneByteANumber) {
  const Model& glm = *find_model("zai-org/GLM-5.2-FP8");
  EXPECT_EQ(kv_cache_bytes(glm, 1000, EstimateRules::kTruthful), 78ULL * (512 + 64) * 1000);
  EXPECT_EQ(kv_cache_bytes(glm, 1000, EstimateRules::kUpstream), 2 * 78ULL * (512 + 64) * 1000);
}

// Published figures: 16 of 64 layers of Qwen3.8-27B, 10 of 40 of Qwen3.6-35B-A3B, 8 of 88 of
// Nemotron 3 Super attend.
TEST(KvCache, LayersWithoutAttentionNeedNone) {
  const auto kib_a_token = [](std::string_view name) {
    return kv_cache_bytes(*find_model(name), 1, EstimateRules::kTruthful) / 1024;
  };
  EXPECT_EQ(kib_a_token("Qwen/Qwen3.8-27B"), 64U);
  EXPECT_EQ(kib_a_token("Qwen/Qwen3.6-35B-A3B"), 20U);
  EXPECT_EQ(kib_a_token("nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-BF16"), 8U);
}

TEST(Estimator, A10IsPlannedWithTheUtilizationItIsServedWith) {
  const auto a10 = estimate(*find_model("phi-4"), node_of("Standard_NV36ads_A10_v5"));
  ASSERT_TRUE(a10);
  EXPECT_DOUBLE_EQ(a10->utilization, 0.82);
  EXPECT_EQ(a10->usable_bytes_per_gpu, static_cast<std::uint64_t>((24ULL << 30) * 0.82));
  const auto upstream =
      estimate(*find_model("phi-4"), node_of("Standard_NV36ads_A10_v5"), kUpstreamRequest);
  EXPECT_DOUBLE_EQ(upstream->utilization, 0.84);
}

TEST(Estimator, ReportsWhatIsLeft) {
  const auto found = estimate(*find_model("phi-4"), node_of("Standard_NC24ads_A100_v4"));
  ASSERT_TRUE(found);
  constexpr double kGiB = 1 << 30;
  const double weights = 29323889214 * 1.02;
  EXPECT_EQ(found->gpus, 1);
  EXPECT_NEAR(static_cast<double>(found->weight_bytes), weights, 1);
  EXPECT_EQ(found->kv_bytes, 2048U * 204800);
  EXPECT_NEAR(static_cast<double>(found->spare_bytes_per_gpu),
              80 * kGiB * 0.84 - 2.3 * kGiB - 2048 * 204800 - weights * 1.05, 1);
  EXPECT_EQ(found->context_tokens_fit, 16384U);  // The model's limit; the room is for more.
}

// With a copy on each GPU, a sequence has one GPU's room: promising the node's would be a server
// that refuses the context it was bought for.
TEST(Estimator, ASequenceOfACopyHasOneGpu) {
  const Model& phi = *find_model("phi-3-mini-128k-instruct");  // 48 GiB for the whole context.
  const GpuCapacity eight = node_of("Standard_ND96asr_A100_v4");
  ASSERT_EQ(parallelism(phi, eight, 1), Parallelism::kData);
  const auto on_eight = estimate(phi, eight, {.context_tokens = 131072});
  GpuCapacity one = eight;
  one.gpus = 1;
  const auto on_one = estimate(phi, one, {.context_tokens = 2048});
  ASSERT_TRUE(on_eight && on_one);
  EXPECT_EQ(on_eight->context_tokens_fit, on_one->context_tokens_fit);
  EXPECT_LT(on_eight->context_tokens_fit, 131072U);
}

TEST(EstimatorErrors, SayHowMuchIsMissingAndWhatWouldFit) {
  const auto refused = estimate(*find_model("phi-3-mini-128k-instruct"),
                                node_of("Standard_NV36ads_A10_v5"), {.context_tokens = 131072});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_EQ(refused.error().message,
            "a NVIDIA A10 GPU of 24 GiB is too small for microsoft/Phi-3-mini-128k-instruct with "
            "131072 tokens: 19.7 GiB of it can be used, 50.3 GiB are needed besides any weights; "
            "30.6 GiB are missing; 1 x Standard_NC24ads_A100_v4 would fit");
}

TEST(EstimatorErrors, AMigSliceHoldsTheWholeModelOrNothing) {
  const auto refused = estimate(*find_model("phi-4"), *mig_capacity("1g.20gb"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_THAT(refused.error().message,
              AllOf(HasSubstr("MIG slice 1g.20gb is too small for microsoft/phi-4"),
                    HasSubstr("15.1 GiB are missing"), EndsWith("3g.40gb would fit")));
  EXPECT_TRUE(estimate(*find_model("phi-4"), *mig_capacity("3g.40gb")));
  const auto none = estimate(*find_model("llama-3.3-70b-instruct"), *mig_capacity("1g.5gb"));
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().message, EndsWith("7g.180gb would fit"));
}

TEST(EstimatorErrors, WithoutACloudTheNeededMemoryIsNamed) {
  const GpuCapacity tiny{.gpus = 1, .memory_bytes_per_gpu = 2ULL << 30};
  const auto refused = estimate(*find_model("phi-4"), tiny);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, AllOf(HasSubstr("a GPU of 2 GiB is too small"),
                                             EndsWith("a GPU of 39 GiB would fit")));
  const auto none = estimate(*find_model("phi-4"), GpuCapacity{});
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().message, HasSubstr("no GPU"));
}

// A GPU with a few bytes for weights must not become a plan for millions of nodes.
TEST(EstimatorErrors, NextToNoRoomIsNoPlan) {
  const auto refused =
      estimate(*find_model("deepseek-ai/DeepSeek-V4-Pro"),
               {.gpus = 1, .memory_bytes_per_gpu = 2'940'100'000}, {.context_tokens = 1});
  EXPECT_FALSE(refused);
}

TEST(Estimator, DiskIsWeightsAndEightyGiB) {
  EXPECT_EQ(disk_requirement(*find_model("phi-4")), "107Gi");
  EXPECT_EQ(disk_requirement(Model{}), "80Gi");
}

}  // namespace
}  // namespace rage::catalog
