// Self-attention of Int8Encoder, for the same CPUs as int8_kernels.h: scores of bytes with one
// scale a head and text, shares and values in bf16. Thread-safe: no state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace rage::embed::detail {

// Value, reused.
struct AttentionSpace {
  std::vector<std::uint32_t> keys;     // Fours of bytes, [head_size / 4 x tokens].
  std::vector<std::int32_t> offsets;   // One a key.
  std::vector<std::uint32_t> values;   // Pairs of bf16, [tokens / 2 x head_size].
  std::vector<std::uint32_t> queries;  // Of a few rows, as are all below. Fours of bytes.
  std::vector<std::uint32_t> shares;   // Pairs of bf16.
  std::vector<float> scores;
  std::vector<float> mixes;
};

// Self-attention of one text, every token to every token. `projections` are rows of query, key and
// value side by side, each heads x head_size (even); queries are scaled by log2(e) /
// sqrt(head_size) already. Writes rows of heads x head_size.
void attend(std::span<const float> projections, std::size_t heads, std::size_t head_size,
            AttentionSpace& space, std::span<float> mixed);

}  // namespace rage::embed::detail
