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

// How a word of a row meets a word of a column.
struct Pairs {  // Of bf16.
  using Sum = __m512;

  RAGE_AVX512 static Sum first(std::size_t /*column*/) { return _mm512_setzero_ps(); }
  RAGE_AVX512 static Sum add(Sum sum, __m512i row, __m512i column) {
    return _mm512_dpbf16_ps(sum, (__m512bh)row, (__m512bh)column);
  }
  RAGE_AVX512 static __m512 value(Sum sum) { return sum; }
};

struct Fours {  // Of bytes: those of rows are 128 too large, which an offset a column sets right.
  using Sum = __m512i;
  const std::int32_t* offsets;

  RAGE_AVX512 Sum first(std::size_t column) const { return _mm512_loadu_si512(offsets + column); }
  RAGE_AVX512 static Sum add(Sum sum, __m512i row, __m512i column) {
    return _mm512_dpbusd_epi32(sum, row, column);
  }
  RAGE_AVX512 static __m512 value(Sum sum) { return _mm512_cvtepi32_ps(sum); }
};

// c[8 x kVectors * 16] = a * b, from `column` on.
template <std::size_t kVectors, class Words>
RAGE_AVX512 void multiply_columns(const Words& words, const std::uint32_t* a, std::size_t depth,
                                  const std::uint32_t* b, std::size_t width, std::size_t column,
                                  float* c) {
  typename Words::Sum sums[kAttentionRows][kVectors];
#pragma GCC unroll 8
  for (std::size_t r = 0; r < kAttentionRows; ++r) {
#pragma GCC unroll 2
    for (std::size_t v = 0; v < kVectors; ++v) sums[r][v] = words.first(column + v * kLane);
  }
  for (std::size_t word = 0; word < depth; ++word) {
    __m512i columns[kVectors];
#pragma GCC unroll 2
    for (std::size_t v = 0; v < kVectors; ++v) {
      columns[v] = _mm512_loadu_si512(b + word * width + column + v * kLane);
    }
#pragma GCC unroll 8
    for (std::size_t r = 0; r < kAttentionRows; ++r) {
      const __m512i spread = _mm512_set1_epi32(static_cast<std::int32_t>(a[r * depth + word]));
#pragma GCC unroll 2
      for (std::size_t v = 0; v < kVectors; ++v) {
        sums[r][v] = Words::add(sums[r][v], spread, columns[v]);
      }
    }
  }
#pragma GCC unroll 8
  for (std::size_t r = 0; r < kAttentionRows; ++r) {
#pragma GCC unroll 2
    for (std::size_t v = 0; v < kVectors; ++v) {
      _mm512_storeu_ps(c + r * width + column + v * kLane, Words::value(sums[r][v]));
    }
  }
}

// c[8 x width] = a * b: a [8 x depth] words, b [depth x width] words, rows without gaps.
template <class Words>
RAGE_AVX512 void multiply_words(const Words& words, const std::uint32_t* a, std::size_t depth,
                                const std::uint32_t* b, std::size_t width, float* c) {
  std::size_t column = 0;
  for (; column + 2 * kLane <= width; column += 2 * kLane) {
    multiply_columns<2>(words, a, depth, b, width, column, c);
  }
  if (column < width) multiply_columns<1>(words, a, depth, b, width, column, c);
}

// Sixteen values, or the first `size` of them and zeros.
RAGE_AVX512 inline __m512 values_of(const float* values, std::size_t size) {
  if (size >= kLane) return _mm512_loadu_ps(values);
  return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1U << size) - 1U), values);
}

// The first `size` values, times `factor`, as fours of bytes; zeros up to the next four fours.
RAGE_AVX512 inline void to_fours(const float* values, std::size_t size, float factor,
                                 std::uint32_t* fours) {
  for (std::size_t i = 0; i < size; i += kLane) {
    const __m512 scaled = _mm512_mul_ps(values_of(values + i, size - i), _mm512_set1_ps(factor));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(fours + i / 4),
                     _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(scaled)));
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

// Turns a row's scores into 2^((score - the largest) * scale), zero past `tokens`, as pairs of
// bf16; gives what they sum up to.
RAGE_AVX512 float soften(float* scores, std::size_t tokens, std::size_t width, float scale,
                         std::uint32_t* shares) {
  std::fill(scores + tokens, scores + width, -1e30F);
  __m512 largest = _mm512_loadu_ps(scores);
  for (std::size_t i = kLane; i < width; i += kLane) {
    largest = _mm512_max_ps(largest, _mm512_loadu_ps(scores + i));
  }
  const __m512 factor = _mm512_set1_ps(scale);
  const __m512 top = _mm512_set1_ps(max_of(largest) * scale);
  __m512 sum = _mm512_setzero_ps();
  for (std::size_t i = 0; i < width; i += kLane) {
    const __m512 share = exp2_of(_mm512_fmsub_ps(_mm512_loadu_ps(scores + i), factor, top));
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

// The largest of a head's queries or keys.
RAGE_AVX512 float range_of(const Head& head, std::size_t part) {
  __m512 largest = _mm512_setzero_ps();
  for (std::size_t token = 0; token < head.tokens; ++token) {
    const float* values = head.projections + token * head.stride + part;
    for (std::size_t i = 0; i < head.size; i += kLane) {
      largest = _mm512_max_ps(largest, _mm512_abs_ps(values_of(values + i, head.size - i)));
    }
  }
  return max_of(largest);
}

// Keys as bytes with tokens across, so that a register holds sixteen of them, and what rows that
// are 128 too large add to their scores. Scores past the text are not looked at, so what lies there
// does not matter.
RAGE_AVX512 void pack_keys(const Head& head, float factor, std::size_t width,
                           AttentionSpace& space) {
  const std::size_t depth = (head.size + 3) / 4;
  std::array<std::uint32_t, 256 + 4> fours;
  for (std::size_t token = 0; token < head.tokens; ++token) {
    to_fours(head.projections + token * head.stride + head.part, head.size, factor, fours.data());
#if defined(__clang__)
#pragma clang loop vectorize(disable)  // Single stores are faster than a scattering one.
#endif
    for (std::size_t p = 0; p < depth; ++p) space.keys[p * width + token] = fours[p];
  }
  for (std::size_t token = 0; token < width; token += kLane) {
    __m512i sums = _mm512_setzero_si512();
    for (std::size_t p = 0; p < depth; ++p) {
      sums = _mm512_dpbusd_epi32(sums, _mm512_set1_epi8(-128),
                                 _mm512_loadu_si512(space.keys.data() + p * width + token));
    }
    _mm512_storeu_si512(space.offsets.data() + token,
                        _mm512_sub_epi32(_mm512_setzero_si512(), sums));
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
  const std::size_t depth = (head.size + 3) / 4;
  const float query_range = range_of(head, 0);
  const float key_range = range_of(head, head.part);
  const float query_factor = query_range > 0 ? 127 / query_range : 0;
  pack_keys(head, key_range > 0 ? 127 / key_range : 0, width, space);
  pack_values(head, value_width, width, space);
  // Where all scores are 0, what lies past the text still has to count for nothing.
  const float scale = std::max(query_range / 127 * (key_range / 127), 1e-20F);
  for (std::size_t first = 0; first < head.tokens; first += kAttentionRows) {
    const std::size_t rows = std::min(kAttentionRows, head.tokens - first);
    for (std::size_t r = 0; r < rows; ++r) {
      std::uint32_t* query = space.queries.data() + r * depth;
      to_fours(head.projections + (first + r) * head.stride, head.size, query_factor, query);
      for (std::size_t p = 0; p < depth; ++p) query[p] ^= 0x80808080U;
    }
    multiply_words(Fours{.offsets = space.offsets.data()}, space.queries.data(), depth,
                   space.keys.data(), width, space.scores.data());
    std::array<float, kAttentionRows> sums{};
    for (std::size_t r = 0; r < rows; ++r) {
      sums[r] = soften(space.scores.data() + r * width, head.tokens, width, scale,
                       space.shares.data() + r * (width / 2));
    }
    multiply_words(Pairs{}, space.shares.data(), width / 2, space.values.data(), value_width,
                   space.mixes.data());
    for (std::size_t r = 0; r < rows; ++r) {
      const float share = 1.0F / sums[r];
      for (std::size_t i = 0; i < head.size; ++i) {
        mixed[(first + r) * mixed_stride + i] = space.mixes[r * value_width + i] * share;
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
  grow(space.keys, (head_size + 3) / 4 * width);
  grow(space.offsets, width);
  grow(space.values, width / 2 * value_width);
  grow(space.queries, kAttentionRows * ((head_size + 3) / 4) + 4);
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
