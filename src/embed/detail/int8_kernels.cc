#include "embed/detail/int8_kernels.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

#include "base/check.h"
#include "embed/detail/avx512.h"

namespace rage::embed::detail {
namespace {

constexpr std::size_t kBlock = 64;   // Outputs computed side by side: four registers.
constexpr std::size_t kVectors = 4;  // Registers of a block.
// 3 x 4 dots, as many sums and 4 weights: 28 of 32 registers. Larger tiles load less, but keep
// their sums in memory: a sixth slower.
constexpr std::size_t kTileRows = 3;

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
RAGE_AVX512 inline __m512 gelu_of(__m512 x, const NormalTable& table) {
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

// A group of values becomes bytes and their scale.
RAGE_AVX512 inline void quantize_group(const __m512* values, std::size_t group, Int8Rows& rows) {
  __m512 largest = _mm512_abs_ps(values[0]);
#pragma GCC unroll 8
  for (std::size_t v = 1; v < kVectors; ++v) {
    largest = _mm512_max_ps(largest, _mm512_abs_ps(values[v]));
  }
  const float range = max_of(largest);
  const __m512 inverse = _mm512_set1_ps(range > 0 ? 127 / range : 0);
#pragma GCC unroll 8
  for (std::size_t v = 0; v < kVectors; ++v) {
    const __m512i whole = _mm512_cvtps_epi32(_mm512_mul_ps(values[v], inverse));
    const __m128i bytes = _mm_xor_si128(_mm512_cvtsepi32_epi8(whole), _mm_set1_epi8(-128));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(rows.bytes.data() + group * kGroup + v * kLane),
                     bytes);
  }
  rows.scales[group] = range / 127;
}

// What becomes of a row's products with a block of outputs.
struct ToFloats {
  std::size_t width;
  float* products;

  RAGE_AVX512 void operator()(std::size_t row, std::size_t output, const __m512* values) const {
#pragma GCC unroll 8
    for (std::size_t v = 0; v < kVectors; ++v) {
      _mm512_storeu_ps(products + row * width + output + v * kLane, values[v]);
    }
  }
};

// A block of outputs is a group of inputs of what comes next.
struct ToGeluBytes {
  const NormalTable& normal;
  Int8Rows& products;

  RAGE_AVX512 void operator()(std::size_t row, std::size_t output, const __m512* values) const {
    __m512 gelus[kVectors];
#pragma GCC unroll 8
    for (std::size_t v = 0; v < kVectors; ++v) gelus[v] = gelu_of(values[v], normal);
    quantize_group(gelus, (row * products.width + output) / kGroup, products);
  }
};

// One block of a matrix.
struct Block {
  const CacheLine* lines;
  const float* scales;
  const std::int32_t* offsets;
  const float* biases;
  // Lines of the block after it: each tile fetches as many with a group, for this block comes from
  // the first-level cache and the next would have to wait for the last.
  const CacheLine* ahead;
  std::size_t ahead_a_group;
};

// Some rows x one block of outputs.
template <std::size_t kRows, class Sink>
RAGE_AVX512 void multiply_tile(const Int8Rows& rows, std::size_t first_row, Block block,
                               std::size_t output, const Sink& sink) {
  const std::size_t groups = rows.width / kGroup;
  const std::uint8_t* bytes = rows.bytes.data() + first_row * rows.width;
  const float* scales = rows.scales.data() + first_row * groups;
  __m512 sums[kRows][kVectors];
#pragma GCC unroll 8
  for (std::size_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (std::size_t v = 0; v < kVectors; ++v) {
      sums[r][v] = _mm512_loadu_ps(block.biases + v * kLane);
    }
  }
  for (std::size_t group = 0; group < groups; ++group) {
    for (std::size_t line = 0; line < block.ahead_a_group; ++line) {
      _mm_prefetch(reinterpret_cast<const char*>(block.ahead++), _MM_HINT_T0);
    }
    __m512i dots[kRows][kVectors];
#pragma GCC unroll 8
    for (std::size_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
      for (std::size_t v = 0; v < kVectors; ++v) {
        dots[r][v] = _mm512_loadu_si512(block.offsets + v * kLane);
      }
    }
    for (std::size_t four = 0; four < kGroup / 4; ++four) {
      __m512i weights[kVectors];
#pragma GCC unroll 8
      for (std::size_t v = 0; v < kVectors; ++v) weights[v] = _mm512_load_si512(block.lines + v);
      block.lines += kVectors;
#pragma GCC unroll 8
      for (std::size_t r = 0; r < kRows; ++r) {
        std::int32_t inputs = 0;
        std::memcpy(&inputs, bytes + r * rows.width + group * kGroup + four * 4, 4);
        const __m512i spread = _mm512_set1_epi32(inputs);
#pragma GCC unroll 8
        for (std::size_t v = 0; v < kVectors; ++v) {
          dots[r][v] = _mm512_dpbusd_epi32(dots[r][v], spread, weights[v]);
        }
      }
    }
#pragma GCC unroll 8
    for (std::size_t r = 0; r < kRows; ++r) {
      const __m512 scale = _mm512_set1_ps(scales[r * groups + group]);
#pragma GCC unroll 8
      for (std::size_t v = 0; v < kVectors; ++v) {
        const __m512 factor = _mm512_mul_ps(scale, _mm512_loadu_ps(block.scales + v * kLane));
        sums[r][v] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dots[r][v]), factor, sums[r][v]);
      }
    }
    block.scales += kBlock;
    block.offsets += kBlock;
  }
#pragma GCC unroll 8
  for (std::size_t r = 0; r < kRows; ++r) sink(first_row + r, output, sums[r]);
}

template <class Sink>
RAGE_AVX512 void multiply_tiles(const Int8Rows& rows, const Int8Linear& linear, const Sink& sink) {
  static_assert(kTileRows == 3);
  CHECK(rows.width == linear.inputs);
  const std::size_t tiles = (rows.rows + kTileRows - 1) / kTileRows;
  if (tiles == 0) return;
  const std::size_t ahead_a_tile = (linear.inputs + tiles - 1) / tiles;
  const std::size_t groups = linear.inputs / kGroup;
  for (std::size_t output = 0; output < linear.outputs; output += kBlock) {
    const std::size_t before = output * linear.inputs;
    const CacheLine* lines = linear.lines.data() + before / sizeof(CacheLine);
    Block block{.lines = lines,
                .scales = linear.scales.data() + before / kGroup,
                .offsets = linear.offsets.data() + before / kGroup,
                .biases = linear.biases.data() + output,
                .ahead = lines + linear.inputs,
                .ahead_a_group =
                    output + kBlock < linear.outputs ? (ahead_a_tile + groups - 1) / groups : 0};
    for (std::size_t tile = 0; tile < tiles; ++tile) {
      const std::size_t first = tile * rows.rows / tiles;
      switch ((tile + 1) * rows.rows / tiles - first) {
        case 1:
          multiply_tile<1>(rows, first, block, output, sink);
          break;
        case 2:
          multiply_tile<2>(rows, first, block, output, sink);
          break;
        default:
          multiply_tile<3>(rows, first, block, output, sink);
      }
      block.ahead += ahead_a_tile;
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
  linear.offsets.resize(linear.outputs * groups);
  for (std::size_t output = 0; output < linear.outputs; ++output) {
    for (std::size_t group = 0; group < groups; ++group) {
      const auto part = weights.subspan(output * linear.inputs + group * kGroup, kGroup);
      float largest = 0;
      for (const float weight : part) largest = std::max(largest, std::abs(weight));
      const std::size_t block = output / kBlock;
      const std::size_t at = (block * groups + group) * kBlock + output % kBlock;
      linear.scales[at] = largest / 127;
      const float inverse = largest > 0 ? 127 / largest : 0;
      for (std::size_t i = 0; i < kGroup; ++i) {
        const auto byte =
            static_cast<std::int8_t>(std::lround(std::clamp(part[i] * inverse, -127.0F, 127.0F)));
        linear.offsets[at] -= 128 * byte;
        const std::size_t four = (group * kGroup + i) / 4;
        const std::size_t line =
            (block * (linear.inputs / 4) + four) * kVectors + output % kBlock / kLane;
        linear.lines[line].bytes[output % kLane * 4 + i % 4] = byte;
      }
    }
  }
  return linear;
}

void Int8Rows::resize(std::size_t count, std::size_t columns) {
  CHECK(columns % kGroup == 0);
  rows = count;
  width = columns;
  grow(bytes, count * columns);
  grow(scales, count * columns / kGroup);
}

RAGE_AVX512 void quantize_rows(std::span<const float> values, std::size_t width, Int8Rows& rows) {
  CHECK(values.size() % width == 0);
  rows.resize(values.size() / width, width);
  for (std::size_t group = 0; group < values.size() / kGroup; ++group) {
    __m512 parts[kVectors];
    for (std::size_t i = 0; i < kVectors; ++i) {
      parts[i] = _mm512_loadu_ps(values.data() + group * kGroup + i * kLane);
    }
    quantize_group(parts, group, rows);
  }
}

RAGE_AVX512 void multiply(const Int8Rows& rows, const Int8Linear& linear,
                          std::span<float> products) {
  CHECK(products.size() >= rows.rows * linear.outputs);
  multiply_tiles(rows, linear, ToFloats{.width = linear.outputs, .products = products.data()});
}

RAGE_AVX512 void multiply_gelu(const Int8Rows& rows, const Int8Linear& linear, Int8Rows& products) {
  static const NormalTable normal;
  products.resize(rows.rows, linear.outputs);
  multiply_tiles(rows, linear, ToGeluBytes{.normal = normal, .products = products});
}

RAGE_AVX512 void add_and_normalize(std::span<float> values, std::span<const float> added,
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

}  // namespace rage::embed::detail
