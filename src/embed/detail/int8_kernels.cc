#include "embed/detail/int8_kernels.h"

#include <algorithm>
#include <bit>
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

// x * Phi(x), to 6e-4, a thirteenth of the smallest step of the bytes it becomes: a parabola for
// each quarter from -4 to 4, numbered by the quarter's middle, modulo 32. Below it is 0, above it
// is x.
struct alignas(64) GeluTable {
  static constexpr int kQuarters = 32;
  float coefficients[3][kQuarters];

  GeluTable();
};

// Through three Chebyshev points of each quarter, by Newton's divided differences.
GeluTable::GeluTable() {
  for (int quarter = -16; quarter < 16; ++quarter) {
    std::array<double, 3> points{};
    std::array<double, 3> newton{};
    for (std::size_t i = 0; i < 3; ++i) {
      const double part = std::cos((static_cast<double>(i) + 0.5) * std::numbers::pi / 3);
      points[i] = (quarter + 0.5 * part) / 4;
      newton[i] = points[i] * 0.5 * (1 + std::erf(points[i] / std::numbers::sqrt2));
    }
    for (std::size_t order = 1; order < 3; ++order) {
      for (std::size_t i = 2; i >= order; --i) {
        newton[i] = (newton[i] - newton[i - 1]) / (points[i] - points[i - order]);
      }
    }
    std::array<double, 3> powers{newton[0] - points[0] * (newton[1] - points[1] * newton[2]),
                                 newton[1] - (points[0] + points[1]) * newton[2], newton[2]};
    if (quarter == -16) powers = {0, 0, 0};
    if (quarter == 15) powers = {0, 1, 0};
    const auto place = static_cast<std::size_t>(quarter & (kQuarters - 1));
    for (std::size_t k = 0; k < 3; ++k) coefficients[k][place] = static_cast<float>(powers[k]);
  }
}

RAGE_AVX512 inline __m512 gelu_of(__m512 x, const GeluTable& table) {
  const __m512 inside = _mm512_max_ps(
      _mm512_min_ps(_mm512_mul_ps(x, _mm512_set1_ps(4)), _mm512_set1_ps(15)), _mm512_set1_ps(-16));
  const __m512i quarter = _mm512_cvtps_epi32(inside);
  __m512 coefficients[3];
#pragma GCC unroll 3
  for (std::size_t k = 0; k < 3; ++k) {
    coefficients[k] = _mm512_permutex2var_ps(_mm512_load_ps(table.coefficients[k]), quarter,
                                             _mm512_load_ps(table.coefficients[k] + kLane));
  }
  return _mm512_fmadd_ps(x, _mm512_fmadd_ps(x, coefficients[2], coefficients[1]), coefficients[0]);
}

constexpr int kMantissaBits = 23;
constexpr std::int32_t kExponentMax = 100;  // A sum of 2^21 times 2^100 is a float.
// Exponents are counted from here, so that none is negative: added to the bits of a sum that is
// zero, they make a number too small to matter. A group 2^-12 as large as its row's largest is
// written in steps of the latter's.
constexpr std::int32_t kExponentBase = 12;

// 2^n, for n of -126 to 127.
inline float power_of_two(std::int32_t n) {
  return std::bit_cast<float>((n + 127) << kMantissaBits);
}

// The smallest n with 2^n >= value, for values of 0 and more.
inline std::int32_t exponent_above(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value) + ((1U << kMantissaBits) - 1);
  return static_cast<std::int32_t>(bits >> kMantissaBits) - 127;
}

// As Int8Rows keeps it.
inline std::int32_t exponent_bits(std::int32_t n) {
  return (n + kExponentBase) << kMantissaBits;
}

// A group of values becomes bytes around `zero`, in steps of 1 / inverse.
RAGE_AVX512 inline void write_group(const __m512* values, float inverse, std::size_t group,
                                    Int8Rows& rows) {
  const __m512 factor = _mm512_set1_ps(inverse);
  const __m512i zero = _mm512_set1_epi32(rows.zero);
#pragma GCC unroll 8
  for (std::size_t v = 0; v < kVectors; ++v) {
    const __m512i steps = _mm512_cvtps_epi32(_mm512_mul_ps(values[v], factor));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(rows.bytes.data() + group * kGroup + v * kLane),
                     _mm512_cvtusepi32_epi8(_mm512_add_epi32(steps, zero)));
  }
}

// Row number `row`, in steps of its largest group's largest value / 127 times a power of two.
RAGE_AVX512 inline void quantize_row(const float* values, std::size_t row, Int8Rows& rows) {
  __m512 largest[2] = {_mm512_setzero_ps(), _mm512_setzero_ps()};
  for (std::size_t i = 0; i < rows.width; i += 2 * kLane) {
    for (std::size_t v = 0; v < 2; ++v) {
      const __m512 part = _mm512_loadu_ps(values + i + v * kLane);
      largest[v] = _mm512_max_ps(largest[v], _mm512_abs_ps(part));
    }
  }
  const float range = max_of(_mm512_max_ps(largest[0], largest[1]));
  const float inverse = range > 0 ? 127 / range : 0;
  rows.scales[row] = range / 127 * power_of_two(-kExponentBase);
  for (std::size_t group = 0; group < rows.width / kGroup; ++group) {
    __m512 parts[kVectors];
    __m512 largest_here = _mm512_setzero_ps();
#pragma GCC unroll 8
    for (std::size_t v = 0; v < kVectors; ++v) {
      parts[v] = _mm512_loadu_ps(values + group * kGroup + v * kLane);
      largest_here = _mm512_max_ps(largest_here, _mm512_abs_ps(parts[v]));
    }
    const std::int32_t exponent =
        std::clamp(exponent_above(range > 0 ? max_of(largest_here) / range : 0), -kExponentBase, 0);
    const std::size_t at = row * (rows.width / kGroup) + group;
    rows.exponents[at] = exponent_bits(exponent);
    write_group(parts, inverse * power_of_two(-exponent), at, rows);
  }
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
  static constexpr std::int32_t kSmallest = -7;  // The 0.17 below zero are kGeluZero such steps.
  static constexpr std::int32_t kLargest = kExponentMax - kExponentBase;

  const GeluTable& table;
  Int8Rows& products;

  RAGE_AVX512 void operator()(std::size_t row, std::size_t output, const __m512* values) const {
    __m512 gelus[kVectors];
    __m512 largest = _mm512_setzero_ps();
#pragma GCC unroll 8
    for (std::size_t v = 0; v < kVectors; ++v) {
      gelus[v] = gelu_of(values[v], table);
      largest = _mm512_max_ps(largest, gelus[v]);
    }
    const std::int32_t exponent =
        std::clamp(exponent_above(max_of(largest) / (255 - kGeluZero)), kSmallest, kLargest);
    const std::size_t group = (row * products.width + output) / kGroup;
    products.exponents[group] = exponent_bits(exponent);
    write_group(gelus, power_of_two(-exponent), group, products);
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
  const std::int32_t* exponents = rows.exponents.data() + first_row * groups;
  __m512 sums[kRows][kVectors];
#pragma GCC unroll 8
  for (std::size_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (std::size_t v = 0; v < kVectors; ++v) sums[r][v] = _mm512_setzero_ps();
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
      const __m512i exponent = _mm512_set1_epi32(exponents[r * groups + group]);
#pragma GCC unroll 8
      for (std::size_t v = 0; v < kVectors; ++v) {
        const __m512i dot = _mm512_castps_si512(_mm512_cvtepi32_ps(dots[r][v]));
        sums[r][v] = _mm512_fmadd_ps(_mm512_castsi512_ps(_mm512_add_epi32(dot, exponent)),
                                     _mm512_loadu_ps(block.scales + v * kLane), sums[r][v]);
      }
    }
    block.scales += kBlock;
    block.offsets += kBlock;
  }
#pragma GCC unroll 8
  for (std::size_t r = 0; r < kRows; ++r) {
    const __m512 scale = _mm512_set1_ps(rows.scales[first_row + r]);
#pragma GCC unroll 8
    for (std::size_t v = 0; v < kVectors; ++v) {
      sums[r][v] = _mm512_fmadd_ps(sums[r][v], scale, _mm512_loadu_ps(block.biases + v * kLane));
    }
    sink(first_row + r, output, sums[r]);
  }
}

template <class Sink>
RAGE_AVX512 void multiply_tiles(const Int8Rows& rows, const Int8Linear& linear, const Sink& sink) {
  static_assert(kTileRows == 3);
  CHECK(rows.width == linear.inputs && rows.zero == linear.zero);
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

Int8Linear quantize_weights(std::span<const float> weights, std::span<const float> biases,
                            std::int32_t zero) {
  Int8Linear linear{.inputs = weights.size() / biases.size(),
                    .outputs = biases.size(),
                    .zero = zero,
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
        linear.offsets[at] -= zero * byte;
        const std::size_t four = (group * kGroup + i) / 4;
        const std::size_t line =
            (block * (linear.inputs / 4) + four) * kVectors + output % kBlock / kLane;
        linear.lines[line].bytes[output % kLane * 4 + i % 4] = byte;
      }
    }
  }
  return linear;
}

void Int8Rows::resize(std::size_t count, std::size_t columns, std::int32_t zero_byte) {
  CHECK(columns % kGroup == 0);
  rows = count;
  width = columns;
  zero = zero_byte;
  grow(bytes, count * columns);
  grow(scales, count);
  grow(exponents, count * columns / kGroup);
}

RAGE_AVX512 void quantize_rows(std::span<const float> values, std::size_t width, Int8Rows& rows) {
  CHECK(values.size() % width == 0);
  rows.resize(values.size() / width, width, kZero);
  for (std::size_t row = 0; row < rows.rows; ++row) {
    quantize_row(values.data() + row * width, row, rows);
  }
}

RAGE_AVX512 void multiply(const Int8Rows& rows, const Int8Linear& linear,
                          std::span<float> products) {
  CHECK(products.size() >= rows.rows * linear.outputs);
  multiply_tiles(rows, linear, ToFloats{.width = linear.outputs, .products = products.data()});
}

RAGE_AVX512 void multiply_gelu(const Int8Rows& rows, const Int8Linear& linear, Int8Rows& products) {
  static const GeluTable table;
  products.resize(rows.rows, linear.outputs, kGeluZero);
  std::ranges::fill(products.scales, power_of_two(-kExponentBase));
  multiply_tiles(rows, linear, ToGeluBytes{.table = table, .products = products});
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
