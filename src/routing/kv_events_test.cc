#include "routing/kv_events.h"

#include <gmock/gmock.h>

#include "routing/msgpack_for_test.h"

namespace rage::routing {
namespace {

using namespace msgpack;
using testing::ElementsAre;
using testing::SizeIs;

KvBlocksStored stored_of(const std::string& event) {
  const auto decoded = decode_kv_events(batch({event}));
  EXPECT_TRUE(decoded) << decoded.error().message;
  if (!decoded || decoded->events.size() != 1) return {};
  return std::get<KvBlocksStored>(decoded->events[0]);
}

TEST(KvEvents, BlockStoredAsVllmWritesIt) {
  const KvBlocksStored stored = stored_of(
      list({text("BlockStored"), numbers({11, 12}), number(10), numbers({1, 2, 3, 4}), number(2),
            nil(), text("GPU"), text("sql"), nil(), number(0), text("full_attention"), nil()}));
  EXPECT_THAT(stored.hashes, ElementsAre(11, 12));
  EXPECT_EQ(stored.parent, 10U);
  EXPECT_THAT(stored.tokens, ElementsAre(1, 2, 3, 4));
  EXPECT_EQ(stored.block_tokens, 2U);
  EXPECT_EQ(stored.tier, KvTier::kGpu);
  EXPECT_EQ(stored.adapter, "sql");
  EXPECT_FALSE(stored.is_partial);
}

// Fields that are not there (older engines), and maps.
TEST(KvEvents, BlockStoredInOtherShapes) {
  const KvBlocksStored brief =
      stored_of(list({text("BlockStored"), numbers({11}), nil(), numbers({1, 2}), number(2)}));
  EXPECT_FALSE(brief.parent);
  EXPECT_EQ(brief.tier, KvTier::kGpu);
  const KvBlocksStored named = stored_of(
      map({text("block_size"), number(1), text("type"), text("BlockStored"), text("token_ids"),
           numbers({7}), text("block_hashes"), list({bytes("0123456789ABCDEF")}), text("medium"),
           text("cpu"), text("new"), list({number(1)})}));
  EXPECT_THAT(named.hashes, ElementsAre(0x3839414243444546));  // The last 8 bytes.
  EXPECT_EQ(named.tier, KvTier::kCpu);
}

// A block of a sliding window, or behind an image, says nothing about a prompt's text.
TEST(KvEvents, KnowsWhatSaysNothingOfAPrompt) {
  const auto with = [](std::string extra_keys, std::string kind) {
    return stored_of(list({text("BlockStored"), numbers({11}), nil(), numbers({1}), number(1),
                           nil(), nil(), nil(), std::move(extra_keys), nil(), std::move(kind)}));
  };
  EXPECT_TRUE(with(nil(), text("sliding_window")).is_partial);
  EXPECT_TRUE(with(nil(), text("mamba")).is_partial);
  EXPECT_FALSE(with(nil(), text("mla_attention")).is_partial);
  EXPECT_TRUE(with(list({list({text("image"), text("salt")})}), nil()).is_partial);
  EXPECT_FALSE(with(list({nil()}), nil()).is_partial);
  const KvBlocksStored salted = with(list({list({text("salt")})}), nil());
  EXPECT_FALSE(salted.is_partial);
  EXPECT_EQ(salted.cache_salt, "salt");
}

TEST(KvEvents, RemovedClearedAndUnknownOnes) {
  const auto decoded = decode_kv_events(
      batch({list({text("BlockRemoved"), numbers({5, 6}), text("CPU")}),
             list({text("Later"), number(1), list({nil()})}), list({text("AllBlocksCleared")})}));
  ASSERT_TRUE(decoded);
  ASSERT_THAT(decoded->events, SizeIs(2));
  EXPECT_THAT(std::get<KvBlocksRemoved>(decoded->events[0]).hashes, ElementsAre(5, 6));
  EXPECT_EQ(std::get<KvBlocksRemoved>(decoded->events[0]).tier, KvTier::kCpu);
  EXPECT_TRUE(std::holds_alternative<KvCleared>(decoded->events[1]));
  EXPECT_EQ(decode_kv_events(list({nil(), list({}), number(3)}))->rank, 3U);
}

TEST(KvEvents, RefusesWhatCannotBe) {
  const std::string good =
      list({text("BlockStored"), numbers({1}), nil(), numbers({1}), number(1)});
  for (const std::string& bytes :
       {std::string(), number(1), list({nil()}), list({nil(), nil()}), batch({number(1)}),
        batch({list({})}), batch({map({text("a"), nil()})}),
        batch({list({text("BlockStored"), numbers({1}), nil(), numbers({1, 2}), number(1)})}),
        batch({list({text("BlockStored"), numbers({1}), nil(), numbers({}), number(0)})}),
        batch({list({text("BlockStored"), text("x"), nil(), numbers({1}), number(1)})}),
        batch({good}).substr(0, 30), std::string(kKvBatchBytesMax + 1, '\xC0')}) {
    EXPECT_FALSE(decode_kv_events(bytes)) << bytes.substr(0, 40);
  }
}

TEST(ModelOfKvTopic, IsBehindThePod) {
  EXPECT_EQ(model_of_kv_topic("kv@10.0.0.1:8000@meta/llama@2"), "meta/llama@2");
  EXPECT_EQ(model_of_kv_topic("kv@pod"), "");
  EXPECT_EQ(model_of_kv_topic(""), "");
}

}  // namespace
}  // namespace rage::routing
