// What the encoder's AVX-512 code shares. For files that compile nothing for other CPUs.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <vector>

// What every function of these files is compiled for; the room's other code is not.
#define RAGE_AVX512 \
  __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512bf16")))

namespace rage::embed::detail {

inline constexpr std::size_t kLane = 16;  // Floats of a register.

template <class T>
void grow(std::vector<T>& values, std::size_t size) {
  if (values.size() < size) values.resize(size);
}

// Not _mm512_reduce_*: g++ 12 warns of the undefined lanes in its own header.
RAGE_AVX512 inline __m256 upper_half(__m512 v) {
  return _mm512_extractf32x8_ps(v, 1);
}

RAGE_AVX512 inline float sum_of(__m512 v) {
  const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(v), upper_half(v));
  __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  four = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(four, _mm_movehdup_ps(four)));
}

RAGE_AVX512 inline float max_of(__m512 v) {
  const __m256 eight = _mm256_max_ps(_mm512_castps512_ps256(v), upper_half(v));
  __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  four = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(four, _mm_movehdup_ps(four)));
}

}  // namespace rage::embed::detail
