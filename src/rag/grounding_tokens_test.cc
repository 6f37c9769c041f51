#include "rag/grounding_tokens.h"

#include <gtest/gtest.h>

namespace rage::rag {
namespace {

TEST(GroundingTokens, FoldsAccentsPossessivesAndSigns) {
  const auto tokens = tokenize("Shopify’s Résumés, O'Leary and C++ on RISC-V");
  std::string words;
  for (const Token& token : tokens) words += token.folded + "|";
  EXPECT_EQ(words, "shopify|resumes|oleary|and|c++|on|risc|v|");
  EXPECT_TRUE(tokens[1].capital);
  EXPECT_TRUE(tokens[0].sentence_start);
}

TEST(GroundingTokens, SpansPointIntoTheText) {
  const std::string text = "Noémie’s α-test \xFF 東京";
  for (const Token& token : tokenize(text)) {
    EXPECT_LT(token.begin, token.end);
    EXPECT_LE(token.end, text.size());
  }
  EXPECT_EQ(tokenize(text).back().folded, "京");
}

TEST(GroundingTokens, EditDistanceCountsASwapOnce) {
  EXPECT_EQ(edit_distance("rsut", "rust", 3), 1U);
  EXPECT_EQ(edit_distance("opnetelemtry", "opentelemetry", 3), 2U);
  EXPECT_EQ(edit_distance("kitten", "sitting", 3), 3U);
  EXPECT_EQ(edit_distance("abc", "xyz", 1), 2U);  // Stops at the limit.
  EXPECT_TRUE(is_transposition("opne", "open"));
  EXPECT_FALSE(is_transposition("open", "open"));
  EXPECT_FALSE(is_transposition("opon", "open"));
}

}  // namespace
}  // namespace rage::rag
