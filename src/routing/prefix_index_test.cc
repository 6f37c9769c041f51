#include "routing/prefix_index.h"

#include <gmock/gmock.h>

#include <map>
#include <random>
#include <set>
#include <thread>

#include "routing/detail/approx_prefix_source.h"
#include "routing/detail/lru_set.h"
#include "routing/scheduler_for_test.h"

namespace rage::routing {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

PrefixChains chain_of(std::vector<std::uint64_t> hashes) {
  return {.hashes = std::move(hashes), .begins = {0}};
}

std::vector<std::uint32_t> match(const PrefixIndex& index, const PrefixChains& chains,
                                 const std::vector<std::uint64_t>& endpoints) {
  return index.match(chains, endpoints.size(), [&](std::size_t i) { return endpoints[i]; });
}

// Two replicas, or ours beside llm-d's, must agree on what a block is.
TEST(PrefixChain, HashesAsTheReferenceDoes) {
  const std::string text = "abcdefghijklmnopqrstuvwxyz";
  TestRequest request{.prompts = {text}};
  EXPECT_THAT(
      hash_prompts(request.view(), {.block_tokens = 2}).hashes,
      ElementsAre(0x183a1472b4282046, 0xcebc37c192d737d6, 0xe61b701716b36da4, 0xa021670dfa1f973a));
  SchedulingRequest salted = request.view();
  salted.cache_salt = "s";
  EXPECT_THAT(hash_prompts(salted, {.block_tokens = 2, .blocks_max = 1}).hashes,
              ElementsAre(0xbc32f31aa886fe18));
  const std::vector<std::vector<std::uint32_t>> tokens = {{1, 2, 3, 4, 5}};
  const SchedulingRequest ids{.target_model = "llama", .token_prompts = tokens};
  EXPECT_THAT(hash_prompts(ids, {.block_tokens = 2}).hashes,
              ElementsAre(0x54ef902d641dedb3, 0x8083dfebf0e2db7f, 0x1c5e9a8341312ca8));
}

TEST(PrefixChain, PromptsOfABatchAreChainsOfTheirOwn) {
  const TestRequest request{.prompts = {"aaaaaaaab", "", "aaaaaaaa"}};
  const PrefixChains chains = hash_prompts(request.view(), {.block_tokens = 2});
  EXPECT_THAT(chains.begins, ElementsAre(0, 2, 2));
  ASSERT_EQ(chains.hashes.size(), 3U);
  EXPECT_EQ(chains.hashes[0], chains.hashes[2]);
  EXPECT_EQ(prompt_tokens(request.view()), 3U + 2U);
}

TEST(PrefixChain, ModelsDoNotShare) {
  const TestRequest one{.model = "one", .prompts = {"hello"}};
  const TestRequest two{.model = "two", .prompts = {"hello"}};
  EXPECT_NE(hash_prompts(one.view(), {}).hashes, hash_prompts(two.view(), {}).hashes);
}

TEST(PrefixIndex, MatchesWhatWasLearned) {
  PrefixIndex index;
  index.learn(7, chain_of({1, 2, 3}), 100);
  EXPECT_THAT(match(index, chain_of({1, 2, 9}), {7, 8}), ElementsAre(2, 0));
  EXPECT_THAT(match(index, chain_of({9, 1}), {7}), IsEmpty());
}

// An endpoint with a hole in its cache must compute all that is behind it: it is no better than one
// that has only the head.
TEST(PrefixIndex, CountsOnlyWithoutAGap) {
  PrefixIndex index;
  index.learn(7, chain_of({1}), 100);
  index.learn(7, chain_of({3}), 100);
  index.learn(8, chain_of({1, 2, 3}), 100);
  EXPECT_THAT(match(index, chain_of({1, 2, 3}), {7, 8}), ElementsAre(1, 3));
}

// If heads went first, a long chain would be of no use as soon as one block too many came.
TEST(PrefixIndex, TailsAreForgottenFirst) {
  PrefixIndex index;
  index.learn(7, chain_of({1, 2, 3, 4, 5}), 3);
  EXPECT_THAT(match(index, chain_of({1, 2, 3, 4, 5}), {7}), ElementsAre(3));
  index.learn(7, chain_of({1, 20}), 3);
  EXPECT_THAT(match(index, chain_of({1, 2, 3}), {7}), ElementsAre(2));
  EXPECT_THAT(match(index, chain_of({1, 20}), {7}), ElementsAre(2));
  EXPECT_EQ(index.size().entries, 3U);
}

TEST(PrefixIndex, CapacityMayShrink) {
  PrefixIndex index;
  index.learn(7, chain_of({1, 2, 3, 4}), 4);
  index.learn(7, chain_of({1}), 2);
  EXPECT_THAT(match(index, chain_of({1, 2, 3, 4}), {7}), ElementsAre(2));
}

TEST(PrefixIndex, ForgetsEndpointsThatLeft) {
  PrefixIndex index;
  for (std::uint64_t endpoint = 1; endpoint <= 20; ++endpoint) {
    index.learn(endpoint, chain_of({1, 2}), 10);
  }
  EXPECT_EQ(index.size().endpoints, 20U);
  const std::vector<std::uint64_t> kept = {3};
  index.retain(kept);
  EXPECT_EQ(index.size().endpoints, 1U);
  EXPECT_EQ(index.size().entries, 2U);
  EXPECT_THAT(match(index, chain_of({1, 2}), {2, 3}), ElementsAre(0, 2));
  index.learn(99, chain_of({5}), 10);  // Gets the id of one that left, and nothing else of it.
  EXPECT_THAT(match(index, chain_of({1, 2}), {99, 3}), ElementsAre(0, 2));
}

// The property all routing rests on, against a model that keeps everything in sets: never a block
// for an endpoint that did not get it, and with room enough never one too few.
TEST(PrefixIndex, NeverClaimsWhatAnEndpointDidNotGet) {
  std::mt19937_64 random(20260101);
  const auto below = [&](std::uint64_t count) { return random() % count; };
  for (int round = 0; round < 40; ++round) {
    PrefixIndex index;
    const bool roomy = round % 2 == 0;
    std::map<std::uint64_t, std::set<std::uint64_t>> got;
    const auto random_chain = [&] {
      std::vector<std::uint64_t> hashes;
      std::uint64_t parent = 1;  // A tree of three children each, so that chains share heads.
      for (std::uint64_t i = below(12) + 1; i > 0; --i) {
        parent = (parent * 3 + below(3)) * 0x9E3779B97F4A7C15ULL;
        hashes.push_back(parent);
      }
      return chain_of(std::move(hashes));
    };
    for (int step = 0; step < 300; ++step) {
      const std::uint64_t endpoint = below(12) + 1;
      const PrefixChains learned = random_chain();
      index.learn(endpoint, learned, roomy ? 1000000 : below(20) + 1);
      got[endpoint].insert(learned.hashes.begin(), learned.hashes.end());
      if (below(50) == 0) {
        index.retain(std::vector<std::uint64_t>{endpoint});
        std::erase_if(got, [&](const auto& item) { return item.first != endpoint; });
      }
      const PrefixChains asked = random_chain();
      const std::vector<std::uint64_t> endpoints = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13};
      std::vector<std::uint32_t> matched = match(index, asked, endpoints);
      matched.resize(endpoints.size());
      for (std::size_t i = 0; i < endpoints.size(); ++i) {
        std::uint32_t truth = 0;
        while (truth < asked.hashes.size() && got[endpoints[i]].contains(asked.hashes[truth])) {
          ++truth;
        }
        ASSERT_LE(matched[i], truth);
        if (roomy) {
          ASSERT_EQ(matched[i], truth);
        }
      }
    }
  }
}

// Also while others learn and endpoints come and go. TSan looks on.
TEST(PrefixIndex, ThreadsSeeNoOtherEndpointsBlocks) {
  PrefixIndex index;
  const auto chain_for = [](std::uint64_t endpoint) {
    return chain_of({endpoint << 40 | 1, endpoint << 40 | 2, endpoint << 40 | 3});
  };
  std::vector<std::jthread> threads;
  for (std::uint64_t worker = 1; worker <= 4; ++worker) {
    threads.emplace_back([&, worker] {
      for (int i = 0; i < 500; ++i) {
        index.learn(worker, chain_for(worker), 2);
        const std::vector<std::uint32_t> own = match(index, chain_for(worker), {worker});
        EXPECT_TRUE(own.empty() || own[0] <= 3);
        const std::uint64_t other = worker % 4 + 1;
        const std::vector<std::uint32_t> wrong = match(index, chain_for(other), {worker});
        EXPECT_TRUE(wrong.empty() || wrong[0] == 0);
        if (worker == 1 && i % 10 == 0) index.retain(std::vector<std::uint64_t>{1, 2});
      }
    });
  }
  threads.clear();
  EXPECT_LE(index.size().entries, 4U * 2);
}

TEST(LruSet, ForgetsWhatWasTouchedLongestAgo) {
  detail::LruSet set;
  const std::vector<std::uint64_t> hashes = {10, 20, 30};
  EXPECT_EQ(set.touch_all(hashes), hashes);
  EXPECT_FALSE(set.touch(10));
  EXPECT_THAT(set.shrink(2), ElementsAre(20));
  EXPECT_FALSE(set.contains(20));
  EXPECT_TRUE(set.contains(30));
  EXPECT_THAT(set.shrink(0), ElementsAre(30, 10));
  EXPECT_TRUE(set.touch(30));
  EXPECT_EQ(set.size(), 1U);
}

// Engine blocks are of 16 tokens, ours of 64: counted as if they were the same, the index would
// remember four times what the engine does.
TEST(ApproxPrefix, CapacityIsInOurBlocks) {
  const detail::ApproxPrefixOptions options;
  EXPECT_EQ(detail::prefix_capacity(options, {.block_tokens = 16, .blocks = 4000}, 64), 1000U);
  EXPECT_EQ(detail::prefix_capacity(options, {.block_tokens = 128, .blocks = 10}, 64), 20U);
  EXPECT_EQ(detail::prefix_capacity(options, {}, 64), 31250U);
  EXPECT_EQ(detail::prefix_capacity({.auto_tune = false}, {.block_tokens = 16, .blocks = 9}, 64),
            31250U);
  EXPECT_EQ(detail::prefix_capacity(options, {.block_tokens = 16, .blocks = UINT64_MAX}, 64),
            std::size_t{1} << 20);
}

TEST(ApproxPrefix, BlockSizeFollowsTheEngineAboveAFloor) {
  std::vector<Endpoint> endpoints = endpoints_with({{}, {}});
  const TestRequest request{.prompts = {std::string(4096, 'x')}};
  const auto block_tokens = [&](const detail::ApproxPrefixOptions& options) {
    return detail::ApproxPrefixSource(options).match(request.view(), endpoints).block_tokens;
  };
  EXPECT_EQ(block_tokens({}), 64U);
  endpoints[1].metrics.block_tokens = 16;
  EXPECT_EQ(block_tokens({}), 64U);
  endpoints[1].metrics.block_tokens = 256;
  EXPECT_EQ(block_tokens({}), 256U);
  EXPECT_EQ(block_tokens({.auto_tune = false, .block_tokens = 8}), 8U);
}

TEST(ApproxPrefix, LooksAtNoMoreThanConfigured) {
  const TestRequest request{.prompts = {std::string(4096, 'x')}};  // 16 blocks of 64 tokens.
  const std::vector<Endpoint> endpoints = endpoints_with({{}});
  const auto blocks = [&](const detail::ApproxPrefixOptions& options) {
    return detail::ApproxPrefixSource(options).match(request.view(), endpoints).blocks_total;
  };
  EXPECT_EQ(blocks({}), 16U);
  EXPECT_EQ(blocks({.tokens_max = 128}), 2U);
  EXPECT_EQ(blocks({.tokens_max = 128, .blocks_max = 9}), 2U);
  EXPECT_EQ(blocks({.tokens_max = 0, .blocks_max = 9}), 9U);
  EXPECT_EQ(blocks({.tokens_max = 0, .blocks_max = 0}), 16U);
}

}  // namespace
}  // namespace rage::routing
