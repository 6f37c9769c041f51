#include "embed/detail/int8_kernels.h"

#include <immintrin.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

#include "base/check.h"

// What every function here is compiled for; the room's other code is not.
#define RAGE_INT8 \
  __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512bf16")))

namespace rage::embed::detail {
namespace {

constexpr std::size_t kLane = 16;    // Floats of a register.
constexpr std::size_t kBlock = 64;   // Outputs computed side by side: four registers.
constexpr std::size_t kVectors = 4;  // Registers of a block.
// 3 x 4 dots, as many sums and 4 weights: 28 of 32 registers. Larger tiles load less, but keep
// their sums in memory: a sixth slower.
constexpr std::size_t kTileRows = 3;
constexpr std::size_t kAttentionRows = 8;  // 8 x 2 sums.
constexpr std::size_t kAttentionColumns = 32;

std::size_t round_up(std::size_t value, std::size_t step) {
  return (value + step - 1) / step * step;
}

template <class T>
void grow(std::vector<T>& values, std::size_t size) {
  if (values.size() < size) values.resize(size);
}

// Not _mm512_reduce_*: g++ 12 warns of the undefined lanes in its own header.
RAGE_INT8 inline __m256 upper_half(__m512 v) {
  return _mm512_extractf32x8_ps(v, 1);
}

RAGE_INT8 inline float sum_of(__m512 v) {
  const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(v), upper_half(v));
  __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  four = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(four, _mm_movehdup_ps(four)));
}

RAGE_INT8 inline float max_of(__m512 v) {
  const __m256 eight = _mm256_max_ps(_mm512_castps512_ps256(v), upper_half(v));
  __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  four = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(four, _mm_movehdup_ps(four)));
}

RAGE_INT8 inline std::int32_t sum_of(__m512i v) {
  const __m256i eight =
      _mm256_add_epi32(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64(v, 1));
  __m128i four = _mm_add_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
  four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4E));
  return _mm_cvtsi128_si32(_mm_add_epi32(four, _mm_shuffle_epi32(four, 0xB1)));
}

// 2^x, to 1e-4 of its value, far finer than the bf16 it becomes.
RAGE_INT8 inline __m512 exp2_of(__m512 x) {
  const __m512 f = _mm512_reduce_ps(x, _MM_FROUND_TO_NEG_INF);  // x - floor(x)
  __m512 p = _mm512_set1_ps(0.07802452F);                       // Minimax on [0, 1).
  for (const float c : {0.2260672F, 0.6958335F, 0.9999252F}) {
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(c));
  }
  return _mm512_scalef_ps(p, x);
}

// The normal distribution's Phi(x) - 1/2 for x >= 0, to 4e-6: a cubic for each of 16 segments, the
// last of which ends where it is 1/2.
struct alignas(64) NormalTable {
  static constexpr float kSegment = 0.375F;
  float coefficients[4][kLane];

  NormalTable();
};

// Through four Chebyshev points of each segment, by Newton's divided differences.
NormalTable::NormalTable() {
  std::array<double, 4> points{};
  for (std::size_t i = 0; i < 4; ++i) {
    points[i] = 0.5 - 0.5 * std::cos((static_cast<double>(i) + 0.5) * std::numbers::pi / 4);
  }
  for (std::size_t segment = 0; segment < kLane; ++segment) {
    std::array<double, 4> newton{};
    for (std::size_t i = 0; i < 4; ++i) {
      const double x = (static_cast<double>(segment) + points[i]) * kSegment;
      newton[i] = 0.5 * std::erf(x / std::numbers::sqrt2);
    }
    for (std::size_t order = 1; order < 4; ++order) {
      for (std::size_t i = 3; i >= order; --i) {
        newton[i] = (newton[i] - newton[i - 1]) / (points[i] - points[i - order]);
      }
    }
    std::array<double, 4> powers{};  // Of newton[0] + (t - p0) * (newton[1] + (t - p1) * (...)).
    for (std::size_t i = 4; i-- > 0;) {
      for (std::size_t k = 3; k > 0; --k) powers[k] = powers[k - 1] - points[i] * powers[k];
      powers[0] = newton[i] - points[i] * powers[0];
    }
    for (std::size_t k = 0; k < 4; ++k) {
      coefficients[k][segment] = static_cast<float>(powers[k]);
    }
  }
}

// x * Phi(x).
RAGE_INT8 inline __m512 gelu_of(__m512 x, const NormalTable& table) {
  const __m512 size = _mm512_abs_ps(x);
  const __m512 place = _mm512_min_ps(_mm512_mul_ps(size, _mm512_set1_ps(1 / NormalTable::kSegment)),
                                     _mm512_set1_ps(15.999999F));
  const __m512i segment = _mm512_cvttps_epi32(place);
  const __m512 t = _mm512_reduce_ps(place, _MM_FROUND_TO_NEG_INF);
  __m512 phi = _mm512_permutexvar_ps(segment, _mm512_load_ps(table.coefficients[3]));
#pragma GCC unroll 4
  for (std::size_t k = 3; k-- > 0;) {
    phi = _mm512_fmadd_ps(phi, t,
                          _mm512_permutexvar_ps(segment, _mm512_load_ps(table.coefficients[k])));
  }
  return _mm512_fmadd_ps(size, phi, _mm512_mul_ps(x, _mm512_set1_ps(0.5F)));
}

// Some rows x one block of outputs. `lines` and `factors` are the block's.
template <std::size_t kRows>
RAGE_INT8 void sum_tile(const Int8Rows& rows, std::size_t first_row, const CacheLine* lines,
                        const float* factors, __m512* sums) {
  const std::size_t groups = rows.width / kGroup;
  const std::int8_t* bytes = rows.bytes.data() + first_row * rows.width;
  const float* scales = rows.scales.data() + first_row * groups;
  const std::int32_t* offsets = rows.offsets.data() + first_row * groups;
  __m512 acc[kRows][kVectors];
#pragma GCC unroll 8
  for (std::size_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (std::size_t v = 0; v < kVectors; ++v) acc[r][v] = _mm512_setzero_ps();
  }
  for (std::size_t group = 0; group < groups; ++group) {
    __m512i dots[kRows][kVectors];
#pragma GCC unroll 8
    for (std::size_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
      for (std::size_t v = 0; v < kVectors; ++v) {
        dots[r][v] = _mm512_set1_epi32(offsets[r * groups + group]);
      }
    }
    for (std::size_t four = 0; four < kGroup / 4; ++four) {
      __m512i weights[kVectors];
#pragma GCC unroll 8
      for (std::size_t v = 0; v < kVectors; ++v) weights[v] = _mm512_load_si512(lines + v);
      lines += kVectors;
#pragma GCC unroll 8
      for (std::size_t r = 0; r < kRows; ++r) {
        std::int32_t inputs = 0;
        std::memcpy(&inputs, bytes + r * rows.width + group * kGroup + four * 4, 4);
        const __m512i spread = _mm512_set1_epi32(inputs);
#pragma GCC unroll 8
        for (std::size_t v = 0; v < kVectors; ++v) {
          dots[r][v] = _mm512_dpbusd_epi32(dots[r][v], weights[v], spread);
        }
      }
    }
#pragma GCC unroll 8
    for (std::size_t r = 0; r < kRows; ++r) {
      const __m512 scale = _mm512_set1_ps(scales[r * groups + group]);
#pragma GCC unroll 8
      for (std::size_t v = 0; v < kVectors; ++v) {
        __m512& sum = acc[r][v];
        const __m512 factor = _mm512_mul_ps(scale, _mm512_loadu_ps(factors + v * kLane));
        sum = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dots[r][v]), factor, sum);
      }
    }
    factors += kBlock;
  }
#pragma GCC unroll 8
  for (std::size_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (std::size_t v = 0; v < kVectors; ++v) sums[r * kVectors + v] = acc[r][v];
  }
}

RAGE_INT8 void sum_rows(std::size_t count, const Int8Rows& rows, std::size_t first_row,
                        const CacheLine* lines, const float* factors, __m512* sums) {
  switch (count) {
    case 1:
      return sum_tile<1>(rows, first_row, lines, factors, sums);
    case 2:
      return sum_tile<2>(rows, first_row, lines, factors, sums);
    default:
      return sum_tile<kTileRows>(rows, first_row, lines, factors, sums);
  }
}

// c[8 x 32] = a * b, of pairs of bf16: a [8 x pairs] in rows of `pairs`, b [pairs x b_width].
RAGE_INT8 void multiply_pairs(const std::uint32_t* a, std::size_t pairs, const std::uint32_t* b,
                              std::size_t b_width, float* c, std::size_t c_width) {
  __m512 sums[kAttentionRows][2];
#pragma GCC unroll 8
  for (std::size_t r = 0; r < kAttentionRows; ++r) {
    sums[r][0] = sums[r][1] = _mm512_setzero_ps();
  }
  for (std::size_t pair = 0; pair < pairs; ++pair) {
    const auto left = (__m512bh)_mm512_loadu_si512(b + pair * b_width);
    const auto right = (__m512bh)_mm512_loadu_si512(b + pair * b_width + kLane);
#pragma GCC unroll 8
    for (std::size_t r = 0; r < kAttentionRows; ++r) {
      const auto spread =
          (__m512bh)_mm512_set1_epi32(static_cast<std::int32_t>(a[r * pairs + pair]));
      sums[r][0] = _mm512_dpbf16_ps(sums[r][0], spread, left);
      sums[r][1] = _mm512_dpbf16_ps(sums[r][1], spread, right);
    }
  }
#pragma GCC unroll 8
  for (std::size_t r = 0; r < kAttentionRows; ++r) {
    _mm512_storeu_ps(c + r * c_width, sums[r][0]);
    _mm512_storeu_ps(c + r * c_width + kLane, sums[r][1]);
  }
}

// The first `size` values (even) as pairs of bf16.
RAGE_INT8 void to_pairs(const float* values, std::size_t size, std::uint32_t* pairs) {
  for (std::size_t i = 0; i < size; i += kLane) {
    const auto mask = static_cast<__mmask16>((1U << std::min(kLane, size - i)) - 1U);
    const auto half = (__m256i)_mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(mask, values + i));
    const auto pair_mask = static_cast<__mmask8>((1U << (std::min(kLane, size - i) / 2)) - 1U);
    _mm256_mask_storeu_epi32(pairs + i / 2, pair_mask, half);
  }
}

// pairs[c] = (upper[c], lower[c]) as bf16.
RAGE_INT8 void zip_rows(const float* upper, const float* lower, std::size_t size,
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
RAGE_INT8 float soften(float* scores, std::size_t tokens, std::size_t width,
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

// Keys with tokens across, so that a register holds sixteen of them; zero past the text.
RAGE_INT8 void pack_keys(const Head& head, std::size_t width, AttentionSpace& space) {
  std::array<std::uint32_t, 512> pairs{};
  std::fill_n(space.keys.begin(), head.size / 2 * width, 0U);
  for (std::size_t token = 0; token < head.tokens; ++token) {
    to_pairs(head.projections + token * head.stride + head.part, head.size, pairs.data());
    for (std::size_t p = 0; p < head.size / 2; ++p) space.keys[p * width + token] = pairs[p];
  }
}

RAGE_INT8 void pack_values(const Head& head, std::size_t value_width, std::size_t width,
                           AttentionSpace& space) {
  std::fill_n(space.values.begin(), width / 2 * value_width, 0U);
  for (std::size_t token = 0; token < head.tokens; token += 2) {
    const float* upper = head.projections + token * head.stride + 2 * head.part;
    const float* lower = token + 1 < head.tokens ? upper + head.stride : nullptr;
    zip_rows(upper, lower, head.size, space.values.data() + token / 2 * value_width);
  }
}

RAGE_INT8 void attend_head(const Head& head, AttentionSpace& space, float* mixed,
                           std::size_t mixed_stride) {
  const std::size_t width = round_up(head.tokens, kAttentionColumns);
  const std::size_t value_width = round_up(head.size, kAttentionColumns);
  pack_keys(head, width, space);
  pack_values(head, value_width, width, space);
  for (std::size_t first = 0; first < head.tokens; first += kAttentionRows) {
    const std::size_t rows = std::min(kAttentionRows, head.tokens - first);
    for (std::size_t r = 0; r < rows; ++r) {
      to_pairs(head.projections + (first + r) * head.stride, head.size,
               space.queries.data() + r * (head.size / 2));
    }
    for (std::size_t column = 0; column < width; column += kAttentionColumns) {
      multiply_pairs(space.queries.data(), head.size / 2, space.keys.data() + column, width,
                     space.scores.data() + column, width);
    }
    std::array<float, kAttentionRows> sums{};
    for (std::size_t r = 0; r < rows; ++r) {
      sums[r] = soften(space.scores.data() + r * width, head.tokens, width,
                       space.shares.data() + r * (width / 2));
    }
    for (std::size_t column = 0; column < value_width; column += kAttentionColumns) {
      multiply_pairs(space.shares.data(), width / 2, space.values.data() + column, value_width,
                     space.mixes.data() + column, value_width);
    }
    for (std::size_t r = 0; r < rows; ++r) {
      const float scale = 1.0F / sums[r];
      for (std::size_t i = 0; i < head.size; ++i) {
        mixed[(first + r) * mixed_stride + i] = space.mixes[r * value_width + i] * scale;
      }
    }
  }
}

}  // namespace

bool cpu_has_int8_kernels() {
  return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
         __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512vl") != 0 &&
         __builtin_cpu_supports("avx512vnni") != 0 && __builtin_cpu_supports("avx512bf16") != 0;
}

Int8Linear quantize_weights(std::span<const float> weights, std::span<const float> biases) {
  Int8Linear linear{.inputs = weights.size() / biases.size(),
                    .outputs = biases.size(),
                    .biases = {biases.begin(), biases.end()}};
  CHECK(linear.inputs % kGroup == 0 && linear.outputs % kBlock == 0);
  linear.lines.resize(weights.size() / sizeof(CacheLine));
  const std::size_t groups = linear.inputs / kGroup;
  linear.scales.resize(linear.outputs * groups);
  for (std::size_t output = 0; output < linear.outputs; ++output) {
    for (std::size_t group = 0; group < groups; ++group) {
      const auto part = weights.subspan(output * linear.inputs + group * kGroup, kGroup);
      float largest = 0;
      for (const float weight : part) largest = std::max(largest, std::abs(weight));
      const std::size_t block = output / kBlock;
      linear.scales[(block * groups + group) * kBlock + output % kBlock] = largest / 127;
      const float inverse = largest > 0 ? 127 / largest : 0;
      for (std::size_t i = 0; i < kGroup; ++i) {
        const long byte = std::lround(std::clamp(part[i] * inverse, -127.0F, 127.0F));
        const std::size_t four = (group * kGroup + i) / 4;
        const std::size_t line =
            (block * (linear.inputs / 4) + four) * kVectors + output % kBlock / kLane;
        linear.lines[line].bytes[output % kLane * 4 + i % 4] =
            static_cast<std::uint8_t>(byte + 128);
      }
    }
  }
  return linear;
}

RAGE_INT8 void quantize_rows(std::span<const float> values, std::size_t width, Int8Rows& rows) {
  CHECK(width % kGroup == 0 && values.size() % width == 0);
  rows.rows = values.size() / width;
  rows.width = width;
  grow(rows.bytes, values.size());
  grow(rows.scales, values.size() / kGroup);
  grow(rows.offsets, values.size() / kGroup);
  for (std::size_t group = 0; group < values.size() / kGroup; ++group) {
    __m512 parts[kGroup / kLane];
    __m512 largest = _mm512_setzero_ps();
    for (std::size_t i = 0; i < kGroup / kLane; ++i) {
      parts[i] = _mm512_loadu_ps(values.data() + group * kGroup + i * kLane);
      largest = _mm512_max_ps(largest, _mm512_abs_ps(parts[i]));
    }
    const float range = max_of(largest);
    const __m512 inverse = _mm512_set1_ps(range > 0 ? 127 / range : 0);
    __m512i sum = _mm512_setzero_si512();
    for (std::size_t i = 0; i < kGroup / kLane; ++i) {
      const __m512i whole = _mm512_cvtps_epi32(_mm512_mul_ps(parts[i], inverse));
      sum = _mm512_add_epi32(sum, whole);
      _mm_storeu_si128(reinterpret_cast<__m128i*>(rows.bytes.data() + group * kGroup + i * kLane),
                       _mm512_cvtsepi32_epi8(whole));
    }
    rows.scales[group] = range / 127;
    rows.offsets[group] = -128 * sum_of(sum);
  }
}

RAGE_INT8 void multiply(const Int8Rows& rows, const Int8Linear& linear, Activation activation,
                        std::span<float> products) {
  CHECK(rows.width == linear.inputs && products.size() >= rows.rows * linear.outputs);
  const std::size_t tiles = (rows.rows + kTileRows - 1) / kTileRows;
  static const NormalTable normal;
  __m512 sums[kTileRows * kVectors];
  for (std::size_t output = 0; output < linear.outputs; output += kBlock) {
    const CacheLine* lines = linear.lines.data() + output * linear.inputs / sizeof(CacheLine);
    const float* factors = linear.scales.data() + output * linear.inputs / kGroup;
    for (std::size_t tile = 0; tile < tiles; ++tile) {
      const std::size_t first = tile * rows.rows / tiles;
      const std::size_t count = (tile + 1) * rows.rows / tiles - first;
      sum_rows(count, rows, first, lines, factors, sums);
      for (std::size_t i = 0; i < count * kVectors; ++i) {
        const std::size_t column = output + i % kVectors * kLane;
        __m512 product = _mm512_add_ps(sums[i], _mm512_loadu_ps(linear.biases.data() + column));
        if (activation == Activation::kGelu) product = gelu_of(product, normal);
        _mm512_storeu_ps(products.data() + (first + i / kVectors) * linear.outputs + column,
                         product);
      }
    }
  }
}

RAGE_INT8 void add_and_normalize(std::span<float> values, std::span<const float> added,
                                 std::span<const float> scales, std::span<const float> shifts,
                                 float epsilon) {
  const std::size_t width = scales.size();
  CHECK(width % kLane == 0 && shifts.size() == width && values.size() % width == 0 &&
        added.size() >= values.size());
  for (std::size_t at = 0; at < values.size(); at += width) {
    float* row = values.data() + at;
    __m512 sum = _mm512_setzero_ps();
    for (std::size_t i = 0; i < width; i += kLane) {
      const __m512 value =
          _mm512_add_ps(_mm512_loadu_ps(row + i), _mm512_loadu_ps(added.data() + at + i));
      _mm512_storeu_ps(row + i, value);
      sum = _mm512_add_ps(sum, value);
    }
    const __m512 mean = _mm512_set1_ps(sum_of(sum) / static_cast<float>(width));
    __m512 squares = _mm512_setzero_ps();
    for (std::size_t i = 0; i < width; i += kLane) {
      const __m512 apart = _mm512_sub_ps(_mm512_loadu_ps(row + i), mean);
      squares = _mm512_fmadd_ps(apart, apart, squares);
    }
    const float variance = sum_of(squares) / static_cast<float>(width);
    const __m512 inverse = _mm512_set1_ps(1.0F / std::sqrt(variance + epsilon));
    for (std::size_t i = 0; i < width; i += kLane) {
      const __m512 normal = _mm512_mul_ps(_mm512_sub_ps(_mm512_loadu_ps(row + i), mean), inverse);
      _mm512_storeu_ps(row + i, _mm512_fmadd_ps(normal, _mm512_loadu_ps(scales.data() + i),
                                                _mm512_loadu_ps(shifts.data() + i)));
    }
  }
}

RAGE_INT8 void attend(std::span<const float> projections, std::size_t heads, std::size_t head_size,
                      AttentionSpace& space, std::span<float> mixed) {
  const std::size_t hidden = heads * head_size;
  const std::size_t tokens = projections.size() / (3 * hidden);
  CHECK(head_size % 2 == 0 && head_size <= 1024 && mixed.size() == tokens * hidden);
  const std::size_t width = round_up(tokens, kAttentionColumns);
  const std::size_t value_width = round_up(head_size, kAttentionColumns);
  grow(space.keys, head_size / 2 * width);
  grow(space.values, width / 2 * value_width);
  grow(space.queries, kAttentionRows * (head_size / 2));
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
