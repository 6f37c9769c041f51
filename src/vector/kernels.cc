// One function a machine level, each compiled for its level alone and chosen at run time.
#include <array>
#include <cstdint>

#include "vector/flat_search.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace rage::vector {
namespace {

// Eight partial sums: the compiler may keep them in one register, and the order of additions does
// not depend on its mood.
float dot_portable(const float* a, const float* b, std::size_t dimension) {
  std::array<float, 8> sums{};
  std::size_t i = 0;
  for (; i + 8 <= dimension; i += 8) {
    for (std::size_t lane = 0; lane < 8; ++lane) sums[lane] += a[i + lane] * b[i + lane];
  }
  float tail = 0;
  for (; i < dimension; ++i) tail += a[i] * b[i];
  return ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7])) +
         tail;
}

void rows_portable(const float* values, std::size_t rows, std::size_t dimension, const float* query,
                   float* similarities) {
  for (std::size_t r = 0; r < rows; ++r) {
    similarities[r] = dot_portable(values + r * dimension, query, dimension);
  }
}

#if defined(__x86_64__)

__attribute__((target("avx2"))) inline float sum_of(__m256 lanes) {
  __m128 half = _mm_add_ps(_mm256_castps256_ps128(lanes), _mm256_extractf128_ps(lanes, 1));
  half = _mm_add_ps(half, _mm_movehl_ps(half, half));
  half = _mm_add_ss(half, _mm_shuffle_ps(half, half, 1));
  return _mm_cvtss_f32(half);
}

__attribute__((target("avx2,fma"))) void rows_avx2(const float* values, std::size_t rows,
                                                   std::size_t dimension, const float* query,
                                                   float* similarities) {
  for (std::size_t r = 0; r < rows; ++r) {
    const float* row = values + r * dimension;
    __m256 sum0 = _mm256_setzero_ps();
    __m256 sum1 = _mm256_setzero_ps();
    std::size_t i = 0;
    for (; i + 16 <= dimension; i += 16) {
      sum0 = _mm256_fmadd_ps(_mm256_loadu_ps(row + i), _mm256_loadu_ps(query + i), sum0);
      sum1 = _mm256_fmadd_ps(_mm256_loadu_ps(row + i + 8), _mm256_loadu_ps(query + i + 8), sum1);
    }
    float total = sum_of(_mm256_add_ps(sum0, sum1));
    for (; i < dimension; ++i) total += row[i] * query[i];
    similarities[r] = total;
  }
}

__attribute__((target("avx512f"))) void rows_avx512(const float* values, std::size_t rows,
                                                    std::size_t dimension, const float* query,
                                                    float* similarities) {
  const std::size_t whole = dimension / 32 * 32;
  for (std::size_t r = 0; r < rows; ++r) {
    const float* row = values + r * dimension;
    __m512 sum0 = _mm512_setzero_ps();
    __m512 sum1 = _mm512_setzero_ps();
    for (std::size_t i = 0; i < whole; i += 32) {
      sum0 = _mm512_fmadd_ps(_mm512_loadu_ps(row + i), _mm512_loadu_ps(query + i), sum0);
      sum1 = _mm512_fmadd_ps(_mm512_loadu_ps(row + i + 16), _mm512_loadu_ps(query + i + 16), sum1);
    }
    for (std::size_t i = whole; i < dimension; i += 16) {
      const std::size_t left = dimension - i;
      const auto mask = static_cast<__mmask16>(left >= 16 ? 0xFFFFU : (1U << left) - 1U);
      sum0 = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(mask, row + i),
                             _mm512_maskz_loadu_ps(mask, query + i), sum0);
    }
    // Not _mm512_reduce_add_ps: g++ 12 warns of the undefined lanes in its own header.
    const __m512d sum = _mm512_castps_pd(_mm512_add_ps(sum0, sum1));
    const __m256d low = _mm512_maskz_extractf64x4_pd(0xFF, sum, 0);
    const __m256d high = _mm512_maskz_extractf64x4_pd(0xFF, sum, 1);
    similarities[r] = sum_of(_mm256_add_ps(_mm256_castpd_ps(low), _mm256_castpd_ps(high)));
  }
}

#endif

struct Kernels {
  std::array<Kernel, 3> list{};
  std::size_t count = 0;

  Kernels() {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f")) list[count++] = {"avx512", rows_avx512};
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
      list[count++] = {"avx2", rows_avx2};
#endif
    list[count++] = {"portable", rows_portable};
  }
};

}  // namespace

std::span<const Kernel> available_kernels() {
  static const Kernels kernels;
  return std::span(kernels.list).first(kernels.count);
}

}  // namespace rage::vector
