// Unit vectors for tests and benchmarks: all over the sphere, or around centres as embeddings of
// texts are.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <vector>

namespace rage::vector {

inline void normalise(std::span<float> vector) {
  double squares = 0;
  for (const float value : vector) squares += double{value} * value;
  for (float& value : vector) value /= static_cast<float>(std::sqrt(squares));
}

inline std::vector<float> random_rows(std::size_t rows, std::size_t dimension, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(rows * dimension);
  for (std::size_t r = 0; r < rows; ++r) {
    const auto row = std::span(values).subspan(r * dimension, dimension);
    for (float& value : row) value = normal(random);
    normalise(row);
  }
  return values;
}

// Row r lies around centre r % centres, at a cosine of about 1 / sqrt(1 + spread^2).
inline std::vector<float> clustered_rows(std::size_t rows, std::size_t dimension,
                                         std::size_t centres, float spread, std::uint32_t seed) {
  const std::vector<float> middles = random_rows(centres, dimension, 99);
  std::vector<float> values = random_rows(rows, dimension, seed);
  for (std::size_t r = 0; r < rows; ++r) {
    const auto row = std::span(values).subspan(r * dimension, dimension);
    for (std::size_t i = 0; i < dimension; ++i) {
      row[i] = middles[r % centres * dimension + i] + spread * row[i];
    }
    normalise(row);
  }
  return values;
}

}  // namespace rage::vector
