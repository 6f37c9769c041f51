#include "vector/flat_search.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "vector/random_vectors_for_test.h"

namespace rage::vector {
namespace {

// A kernel that forgets a tail would rank by half the vector on one kind of machine only.
TEST(Kernels, AgreeWithDoublePrecisionForEveryDimension) {
  for (const Kernel& kernel : available_kernels()) {
    for (std::size_t dimension = 1; dimension <= 100; ++dimension) {
      const auto rows = random_rows(3, dimension, 7);
      const auto query = random_rows(1, dimension, 8);
      float similarities[3];
      kernel.dot_rows(rows.data(), 3, dimension, query.data(), similarities);
      for (std::size_t r = 0; r < 3; ++r) {
        double expected = 0;
        for (std::size_t i = 0; i < dimension; ++i)
          expected += double{rows[r * dimension + i]} * query[i];
        EXPECT_NEAR(similarities[r], expected, 1e-5) << kernel.name << " " << dimension;
      }
    }
  }
}

TEST(FlatSearch, FindsWhatANaiveSortFinds) {
  constexpr std::size_t kDimension = 48;
  const auto first = random_rows(700, kDimension, 1);
  const auto second = random_rows(300, kDimension, 2);
  const auto query = random_rows(1, kDimension, 3);
  std::vector<std::uint64_t> skipped(11, 0);
  std::vector<std::uint64_t> allowed(5, 0);
  std::mt19937 random(4);
  for (auto& word : skipped) word = random();
  for (auto& word : allowed) word = (std::uint64_t{random()} << 32) | random();
  const VectorBlock blocks[] = {{.values = first, .dimension = kDimension, .skipped = skipped},
                                {.values = second, .dimension = kDimension, .allowed = allowed}};
  std::vector<VectorHit> naive;
  for (std::uint32_t b = 0; b < 2; ++b) {
    for (std::uint32_t r = 0; r < blocks[b].count(); ++r) {
      const bool out = b == 0 ? ((skipped[r / 64] >> (r % 64)) & 1U) != 0
                              : ((allowed[r / 64] >> (r % 64)) & 1U) == 0;
      if (out) continue;
      naive.push_back({b, r, dot(blocks[b].values.subspan(r * kDimension, kDimension), query)});
    }
  }
  std::ranges::sort(naive,
                    [](const auto& a, const auto& b) { return a.similarity > b.similarity; });
  const auto hits = search_flat(blocks, query, 20);
  ASSERT_EQ(hits.size(), 20U);
  for (std::size_t i = 0; i < hits.size(); ++i) EXPECT_EQ(hits[i], naive[i]) << i;
}

// The same question must give the same list every time, also when rows are equally good.
TEST(FlatSearch, TiesGoByBlockThenRow) {
  const std::vector<float> same = {1, 0, 1, 0, 1, 0};
  const VectorBlock blocks[] = {{.values = same, .dimension = 2}, {.values = same, .dimension = 2}};
  const float query[] = {1, 0};
  const auto hits = search_flat(blocks, query, 4);
  ASSERT_EQ(hits.size(), 4U);
  for (std::uint32_t i = 0; i < 4; ++i) {
    EXPECT_EQ(hits[i].block, i / 3);
    EXPECT_EQ(hits[i].row, i % 3);
  }
}

TEST(FlatSearch, EmptyInputsFindNothing) {
  const float query[] = {1, 0};
  EXPECT_TRUE(search_flat({}, query, 5).empty());
  const VectorBlock empty{.values = {}, .dimension = 2};
  EXPECT_TRUE(search_flat(std::span(&empty, 1), query, 5).empty());
  const std::vector<float> one = {1, 0};
  const VectorBlock block{.values = one, .dimension = 2};
  EXPECT_TRUE(search_flat(std::span(&block, 1), query, 0).empty());
  EXPECT_EQ(search_flat(std::span(&block, 1), query, 5).size(), 1U);
}

}  // namespace
}  // namespace rage::vector
