#include "embed/hashing_embedder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <stop_token>

namespace rage::embed {
namespace {

EmbeddingMatrix hashed(const std::vector<std::string>& texts) {
  HashingEmbedder embedder;
  auto matrix = embedder.embed({}, texts, TextKind::kPassage);
  EXPECT_TRUE(matrix);
  return *std::move(matrix);
}

float dot(std::span<const float> a, std::span<const float> b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0F);
}

// A row without length 1 (or with a NaN) would poison every cosine computed from it.
TEST(HashingEmbedder, EveryRowHasLengthOne) {
  const auto matrix = hashed({"", " ", "...", "a", "hello world", std::string(100000, 'x'),
                              "\xFF\xFE\x80", "日本語", std::string(1, '\0')});
  ASSERT_EQ(matrix.rows, 9U);
  ASSERT_EQ(matrix.dimension, 384U);
  for (std::size_t i = 0; i < matrix.rows; ++i) {
    EXPECT_NEAR(std::sqrt(dot(matrix.row(i), matrix.row(i))), 1.0F, 1e-5F) << i;
  }
}

TEST(HashingEmbedder, SharedWordsAndPartsOfWordsBringTextsTogether) {
  const auto matrix = hashed({"deploy the workspace operator", "operator workspace deployment",
                              "bananas are yellow fruit", "DEPLOY the, WORKSPACE: operator!"});
  EXPECT_GT(dot(matrix.row(0), matrix.row(1)), 0.5F);
  EXPECT_LT(dot(matrix.row(0), matrix.row(2)), 0.3F);
  EXPECT_NEAR(dot(matrix.row(0), matrix.row(3)), 1.0F, 1e-5F);
}

// Indexes are written on one machine and searched on another: the hash may never change.
TEST(HashingEmbedder, TheVectorOfATextIsFixedForever) {
  const auto matrix = hashed({"rage"});
  std::vector<std::pair<std::size_t, float>> places;
  for (std::size_t i = 0; i < matrix.dimension; ++i) {
    if (matrix.values[i] != 0) places.emplace_back(i, std::round(matrix.values[i] * 1e4F) / 1e4F);
  }
  const std::vector<std::pair<std::size_t, float>> expected = {
      {87, -0.8575F}, {176, -0.2572F}, {254, 0.2572F}, {293, -0.2572F}, {348, 0.2572F}};
  EXPECT_EQ(places, expected);
}

TEST(HashingEmbedder, CountsWords) {
  const HashingEmbedder embedder(64);
  EXPECT_EQ(embedder.id(), "hashing-64");
  EXPECT_EQ(embedder.dimension(), 64U);
  EXPECT_EQ(embedder.count_tokens("two words, well three"), 4U);
  EXPECT_EQ(embedder.count_tokens(" ... "), 0U);
}

TEST(HashingEmbedder, StopsWhenCancelled) {
  std::stop_source stop;
  stop.request_stop();
  HashingEmbedder embedder;
  const std::vector<std::string> texts = {"a"};
  const auto matrix = embedder.embed({.stop = stop.get_token()}, texts, TextKind::kQuery);
  ASSERT_FALSE(matrix);
  EXPECT_EQ(matrix.error().code, ErrorCode::kCancelled);
}

}  // namespace
}  // namespace rage::embed
