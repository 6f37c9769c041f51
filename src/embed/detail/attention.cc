#include "embed/detail/attention.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "embed/detail/avx512.h"

namespace rage::embed::detail {
namespace {

constexpr std::size_t kAttentionRows = 8;  // 8 x 2 sums.

std::size_t round_up(std::size_t value, std::size_t step) {
  return (value + step - 1) / step * step;
}

// 2^x, to 1e-4 of its value, far finer than the bf16 it becomes.
RAGE_AVX512 inline __m512 exp2_of(__m512 x) {
  const __m512 f = _mm512_reduce_ps(x, _MM_FROUND_TO_NEG_INF);  // x - floor(x)
  __m512 p = _mm512_set1_ps(0.07802452F);                       // Minimax on [0, 1).
  for (const float c : {0.2260672F, 0.6958335F, 0.9999252F}) {
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(c));
  }
  return _mm512_scalef_ps(p, x);
}

// c[8 x kVectors * 16] = a * b, of pairs of bf16.
template <std::size_t kVectors>
RAGE_AVX512 void multiply_columns(const std::uint32_t* a, std::size_t pairs, const std::uint32_t* b,
                                  std::size_t width, float* c) {
  __m512 sums[kAttentionRows][kVectors];
#pragma GCC unroll 8
  for (std::size_t r = 0; r < kAttentionRows; ++r) {
#pragma GCC unroll 2
    for (std::size_t v = 0; v < kVectors; ++v) sums[r][v] = _mm512_setzero_ps();
  }
  for (std::size_t pair = 0; pair < pairs; ++pair) {
    __m512bh columns[kVectors];
#pragma GCC unroll 2
    for (std::size_t v = 0; v < kVectors; ++v) {
      columns[v] = (__m512bh)_mm512_loadu_si512(b + pair * width + v * kLane);
    }
#pragma GCC unroll 8
    for (std::size_t r = 0; r < kAttentionRows; ++r) {
      const auto spread =
          (__m512bh)_mm512_set1_epi32(static_cast<std::int32_t>(a[r * pairs + pair]));
#pragma GCC unroll 2
      for (std::size_t v = 0; v < kVectors; ++v) {
        sums[r][v] = _mm512_dpbf16_ps(sums[r][v], spread, columns[v]);
      }
    }
  }
#pragma GCC unroll 8
  for (std::size_t r = 0; r < kAttentionRows; ++r) {
#pragma GCC unroll 2
    for (std::size_t v = 0; v < kVectors; ++v) {
      _mm512_storeu_ps(c + r * width + v * kLane, sums[r][v]);
    }
  }
}

// c[8 x width] = a * b, of pairs of bf16: a [8 x pairs], b [pairs x width], rows without gaps.
RAGE_AVX512 void multiply_pairs(const std::uint32_t* a, std::size_t pairs, const std::uint32_t* b,
                                std::size_t width, float* c) {
  std::size_t column = 0;
  for (; column + 2 * kLane <= width; column += 2 * kLane) {
    multiply_columns<2>(a, pairs, b + column, width, c + column);
  }
  if (column < width) multiply_columns<1>(a, pairs, b + column, width, c + column);
}

// Sixteen values, or the first `size` (even) of them and zeros, as pairs of bf16.
RAGE_AVX512 inline __m256i pairs_of(const float* values, std::size_t size) {
  if (size >= kLane) return (__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(values));
  const auto mask = static_cast<__mmask16>((1U << size) - 1U);
  return (__m256i)_mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(mask, values));
}

// The first `size` values (even) as pairs of bf16, and zeros up to the next sixteen pairs.
RAGE_AVX512 inline void to_pairs(const float* values, std::size_t size, std::uint32_t* pairs) {
  for (std::size_t i = 0; i < size; i += kLane) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(pairs + i / 2), pairs_of(values + i, size - i));
  }
}

// pairs[c] = (upper[c], lower[c]) as bf16.
RAGE_AVX512 void zip_rows(const float* upper, const float* lower, std::size_t size,
                          std::uint32_t* pairs) {
  for (std::size_t i = 0; i < size; i += kLane) {
    const auto mask = static_cast<__mmask16>((1U << std::min(kLane, size - i)) - 1U);
    const __m512i low =
        _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(mask, upper + i)));
    __m512i high = _mm512_setzero_si512();
    if (lower != nullptr) {
      high = _mm512_cvtepu16_epi32(
          (__m256i)_mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(mask, lower + i)));
    }
    _mm512_mask_storeu_epi32(pairs + i, mask, _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
  }
}

// Turns a row's scores into 2^(score - the largest), zero past `tokens`, as pairs of bf16; gives
// what they sum up to.
RAGE_AVX512 float soften(float* scores, std::size_t tokens, std::size_t width,
                         std::uint32_t* shares) {
  std::fill(scores + tokens, scores + width, -1e30F);
  __m512 largest = _mm512_loadu_ps(scores);
  for (std::size_t i = kLane; i < width; i += kLane) {
    largest = _mm512_max_ps(largest, _mm512_loadu_ps(scores + i));
  }
  const __m512 top = _mm512_set1_ps(max_of(largest));
  __m512 sum = _mm512_setzero_ps();
  for (std::size_t i = 0; i < width; i += kLane) {
    const __m512 share = exp2_of(_mm512_sub_ps(_mm512_loadu_ps(scores + i), top));
    sum = _mm512_add_ps(sum, share);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(shares + i / 2),
                        (__m256i)_mm512_cvtneps_pbh(share));
  }
  return sum_of(sum);
}

struct Head {
  const float* projections;  // Of the text's first token, at this head.
  std::size_t tokens;
  std::size_t stride;  // Floats from token to token.
  std::size_t part;    // Floats from query to key, and from key to value.
  std::size_t size;
};

// Keys with tokens across, so that a register holds sixteen of them. Scores past the text are not
// looked at, so what lies there does not matter.
RAGE_AVX512 void pack_keys(const Head& head, std::size_t width, AttentionSpace& space) {
  std::array<std::uint32_t, 512 + kLane> pairs;
  for (std::size_t token = 0; token < head.tokens; ++token) {
    to_pairs(head.projections + token * head.stride + head.part, head.size, pairs.data());
#if defined(__clang__)
#pragma clang loop vectorize(disable)  // Single stores are faster than a scattering one.
#endif
    for (std::size_t p = 0; p < head.size / 2; ++p) space.keys[p * width + token] = pairs[p];
  }
}

// Zero past the text, where shares are: what is no number there would be none in every sum.
RAGE_AVX512 void pack_values(const Head& head, std::size_t value_width, std::size_t width,
                             AttentionSpace& space) {
  const std::size_t rows = (head.tokens + 1) / 2;
  std::fill_n(space.values.data() + rows * value_width, (width / 2 - rows) * value_width, 0U);
  for (std::size_t token = 0; token < head.tokens; token += 2) {
    const float* upper = head.projections + token * head.stride + 2 * head.part;
    const float* lower = token + 1 < head.tokens ? upper + head.stride : nullptr;
    zip_rows(upper, lower, head.size, space.values.data() + token / 2 * value_width);
  }
}

RAGE_AVX512 void attend_head(const Head& head, AttentionSpace& space, float* mixed,
                             std::size_t mixed_stride) {
  const std::size_t width = round_up(head.tokens, kLane);
  const std::size_t value_width = round_up(head.size, kLane);
  pack_keys(head, width, space);
  pack_values(head, value_width, width, space);
  for (std::size_t first = 0; first < head.tokens; first += kAttentionRows) {
    const std::size_t rows = std::min(kAttentionRows, head.tokens - first);
    for (std::size_t r = 0; r < rows; ++r) {
      to_pairs(head.projections + (first + r) * head.stride, head.size,
               space.queries.data() + r * (head.size / 2));
    }
    multiply_pairs(space.queries.data(), head.size / 2, space.keys.data(), width,
                   space.scores.data());
    std::array<float, kAttentionRows> sums{};
    for (std::size_t r = 0; r < rows; ++r) {
      sums[r] = soften(space.scores.data() + r * width, head.tokens, width,
                       space.shares.data() + r * (width / 2));
    }
    multiply_pairs(space.shares.data(), width / 2, space.values.data(), value_width,
                   space.mixes.data());
    for (std::size_t r = 0; r < rows; ++r) {
      const float scale = 1.0F / sums[r];
      for (std::size_t i = 0; i < head.size; ++i) {
        mixed[(first + r) * mixed_stride + i] = space.mixes[r * value_width + i] * scale;
      }
    }
  }
}

}  // namespace

RAGE_AVX512 void attend(std::span<const float> projections, std::size_t heads,
                        std::size_t head_size, AttentionSpace& space, std::span<float> mixed) {
  const std::size_t hidden = heads * head_size;
  const std::size_t tokens = projections.size() / (3 * hidden);
  CHECK(head_size % 2 == 0 && head_size <= 1024 && mixed.size() == tokens * hidden);
  const std::size_t width = round_up(tokens, kLane);
  const std::size_t value_width = round_up(head_size, kLane);
  grow(space.keys, head_size / 2 * width);
  grow(space.values, width / 2 * value_width);
  grow(space.queries, kAttentionRows * (head_size / 2) + kLane);  // Zeros after the last.
  grow(space.shares, kAttentionRows * (width / 2));
  grow(space.scores, kAttentionRows * width);
  grow(space.mixes, kAttentionRows * value_width);
  for (std::size_t head = 0; head < heads; ++head) {
    attend_head({.projections = projections.data() + head * head_size,
                 .tokens = tokens,
                 .stride = 3 * hidden,
                 .part = hidden,
                 .size = head_size},
                space, mixed.data() + head * head_size, hidden);
  }
}

}  // namespace rage::embed::detail
