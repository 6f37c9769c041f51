// The arithmetic of Int8Encoder, for x86 with AVX-512, VNNI and BF16 (AMD since Zen 4, Intel since
// Sapphire Rapids). Weights are bytes with one scale an output and kGroup inputs; activations
// become bytes as they are multiplied, with one scale a row and kGroup inputs, so that one outlier
// costs its own group alone (Yao et al. 2022, "ZeroQuant"; Dettmers et al. 2022, "LLM.int8()").
// The scales of a row are powers of two apart: a sum is scaled by adding to its exponent, which
// does not take the ports that multiply. Every row is computed in the same order whatever lies
// beside it: its result does not depend on its company, to the bit. Nothing here but
// cpu_has_int8_kernels() may be called on another CPU. Thread-safe: no state.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace rage::embed::detail {

inline constexpr std::size_t kGroup = 64;

// The byte that means 0.
inline constexpr std::int32_t kZero = 128;
inline constexpr std::int32_t kGeluZero = 22;  // GELU is never below -0.17.

bool cpu_has_int8_kernels();

struct alignas(64) CacheLine {
  std::array<std::int8_t, 64> bytes;
};

// Value. A matrix [outputs x inputs], both multiples of kGroup, and a bias.
struct Int8Linear {
  std::size_t inputs = 0;
  std::size_t outputs = 0;
  // In blocks of 64 outputs, 4 inputs of 16 outputs a line: what VNNI takes at once.
  std::vector<CacheLine> lines;
  // In blocks of 64 outputs, one an output for each group of inputs.
  std::vector<float> scales;
  std::vector<std::int32_t> offsets;  // -zero * the sum of a group: what rows are too large by.
  std::int32_t zero = kZero;          // Of the rows it is multiplied with.
  std::vector<float> biases;
};

// `weights` row by row, one row an output.
Int8Linear quantize_weights(std::span<const float> weights, std::span<const float> biases,
                            std::int32_t zero = kZero);

// Value, reused. Rows of `width` bytes: x = (byte - zero) * scale of its row * 2^exponent of its
// row and group.
struct Int8Rows {
  std::size_t rows = 0;
  std::size_t width = 0;
  std::int32_t zero = kZero;
  std::vector<std::uint8_t> bytes;
  std::vector<float> scales;
  std::vector<std::int32_t> exponents;  // 0 to 100, where a float has its own: 23 bits up.

  // Columns: a multiple of kGroup.
  void resize(std::size_t count, std::size_t columns, std::int32_t zero_byte);
};

// `values` are rows of `width`, a multiple of kGroup.
void quantize_rows(std::span<const float> values, std::size_t width, Int8Rows& rows);

// products[row, output] = rows * linear + bias.
void multiply(const Int8Rows& rows, const Int8Linear& linear, std::span<float> products);

// products = bytes, from kGeluZero on, of GELU(rows * linear + bias), x * Phi(x) to 6e-4.
void multiply_gelu(const Int8Rows& rows, const Int8Linear& linear, Int8Rows& products);

// values = LayerNorm(values + added), row by row of scales.size(), a multiple of 16.
void add_and_normalize(std::span<float> values, std::span<const float> added,
                       std::span<const float> scales, std::span<const float> shifts, float epsilon);

}  // namespace rage::embed::detail
