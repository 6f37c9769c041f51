// The arithmetic of Int8Encoder, for x86 with AVX-512, VNNI and BF16 (AMD since Zen 4, Intel since
// Sapphire Rapids). Weights are bytes with one scale an output and kGroup inputs; activations
// become bytes as they are multiplied, with one scale a row and kGroup inputs, so that one outlier
// costs its own group alone (Yao et al. 2022, "ZeroQuant"; Dettmers et al. 2022, "LLM.int8()").
// Every row is computed in the same order whatever lies beside it: its result does not depend on
// its company, to the bit. Nothing here but cpu_has_int8_kernels() may be called on another CPU.
// Thread-safe: no state.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace rage::embed::detail {

inline constexpr std::size_t kGroup = 64;

bool cpu_has_int8_kernels();

struct alignas(64) CacheLine {
  std::array<std::uint8_t, 64> bytes;
};

// Value. A matrix [outputs x inputs], both multiples of kGroup, and a bias.
struct Int8Linear {
  std::size_t inputs = 0;
  std::size_t outputs = 0;
  // Byte + 128, in blocks of 64 outputs, 4 inputs of 16 outputs a line: what VNNI takes at once.
  std::vector<CacheLine> lines;
  std::vector<float> scales;  // In blocks of 64 outputs, one an output for each group of inputs.
  std::vector<float> biases;
};

// `weights` row by row, one row an output.
Int8Linear quantize_weights(std::span<const float> weights, std::span<const float> biases);

// Value, reused. Rows of `width` bytes: x = byte * scale of its row and group.
struct Int8Rows {
  std::size_t rows = 0;
  std::size_t width = 0;
  std::vector<std::int8_t> bytes;
  std::vector<float> scales;
  std::vector<std::int32_t>
      offsets;  // -128 * the sum of a group's bytes: weights are 128 too large.
};

// `values` are rows of `width`, a multiple of kGroup.
void quantize_rows(std::span<const float> values, std::size_t width, Int8Rows& rows);

enum class Activation { kNone, kGelu };  // GELU by erf.

// products[row, output] = activation(rows * linear + bias).
void multiply(const Int8Rows& rows, const Int8Linear& linear, Activation activation,
              std::span<float> products);

// values = LayerNorm(values + added), row by row of scales.size(), a multiple of 16.
void add_and_normalize(std::span<float> values, std::span<const float> added,
                       std::span<const float> scales, std::span<const float> shifts, float epsilon);

// Value, reused.
struct AttentionSpace {
  std::vector<std::uint32_t> keys;     // Pairs of bf16, [head_size / 2 x tokens].
  std::vector<std::uint32_t> values;   // Pairs of bf16, [tokens / 2 x head_size].
  std::vector<std::uint32_t> queries;  // Of a few rows, as are scores and mixes.
  std::vector<std::uint32_t> shares;
  std::vector<float> scores;
  std::vector<float> mixes;
};

// Self-attention of one text, every token to every token. `projections` are rows of query, key and
// value side by side, each heads x head_size (even); queries are scaled by log2(e) /
// sqrt(head_size) already. Writes rows of heads x head_size.
void attend(std::span<const float> projections, std::size_t heads, std::size_t head_size,
            AttentionSpace& space, std::span<float> mixed);

}  // namespace rage::embed::detail
