#include "routing/detail/precise_prefix_source.h"

#include <gmock/gmock.h>

#include "routing/make_scheduler.h"
#include "routing/precise_prefix.h"

namespace rage::routing::detail {
namespace {

using testing::ElementsAre;

Endpoint pod(int number) {
  return {.pod = "p" + std::to_string(number),
          .address = "10.0.0." + std::to_string(number),
          .port = 8000};
}

// Blocks of 2 tokens: {1,2} {3,4} {5,6}, which the engine calls 100, 101, 102.
KvBlocksStored stored(std::vector<std::uint64_t> hashes, std::vector<std::uint32_t> tokens,
                      std::optional<std::uint64_t> parent = {}) {
  KvBlocksStored event{.hashes = std::move(hashes), .parent = parent, .tokens = std::move(tokens)};
  event.block_tokens = 2;
  return event;
}

class PrecisePrefixSourceTest : public testing::Test {
 protected:
  void tell(const Endpoint& endpoint, KvEvent event, std::string_view model = "m") {
    source_.on_kv_events(endpoint, model, ++sequence_, {.events = {std::move(event)}});
  }
  std::vector<std::uint32_t> matches(std::vector<std::uint32_t> prompt, std::string model = "m",
                                     std::string_view salt = "") {
    const std::vector<std::vector<std::uint32_t>> prompts = {std::move(prompt)};
    const std::vector<Endpoint> pods = {pod(1), pod(2)};
    return source_
        .match({.target_model = std::move(model), .cache_salt = salt, .token_prompts = prompts},
               pods)
        .matched;
  }

  PrecisePrefixOptions options_{.block_tokens = 2, .server_blocks_max = 8};
  PrecisePrefixSource source_{options_};
  std::uint64_t sequence_ = 0;
};

// A request that goes where its prompt is not cached pays for it in full.
TEST_F(PrecisePrefixSourceTest, FindsWhatEnginesStored) {
  tell(pod(1), stored({100, 101}, {1, 2, 3, 4}));
  tell(pod(1), stored({102}, {5, 6}, 101));
  EXPECT_THAT(matches({1, 2, 3, 4, 5, 6, 7}), ElementsAre(3, 0));
  EXPECT_THAT(matches({1, 2, 3, 4}), ElementsAre(2, 0));
  EXPECT_THAT(matches({1, 2, 9, 4, 5, 6}), ElementsAre(1, 0));
  EXPECT_THAT(matches({3, 4}), ElementsAre(0, 0));
  EXPECT_THAT(matches({1, 2}, "other"), ElementsAre(0, 0));
  EXPECT_THAT(matches({1, 2}, "m", "salt"), ElementsAre(0, 0));
}

TEST_F(PrecisePrefixSourceTest, ForgetsWhatEnginesDropped) {
  tell(pod(1), stored({100, 101, 102}, {1, 2, 3, 4, 5, 6}));
  tell(pod(1), KvBlocksRemoved{.hashes = {101, 7}});
  EXPECT_THAT(matches({1, 2, 3, 4, 5, 6}), ElementsAre(1, 0));
  tell(pod(1), KvCleared{});
  EXPECT_THAT(matches({1, 2}), ElementsAre(0, 0));
}

TEST_F(PrecisePrefixSourceTest, AdaptersAndSaltsHaveTheirOwn) {
  KvBlocksStored event = stored({100}, {1, 2});
  event.adapter = "sql";
  tell(pod(1), event);
  KvBlocksStored salted = stored({200}, {1, 2});
  salted.cache_salt = "s";
  tell(pod(1), salted);
  EXPECT_THAT(matches({1, 2}), ElementsAre(0, 0));
  EXPECT_THAT(matches({1, 2}, "sql"), ElementsAre(1, 0));
  EXPECT_THAT(matches({1, 2}, "m", "s"), ElementsAre(1, 0));
}

// A block that lies in the host's memory is worth less, and one that lies in both is not gone when
// one of them drops it.
TEST_F(PrecisePrefixSourceTest, CountsTiers) {
  KvBlocksStored on_cpu = stored({100, 101, 102, 103, 104}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
  on_cpu.tier = KvTier::kCpu;
  tell(pod(1), on_cpu);
  EXPECT_THAT(matches({1, 2, 3, 4, 5, 6, 7, 8, 9, 10}), ElementsAre(4, 0));  // 5 * 0.8
  tell(pod(1), stored({100}, {1, 2}));
  tell(pod(1), KvBlocksRemoved{.hashes = {100}, .tier = KvTier::kCpu});
  EXPECT_THAT(matches({1, 2}), ElementsAre(1, 0));
}

// A message that was lost may have said that blocks are gone.
TEST_F(PrecisePrefixSourceTest, AGapForgetsThatEngineAlone) {
  tell(pod(1), stored({100}, {1, 2}));
  source_.on_kv_events(pod(2), "m", 1, {.events = {stored({100}, {1, 2})}});
  EXPECT_THAT(matches({1, 2}), ElementsAre(1, 1));
  sequence_ += 1;
  tell(pod(1), stored({300}, {7, 8}));
  EXPECT_THAT(matches({1, 2}), ElementsAre(0, 1));
  EXPECT_THAT(matches({7, 8}), ElementsAre(1, 0));
}

TEST_F(PrecisePrefixSourceTest, SkipsBlocksWhosePlaceIsUnknown) {
  tell(pod(1), stored({102}, {5, 6}, 101));
  KvBlocksStored partial = stored({100}, {1, 2});
  partial.is_partial = true;
  tell(pod(1), partial);
  EXPECT_THAT(matches({1, 2, 5, 6}), ElementsAre(0, 0));
  EXPECT_EQ(source_.debug_state()["skipped"], 2);
}

// An engine gone mad must not take all our memory.
TEST_F(PrecisePrefixSourceTest, IsBounded) {
  for (std::uint32_t i = 0; i < 100; ++i) tell(pod(1), stored({i}, {i, i}));
  EXPECT_LE(source_.debug_state()["blocks"], 8);
  EXPECT_THAT(matches({99, 99}), ElementsAre(1, 0));
}

TEST_F(PrecisePrefixSourceTest, ForgetsEndpointsThatAreGone) {
  tell(pod(1), stored({100}, {1, 2}));
  source_.retain(std::vector<Endpoint>{pod(2)});
  EXPECT_THAT(matches({1, 2}), ElementsAre(0, 0));
  tell(pod(2), stored({100}, {1, 2}));
  source_.forget(pod(2));
  EXPECT_EQ(source_.debug_state()["endpoints"], 0);
}

// llm-d's own example, word for word but for the tokeniser.
constexpr const char* kConfig = R"(
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
- type: endpoint-notification-source
- type: precise-prefix-cache-producer
  name: precise
  parameters:
    tokenProcessorConfig: {blockSize: 64}
    kvEventsConfig:
      topicFilter: "kv@"
      concurrency: 4
      discoverPods: true
      podDiscoveryConfig: {socketPort: 5600, podLabelSelector: "a=b"}
    indexerConfig: {}
    speculativeIndexing: false
- type: prefix-cache-scorer
  parameters: {prefixMatchInfoProducerName: precise}
- type: max-score-picker
dataLayer:
  sources:
  - pluginRef: endpoint-notification-source
    extractors: [{pluginRef: precise}]
)";

TEST(PreciseProducer, IsConfiguredAsInTheReference) {
  const auto config = parse_picker_config(kConfig);
  ASSERT_TRUE(config) << config.error().message;
  auto prefix = make_precise_prefix(*config);
  ASSERT_TRUE(prefix) << prefix.error().message;
  ASSERT_TRUE(*prefix);
  EXPECT_EQ((*prefix)->port, 5600);
  EXPECT_EQ((*prefix)->topic, "kv@");
  const auto scheduler = make_scheduler(*config, 1, std::move((*prefix)->source));
  ASSERT_TRUE(scheduler) << scheduler.error().message;
  EXPECT_THAT((*scheduler)->debug_state(), testing::HasSubstr("skipped"));
  EXPECT_FALSE(*make_precise_prefix(*parse_picker_config("")));
}

TEST(PreciseProducer, SaysWhatItCannotDo) {
  const auto message = [](std::string_view from, std::string_view to) {
    std::string text = kConfig;
    text.replace(text.find(from), from.size(), to);
    const auto config = parse_picker_config(text);
    if (!config) return config.error().message;
    const auto prefix = make_precise_prefix(*config);
    return prefix ? std::string() : prefix.error().message;
  };
  using testing::HasSubstr;
  EXPECT_THAT(message("Indexing: false", "Indexing: true"), HasSubstr("speculativeIndexing"));
  EXPECT_THAT(message("concurrency: 4", "zmqEndpoint: tcp://*:1"), HasSubstr("zmqEndpoint"));
  EXPECT_THAT(message("concurrency: 4", "topics: a"), HasSubstr("topics"));
  EXPECT_THAT(message("5600", "0"), HasSubstr("socketPort"));
  EXPECT_THAT(message("- type: precise-prefix-cache-producer",
                      "- type: approx-prefix-cache-producer\n"
                      "- type: precise-prefix-cache-producer"),
              HasSubstr("one is enough"));
}

}  // namespace
}  // namespace rage::routing::detail
