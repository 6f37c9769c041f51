#include "simulator/kv_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace rage::simulator {
namespace {

using testing::ElementsAre;
using Blocks = std::vector<BlockId>;
using Chain = std::vector<std::uint64_t>;

// A cache with the blocks of `chain` computed, published and free again.
Blocks fill(KvCache& cache, const Chain& chain) {
  Blocks held;
  EXPECT_TRUE(cache.acquire({}, chain.size(), held));
  for (std::size_t i = 0; i < chain.size(); ++i) cache.publish(held[i], chain[i]);
  const Blocks blocks = held;
  cache.release(held);
  return blocks;
}

TEST(KvCache, AReleasedBlockIsFoundAgain) {
  KvCache cache(4, KvCache::PrefixCaching::kOn);
  const Blocks first = fill(cache, {11, 12});
  EXPECT_EQ(cache.free_blocks(), 4u);
  EXPECT_EQ(cache.count_cached(Chain{11, 12, 13}), 2u);
  Blocks held;
  ASSERT_TRUE(cache.acquire(Chain{11, 12}, 1, held));
  EXPECT_THAT(Blocks(held.begin(), held.begin() + 2), ElementsAre(first[0], first[1]));
  EXPECT_EQ(cache.free_blocks(), 1u);
}

// A hole would make the tail worthless: attention needs every block before it.
TEST(KvCache, OnlyTheRunFromTheHeadCounts) {
  KvCache cache(4, KvCache::PrefixCaching::kOn);
  fill(cache, {11, 12});
  EXPECT_EQ(cache.count_cached(Chain{10, 11, 12}), 0u);
  EXPECT_EQ(cache.count_cached(Chain{11, 10, 12}), 1u);
}

// Heads are shared, tails are not: a cache that evicts heads first forgets what is worth most.
TEST(KvCache, TailsAreOverwrittenBeforeHeads) {
  KvCache cache(3, KvCache::PrefixCaching::kOn);
  fill(cache, {11, 12, 13});
  Blocks other;
  ASSERT_TRUE(cache.acquire({}, 1, other));
  EXPECT_EQ(cache.count_cached(Chain{11, 12, 13}), 2u);
}

TEST(KvCache, SharedBlocksStayUntilTheLastUserLeaves) {
  KvCache cache(2, KvCache::PrefixCaching::kOn);
  fill(cache, {11});
  Blocks one;
  Blocks two;
  ASSERT_TRUE(cache.acquire(Chain{11}, 0, one));
  ASSERT_TRUE(cache.acquire(Chain{11}, 0, two));
  cache.release(one);
  EXPECT_EQ(cache.free_blocks(), 1u);
  cache.release(two);
  EXPECT_EQ(cache.free_blocks(), 2u);
}

// The cached block is free, but it is the one that is about to be used: it is no room for another.
TEST(KvCache, WhatIsReusedIsNoRoomForWhatIsNew) {
  KvCache cache(2, KvCache::PrefixCaching::kOn);
  fill(cache, {11});
  Blocks held;
  EXPECT_FALSE(cache.acquire(Chain{11}, 2, held));
  EXPECT_TRUE(held.empty());
  EXPECT_TRUE(cache.acquire(Chain{11}, 1, held));
}

TEST(KvCache, OffMeansNothingIsFound) {
  KvCache cache(2, KvCache::PrefixCaching::kOff);
  fill(cache, {11});
  EXPECT_EQ(cache.count_cached(Chain{11}), 0u);
}

TEST(KvCache, RandomUseLosesNoBlock) {
  std::mt19937 random(7);
  KvCache cache(32, KvCache::PrefixCaching::kOn);
  std::vector<Blocks> users;
  for (int round = 0; round < 5'000; ++round) {
    if (random() % 2 == 0 || users.empty()) {
      Chain chain;
      for (std::uint64_t i = 0; i < random() % 6; ++i) chain.push_back(100 * (random() % 4) + i);
      const std::size_t cached = cache.count_cached(chain);
      Blocks held;
      if (!cache.acquire(std::span(chain).first(cached), chain.size() - cached, held)) continue;
      for (std::size_t i = cached; i < chain.size(); ++i) cache.publish(held[i], chain[i]);
      users.push_back(std::move(held));
    } else {
      std::swap(users[random() % users.size()], users.back());
      cache.release(users.back());
      users.pop_back();
    }
    ASSERT_TRUE(cache.is_consistent()) << round;
  }
}

}  // namespace
}  // namespace rage::simulator
