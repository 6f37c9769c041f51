// What must hold for any model on any machine, tried on all of the catalogue and on random ones.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "catalog/estimator.h"

namespace rage::catalog {
namespace {

constexpr double kGibibyte = 1 << 30;

struct Case {
  Model model;
  GpuCapacity node;
  EstimateRequest request;
};

// Seeded: the same cases in every run.
std::vector<Case> random_cases(std::size_t count) {
  std::mt19937_64 random(20250307);
  const auto from = [&](int low, int high) {
    return std::uniform_int_distribution<int>(low, high)(random);
  };
  std::vector<Case> cases;
  for (std::size_t i = 0; i < count; ++i) {
    Case one;
    one.model = models()[static_cast<std::size_t>(from(0, 59))];
    one.model.weight_bytes = static_cast<std::uint64_t>(from(1, 1'000'000)) << 20;
    one.model.loaded_weight_bytes = one.model.weight_bytes;
    one.node.gpus = 1 << from(0, 4);
    one.node.memory_bytes_per_gpu = static_cast<std::uint64_t>(from(3, 200)) << 30;
    one.request.context_tokens = static_cast<std::uint32_t>(1) << from(0, 20);
    one.request.rules = from(0, 1) == 0 ? EstimateRules::kTruthful : EstimateRules::kUpstream;
    cases.push_back(std::move(one));
  }
  return cases;
}

// Nodes, or many where it does not fit at all: an error is worse than any number.
int nodes_of(const Case& one) {
  const auto found = estimate(one.model, one.node, one.request);
  return found ? found->nodes : 1'000'000;
}

TEST(EstimatorProperties, MoreMemoryNeverNeedsMoreNodes) {
  for (Case one : random_cases(2000)) {
    const int before = nodes_of(one);
    one.node.memory_bytes_per_gpu += one.node.memory_bytes_per_gpu / 7 + 1;
    EXPECT_LE(nodes_of(one), before) << one.model.id;
  }
}

TEST(EstimatorProperties, MoreWeightsOrContextNeverNeedFewerNodes) {
  for (Case one : random_cases(2000)) {
    const int before = nodes_of(one);
    Case heavier = one;
    heavier.model.weight_bytes = heavier.model.loaded_weight_bytes =
        heavier.model.weight_bytes + heavier.model.weight_bytes / 5;
    EXPECT_GE(nodes_of(heavier), before) << one.model.id;
    one.request.context_tokens += one.request.context_tokens / 3 + 1;
    EXPECT_GE(nodes_of(one), before) << one.model.id;
  }
}

TEST(EstimatorProperties, TheNodesHoldTheWeights) {
  for (const Case& one : random_cases(2000)) {
    const auto found = estimate(one.model, one.node, one.request);
    if (!found) continue;
    const double overhead = 2.3 * kGibibyte + static_cast<double>(found->kv_bytes) / one.node.gpus;
    const double room = (static_cast<double>(found->usable_bytes_per_gpu) - overhead) / 1.05;
    EXPECT_GE(room * found->gpus * (1 + 1e-9), static_cast<double>(found->weight_bytes))
        << one.model.id;
    EXPECT_EQ(found->gpus, found->nodes * one.node.gpus);
    // One node fewer would not do.
    if (found->nodes > 1) {
      EXPECT_LE(room * (found->gpus - one.node.gpus) * (1 - 1e-9),
                static_cast<double>(found->weight_bytes));
    }
  }
}

TEST(EstimatorProperties, TheLongestContextIsTheLongest) {
  for (Case one : random_cases(500)) {
    one.request.rules = EstimateRules::kTruthful;
    one.request.context_tokens = std::min(one.request.context_tokens, one.model.context_tokens_max);
    const auto found = estimate(one.model, one.node, one.request);
    if (!found) continue;
    // With copies, one of them alone on its GPU is what a sequence has.
    if (parallelism(one.model, one.node, found->nodes) == Parallelism::kData) one.node.gpus = 1;
    EXPECT_LE(found->context_tokens_fit, one.model.context_tokens_max);
    if (found->context_tokens_fit == 0) continue;
    one.request.context_tokens = static_cast<std::uint32_t>(found->context_tokens_fit);
    EXPECT_EQ(nodes_of(one), found->nodes) << one.model.id;
    if (found->context_tokens_fit == one.model.context_tokens_max) continue;
    one.request.context_tokens += 1;
    EXPECT_GT(nodes_of(one), found->nodes) << one.model.id;
  }
}

TEST(EstimatorProperties, TruthNeedsNoMoreThanUpstreamPlans) {
  for (const Model& model : models()) {
    for (const GpuSku& sku : gpu_skus()) {
      for (const std::uint32_t context : {2048U, 32768U}) {
        const auto upstream =
            estimate(model, capacity_of(sku), {context, EstimateRules::kUpstream});
        const auto truth = estimate(model, capacity_of(sku), {context, EstimateRules::kTruthful});
        if (!upstream || !truth) continue;
        // Only the A10, of which 2 % less is used, may need more.
        if (sku.model == "NVIDIA A10") continue;
        EXPECT_LE(truth->nodes, upstream->nodes) << model.id << " on " << sku.instance_type;
      }
    }
  }
}

TEST(EstimatorProperties, HostileShapesNeitherOverflowNorCrash) {
  Model model = models()[0];
  model.weight_bytes = model.loaded_weight_bytes = ~std::uint64_t{0};
  model.attention = {
      .layers = 1 << 12, .attention_layers = 1 << 12, .kv_heads = 1 << 16, .head_dim = 1 << 16};
  EXPECT_EQ(kv_cache_bytes(model, ~std::uint32_t{0}, EstimateRules::kTruthful),
            18446744073709549568U);
  EXPECT_FALSE(estimate(model, {.gpus = 8, .memory_bytes_per_gpu = 80ULL << 30},
                        {.context_tokens = ~std::uint32_t{0}}));
  EXPECT_TRUE(estimate(Model{}, {.gpus = 1, .memory_bytes_per_gpu = 80ULL << 30}));
}

}  // namespace
}  // namespace rage::catalog
