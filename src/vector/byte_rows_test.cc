#include "vector/byte_rows.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "vector/random_vectors_for_test.h"

namespace rage::vector {
namespace {

// A kernel that overflows or forgets a tail would rank wrongly on one kind of machine only.
TEST(ByteKernels, AgreeWithEachOther) {
  std::mt19937 random(3);
  for (const std::size_t count : {64U, 128U, 384U, 1024U}) {
    std::vector<std::int8_t> a(count);
    std::vector<std::int8_t> b(count);
    for (int round = 0; round < 20; ++round) {
      std::int32_t expected = 0;
      for (std::size_t i = 0; i < count; ++i) {
        const bool extreme = round == 0;
        a[i] = static_cast<std::int8_t>(extreme ? -127 : static_cast<int>(random() % 255) - 127);
        b[i] = static_cast<std::int8_t>(extreme ? -127 : static_cast<int>(random() % 255) - 127);
        expected += a[i] * b[i];
      }
      for (const DotBytes dot : available_byte_kernels()) {
        EXPECT_EQ(dot(a.data(), b.data(), count), expected);
      }
    }
  }
}

TEST(ByteRows, SimilaritiesAreCloseToTheCosines) {
  for (const std::size_t dimension : {1U, 60U, 64U, 100U, 384U}) {
    const auto values = random_rows(200, dimension, 5);
    ByteRows rows(dimension);
    for (std::size_t r = 0; r < 200; ++r) {
      rows.append(std::span(values).subspan(r * dimension, dimension));
    }
    for (std::size_t r = 1; r < 200; ++r) {
      double exact = 0;
      for (std::size_t i = 0; i < dimension; ++i)
        exact += double{values[i]} * values[r * dimension + i];
      EXPECT_NEAR(rows.similarity(rows.row(0), rows.row(r)), exact, 0.012) << dimension;
    }
  }
}

TEST(ByteRows, ZerosAndNonsenseAreAsFarAsARightAngle) {
  ByteRows rows(4);
  rows.append(std::vector<float>{0, 0, 0, 0});
  rows.append(std::vector<float>{NAN, INFINITY, 0, 0});
  rows.append_zero();
  rows.append(std::vector<float>{1, 0, 0, 0});
  for (std::size_t r = 0; r < 3; ++r) EXPECT_EQ(rows.similarity(rows.row(r), rows.row(3)), 0);
  EXPECT_NEAR(rows.similarity(rows.row(3), rows.row(3)), 1, 1e-6);
}

}  // namespace
}  // namespace rage::vector
