#include "simulator/prompt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace rage::simulator {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

TEST(Prompt, FourBytesAreATokenAndOnlyFullBlocksCount) {
  EXPECT_EQ(prompt_of_text("", "m", 16).tokens, 0u);
  EXPECT_EQ(prompt_of_text("12345", "m", 16).tokens, 2u);
  EXPECT_THAT(prompt_of_text(std::string(63, 'a'), "m", 16).blocks, IsEmpty());
  EXPECT_THAT(prompt_of_text(std::string(130, 'a'), "m", 16).blocks, SizeIs(2));
}

TEST(Prompt, EqualHeadsShareTheirBlocks) {
  const std::string head(128, 'a');
  const Prompt one = prompt_of_text(head + std::string(64, 'b'), "m", 16);
  const Prompt two = prompt_of_text(head + std::string(64, 'c'), "m", 16);
  EXPECT_EQ(one.blocks[1], two.blocks[1]);
  EXPECT_NE(one.blocks[2], two.blocks[2]);
  EXPECT_NE(one.blocks[0], one.blocks[1]);
}

// Two adapters compute different KV for the same text: sharing it would be wrong answers.
TEST(Prompt, SaltKeepsModelsApart) {
  const std::string text(64, 'a');
  EXPECT_NE(prompt_of_text(text, "base", 16).blocks, prompt_of_text(text, "adapter", 16).blocks);
}

TEST(Prompt, TokensAreCountedAsSent) {
  const std::vector<std::uint32_t> tokens(33, 7);
  const Prompt prompt = prompt_of_tokens(tokens, "m", 16);
  EXPECT_EQ(prompt.tokens, 33u);
  EXPECT_THAT(prompt.blocks, SizeIs(2));
}

TEST(UnitInterval, NeverReachesOne) {
  EXPECT_EQ(unit_interval(0), 0.0);
  EXPECT_LT(unit_interval(~std::uint64_t{0}), 1.0);
}

}  // namespace
}  // namespace rage::simulator
