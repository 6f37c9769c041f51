#include "vector/byte_rows.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <new>

#include "base/check.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace rage::vector {
namespace {

constexpr std::size_t kLine = 64;  // Bytes of a cache line.
constexpr float kLargestCode = 127.0F;

std::int32_t dot_portable(const std::int8_t* a, const std::int8_t* b, std::size_t count) {
  std::int32_t sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += std::int32_t{a[i]} * std::int32_t{b[i]};
  return sum;
}

#if defined(__x86_64__)

__attribute__((target("avx2"))) std::int32_t dot_avx2(const std::int8_t* a, const std::int8_t* b,
                                                      std::size_t count) {
  __m256i sum = _mm256_setzero_si256();
  for (std::size_t i = 0; i < count; i += 16) {
    const __m256i wide_a =
        _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(a + i)));
    const __m256i wide_b =
        _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(b + i)));
    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(wide_a, wide_b));
  }
  __m128i half = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
  half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4E));
  half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0xB1));
  return _mm_cvtsi128_si32(half);
}

__attribute__((target("avx512f,avx512bw"))) std::int32_t dot_avx512(const std::int8_t* a,
                                                                    const std::int8_t* b,
                                                                    std::size_t count) {
  __m512i sum = _mm512_setzero_si512();
  for (std::size_t i = 0; i < count; i += 32) {
    const __m512i wide_a =
        _mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(a + i)));
    const __m512i wide_b =
        _mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(b + i)));
    sum = _mm512_add_epi32(sum, _mm512_madd_epi16(wide_a, wide_b));
  }
  alignas(64) std::array<std::int32_t, 16> lanes;
  _mm512_store_si512(lanes.data(), sum);
  std::int32_t total = 0;
  for (const std::int32_t lane : lanes) total += lane;
  return total;
}

#endif

struct Kernels {
  std::array<DotBytes, 3> list{};
  std::size_t count = 0;

  Kernels() {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512bw")) list[count++] = dot_avx512;
    if (__builtin_cpu_supports("avx2")) list[count++] = dot_avx2;
#endif
    list[count++] = dot_portable;
  }
};

float scale_of(const std::int8_t* row, std::size_t padded) {
  float scale = 0;
  std::memcpy(&scale, row + padded, sizeof(scale));
  return scale;
}

std::size_t round_up(std::size_t bytes) {
  return (bytes + kLine - 1) / kLine * kLine;
}

}  // namespace

std::span<const DotBytes> available_byte_kernels() {
  static const Kernels kernels;
  return std::span(kernels.list).first(kernels.count);
}

void ByteRows::Free::operator()(std::int8_t* block) const {
  ::operator delete[](block, std::align_val_t(kLine));
}

ByteRows::ByteRows(std::size_t dimension)
    : dimension_(dimension),
      padded_(round_up(dimension)),
      stride_(round_up(dimension + sizeof(float))) {
  CHECK(dimension >= 1 && dimension <= 65536);
  if (stride_ < padded_ + sizeof(float)) stride_ += kLine;
}

std::size_t ByteRows::bytes() const {
  return blocks_.size() * kBlockRows * stride_;
}

std::int8_t* ByteRows::grow() {
  if (size_ == blocks_.size() * kBlockRows) {
    blocks_.emplace_back(
        static_cast<std::int8_t*>(::operator new[](kBlockRows * stride_, std::align_val_t(kLine))));
  }
  std::int8_t* place = blocks_.back().get() + size_ % kBlockRows * stride_;
  ++size_;
  return place;
}

void ByteRows::append(std::span<const float> vector) {
  encode(vector, grow());
}

void ByteRows::append_zero() {
  std::memset(grow(), 0, stride_);
}

void ByteRows::encode(std::span<const float> vector, std::int8_t* buffer) const {
  CHECK(vector.size() == dimension_);
  std::memset(buffer, 0, stride_);
  float largest = 0;
  for (const float value : vector) largest = std::max(largest, std::fabs(value));
  if (!(largest > 0) || !std::isfinite(largest)) return;
  for (std::size_t i = 0; i < dimension_; ++i) {
    const float code = std::nearbyint(vector[i] / largest * kLargestCode);
    buffer[i] = static_cast<std::int8_t>(std::isnan(code) ? 0.0F : code);
  }
  const float scale = largest / kLargestCode;
  std::memcpy(buffer + padded_, &scale, sizeof(scale));
}

float ByteRows::similarity(const std::int8_t* a, const std::int8_t* b) const {
  static const DotBytes dot = available_byte_kernels().front();
  return static_cast<float>(dot(a, b, padded_)) * scale_of(a, padded_) * scale_of(b, padded_);
}

void ByteRows::prefetch(std::size_t number) const {
  const std::int8_t* at = row(number);
  for (std::size_t i = 0; i < stride_; i += kLine) __builtin_prefetch(at + i);
}

}  // namespace rage::vector
