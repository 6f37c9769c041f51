#include "simulator/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "simulator/engine_driver_for_test.h"

namespace rage::simulator {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;
using Kind = EngineEvent::Kind;

constexpr VirtualTime kLong = 24h;

// 1 ms a step, 1 ms a sequence in it, 1 ms for 10 prefilled tokens: times can be read off.
EngineOptions round_numbers() {
  return {.prefill_tokens_per_second = 10'000,
          .decode_base = 1ms,
          .decode_per_sequence = 1ms,
          .batch_tokens_max = 100,
          .blocks = 100};
}

EngineRequest request(std::uint64_t id, std::uint64_t prompt, std::uint64_t output) {
  return {.id = id, .prompt_tokens = prompt, .output_tokens = output};
}

EngineRequest with_chain(EngineRequest request, std::uint64_t root) {
  for (std::uint64_t i = 0; i < request.prompt_tokens / 16; ++i) {
    request.prompt_blocks.push_back(root * 1000 + i);
  }
  return request;
}

std::vector<std::pair<std::uint64_t, VirtualTime>> finishes(
    const std::vector<EngineEvent>& events) {
  std::vector<std::pair<std::uint64_t, VirtualTime>> ends;
  for (const EngineEvent& event : events) {
    if (event.kind == Kind::kFinished) ends.emplace_back(event.id, event.at);
  }
  return ends;
}

TEST(Engine, OneRequestTakesPrefillThenAStepAToken) {
  auto engine = Engine::create(round_numbers());
  engine->submit(request(1, 50, 3), 10ms);
  EXPECT_EQ(engine->next_step(), 17ms);  // 1 + 1 + 5
  EXPECT_THAT(engine->advance(16ms), IsEmpty());
  const auto events = engine->advance(kLong);
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[0].at, 17ms);
  EXPECT_EQ(events[1].at, 19ms);
  EXPECT_EQ(events[2].at, 21ms);
  EXPECT_EQ(events[2].kind, Kind::kFinished);
  EXPECT_EQ(engine->next_step(), std::nullopt);
}

// A long prompt must not stop those who are already being answered: it is cut into pieces.
TEST(Engine, ALongPrefillSharesItsStepsWithDecoding) {
  auto engine = Engine::create(round_numbers());
  engine->submit(request(1, 10, 50), 0ms);
  engine->advance(3ms);
  engine->submit(request(2, 250, 1), 3ms);
  const auto events = engine->advance(100ms);
  std::uint64_t before = 0;
  for (const EngineEvent& event : events) {
    if (event.id == 2) break;
    ++before;
  }
  EXPECT_EQ(before, 4u);  // The step under way and those with pieces of 99, 99 and 52 tokens.
}

TEST(Engine, AFullBatchServesInOrderOfArrival) {
  EngineOptions options = round_numbers();
  options.sequences_max = 1;
  auto engine = Engine::create(options);
  for (std::uint64_t id = 1; id <= 20; ++id) engine->submit(request(id, 30 + id % 5, id % 7), 0ms);
  std::uint64_t next = 1;
  for (const auto& [id, at] : finishes(engine->advance(kLong))) EXPECT_EQ(id, next++);
  EXPECT_EQ(next, 21u);
}

TEST(Engine, ASharedPrefixIsNotComputedTwice) {
  auto engine = Engine::create(round_numbers());
  engine->submit(with_chain(request(1, 80, 1), 7), 0ms);
  engine->advance(kLong);
  engine->submit(with_chain(request(2, 80, 1), 7), kLong);
  const auto events = engine->advance(2 * kLong);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].cached_tokens, 64u);  // All full blocks but the last: it gives the answer.
  EXPECT_EQ(events[0].at, kLong + 1ms + 1ms + 1600us);
  EXPECT_EQ(engine->state().prefix_hits, 64u);
  EXPECT_EQ(engine->state().prefix_queries, 160u);
}

// Without preemption two growing answers would wait for each other's blocks for ever.
TEST(Engine, WhoCameLastGivesUpItsBlocksAndEndsLater) {
  EngineOptions options = round_numbers();
  options.blocks = 6;
  auto engine = Engine::create(options);
  engine->submit(request(1, 32, 40), 0ms);
  engine->submit(request(2, 32, 40), 0ms);
  const auto events = engine->advance(kLong);
  EXPECT_GT(std::ranges::count(events, Kind::kPreempted, &EngineEvent::kind), 0);
  const auto ends = finishes(events);
  ASSERT_EQ(ends.size(), 2u);
  EXPECT_EQ(ends[0].first, 1u);
  EXPECT_EQ(engine->state().generated_tokens, 80u);
  EXPECT_EQ(engine->state().preemptions, 1u);
}

TEST(Engine, WhatCanNeverFitIsRefused) {
  auto engine = Engine::create(round_numbers());
  engine->submit(request(1, 1500, 101), 0ms);
  engine->submit(request(2, 1500, 100), 0ms);
  const auto events = engine->advance(kLong);
  EXPECT_EQ(events.front().kind, Kind::kRefused);
  EXPECT_EQ(finishes(events).size(), 1u);
}

TEST(Engine, AnAbortFreesItsPlaceAtOnce) {
  EngineOptions options = round_numbers();
  options.sequences_max = 1;
  auto engine = Engine::create(options);
  engine->submit(request(1, 10, 1000), 0ms);
  engine->submit(request(2, 10, 1), 0ms);
  engine->abort(1, 4ms);
  EXPECT_EQ(engine->state().running, 0u);
  EXPECT_EQ(engine->state().blocks_free, 100u);
  const auto events = engine->advance(kLong);
  EXPECT_EQ(events.back().id, 2u);
  EXPECT_EQ(std::ranges::count(events, 1u, &EngineEvent::id), 1);
}

TEST(Engine, AnAdapterWithoutASlotLetsOthersPass) {
  EngineOptions options = round_numbers();
  options.adapters_max = 1;
  options.adapter_load = 100ms;
  auto engine = Engine::create(options);
  auto one = request(1, 10, 5);
  one.adapter = "sql";
  auto two = request(2, 10, 1);
  two.adapter = "chat";
  engine->submit(one, 0ms);
  engine->submit(two, 0ms);
  engine->submit(request(3, 10, 1), 0ms);
  EXPECT_EQ(engine->next_step(), 103ms);
  EXPECT_THAT(engine->state().active_adapters, ElementsAre("sql"));
  EXPECT_THAT(engine->state().waiting_adapters, ElementsAre("chat"));
  const auto ends = finishes(engine->advance(kLong));
  ASSERT_EQ(ends.size(), 3u);
  EXPECT_EQ(ends[0].first, 3u);
  EXPECT_EQ(ends[2].first, 2u);
}

TEST(Engine, ContextCostsTime) {
  EngineOptions options = round_numbers();
  options.decode_nanoseconds_per_kv_token = 1e5;
  auto engine = Engine::create(options);
  engine->submit(request(1, 10, 2), 0ms);
  const auto events = engine->advance(kLong);
  EXPECT_EQ(events[1].at - events[0].at, 2ms + 1100us);  // 11 tokens.
}

TEST(EngineOptions, NonsenseIsRefused) {
  EXPECT_TRUE(EngineOptions{}.validate());
  EXPECT_FALSE(EngineOptions{.prefill_tokens_per_second = 0}.validate());
  EXPECT_FALSE(EngineOptions{.decode_base = -1ms}.validate());
  EXPECT_FALSE(EngineOptions{.block_tokens = 0}.validate());
  EXPECT_FALSE(EngineOptions{.blocks = 0}.validate());
}

class EngineProperty : public testing::TestWithParam<unsigned> {};

TEST_P(EngineProperty, AnyUseKeepsTheAccounts) {
  std::mt19937 source(GetParam());
  const auto random = [&] { return static_cast<std::uint32_t>(source()); };
  EngineDriver driver({.sequences_max = 1 + random() % 8,
                       .batch_tokens_max = 1 + random() % 128,
                       .block_tokens = 4 + random() % 13,
                       .blocks = 20 + random() % 100,
                       .prefix_caching = random() % 4 != 0,
                       .adapters_max = random() % 3});
  for (int step = 0; step < 300; ++step) {
    driver.apply({.what = static_cast<std::uint8_t>(random()),
                  .prompt_tokens = static_cast<std::uint16_t>(random() % 400),
                  .output_tokens = static_cast<std::uint8_t>(random()),
                  .prefix = static_cast<std::uint8_t>(random()),
                  .milliseconds = static_cast<std::uint16_t>(random())});
    ASSERT_TRUE(driver.is_sound()) << step;
  }
  EXPECT_TRUE(driver.finish());
  EXPECT_TRUE(driver.is_sound());
  EXPECT_GT(driver.engine().state().finished, 0u);
}

INSTANTIATE_TEST_SUITE_P(Seeds, EngineProperty, testing::Range(1u, 21u));

// Prefill on another server is what disaggregation is for: decode that computes the prompt again
// would hide in a study that it is worth nothing.
TEST(Engine, APromptThatWasPrefilledElsewhereCostsOneToken) {
  auto engine = Engine::create(round_numbers());
  EngineRequest prefilled = with_chain(request(1, 50, 2), 1);
  prefilled.prefilled_elsewhere = true;
  engine->submit(std::move(prefilled), 0ms);
  const auto events = engine->advance(kLong);
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].at, 2100us);  // 1 + 1 + 0.1
  EXPECT_EQ(events[0].cached_tokens, 49u);
  // Its blocks are in the cache now, as if they had been computed here.
  engine->submit(with_chain(request(2, 50, 1), 1), kLong);
  EXPECT_EQ(engine->advance(2 * kLong).back().cached_tokens, 48u);
}

}  // namespace
}  // namespace rage::simulator
