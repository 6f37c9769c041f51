#include "embed/packing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace rage::embed {
namespace {

// Overlapping texts would share attention, and a caller would get a vector mixed with a stranger's
// text.
void expect_sound(const Packing& packing, const std::vector<std::size_t>& lengths,
                  const PackingOptions& options) {
  std::vector<int> cells(packing.rows * packing.row_tokens, 0);
  std::vector<int> taken(lengths.size(), 0);
  for (const Placement& placement : packing.placements) {
    ++taken.at(placement.text);
    ASSERT_LE(placement.column + lengths[placement.text], packing.row_tokens);
    for (std::size_t i = 0; i < lengths[placement.text]; ++i) {
      ++cells.at(placement.row * packing.row_tokens + placement.column + i);
    }
  }
  EXPECT_THAT(cells, ::testing::Each(::testing::Le(1)));
  EXPECT_THAT(taken, ::testing::Each(::testing::Le(1)));
  EXPECT_EQ(taken.front(), 1) << "the oldest text must not starve";
  EXPECT_LE(packing.placements.size(), options.texts_max);
  EXPECT_TRUE(packing.rows == 1 || packing.rows * packing.row_tokens <= options.batch_tokens_max);
}

TEST(Packing, IsSoundForAnyLengths) {
  std::mt19937 random(20260307);
  for (int round = 0; round < 500; ++round) {
    std::vector<std::size_t> lengths(1 + random() % 60);
    const std::size_t longest = 1 + random() % 512;
    for (std::size_t& length : lengths) length = 1 + random() % longest;
    const PackingOptions options{.batch_tokens_max = 64 + random() % 512,
                                 .texts_max = 1 + random() % 40};
    expect_sound(plan_packing(lengths, options), lengths, options);
  }
}

// For an encoder without rows: what fits, the oldest first, one behind the other.
TEST(Packing, WithoutRowsTextsLieOneBehindTheOther) {
  const PackingOptions options{.padded = false, .batch_tokens_max = 64};
  const std::vector<std::size_t> lengths = {20, 30, 40, 10, 5};
  const Packing packing = plan_packing(lengths, options);
  expect_sound(packing, lengths, options);
  EXPECT_EQ(packing.row_tokens, 60U);
  EXPECT_EQ(packing.placements.size(), 3U);
  EXPECT_EQ(plan_packing(std::vector<std::size_t>{200, 10}, options).placements.size(), 1U);
}

TEST(Packing, ALoneQuestionIsNotPadded) {
  const Packing packing = plan_packing(std::vector<std::size_t>{12}, {});
  EXPECT_EQ(packing.rows, 1U);
  EXPECT_EQ(packing.row_tokens, 12U);
}

// The throughput of concurrent questions rests on this.
TEST(Packing, ShortQuestionsShareRowsWithoutPadding) {
  const Packing packing = plan_packing(std::vector<std::size_t>(16, 12), {});
  EXPECT_EQ(packing.placements.size(), 16U);
  EXPECT_EQ(packing.rows * packing.row_tokens, 16U * 12U);
}

TEST(Packing, LongPassagesStayWithinTheMicroBatch) {
  const Packing packing = plan_packing(std::vector<std::size_t>(64, 220), {});
  EXPECT_EQ(packing.row_tokens, 224U);
  EXPECT_EQ(packing.rows, 2U);
  EXPECT_EQ(packing.placements.size(), 2U);
}

TEST(Packing, ATextLongerThanTheMicroBatchGoesAlone) {
  const Packing packing = plan_packing(std::vector<std::size_t>{1000, 1000}, {});
  EXPECT_EQ(packing.rows, 1U);
  EXPECT_EQ(packing.placements.size(), 1U);
  EXPECT_GE(packing.row_tokens, 1000U);
}

}  // namespace
}  // namespace rage::embed
