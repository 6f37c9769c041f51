// Unit vectors as signed bytes, each with a scale of its own: a quarter of the memory, for finding
// candidates whose similarity is then computed from the original. Measured with MiniLM's vectors,
// the order differs from that of floats only where similarities nearly tie.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace rage::vector {

// Value, move-only. Not Thread-safe to append; Thread-safe to read. Rows never move.
class ByteRows final {
 public:
  // 1 <= dimension <= 65536.
  explicit ByteRows(std::size_t dimension);

  std::size_t size() const { return size_; }
  std::size_t dimension() const { return dimension_; }
  std::size_t bytes() const;
  void append(std::span<const float> vector);  // vector.size() == dimension
  // For a row whose vector is gone: as far from everything as a right angle.
  void append_zero();

  // The same form for a vector that is no row. One buffer per search: buffer_bytes() long.
  std::size_t buffer_bytes() const { return stride_; }
  void encode(std::span<const float> vector, std::int8_t* buffer) const;

  const std::int8_t* row(std::size_t row) const {
    return blocks_[row / kBlockRows].get() + row % kBlockRows * stride_;
  }
  // Of two encoded vectors; about their cosine.
  float similarity(const std::int8_t* a, const std::int8_t* b) const;
  void prefetch(std::size_t row) const;

 private:
  static constexpr std::size_t kBlockRows = 4096;
  struct Free {
    void operator()(std::int8_t* block) const;
  };

  std::int8_t* grow();

  std::size_t dimension_;
  std::size_t padded_;  // Codes of a row, a multiple of 64; zeros at the end.
  std::size_t stride_;  // padded_ and the scale, a multiple of 64.
  std::size_t size_ = 0;
  std::vector<std::unique_ptr<std::int8_t[], Free>> blocks_;
};

// Every kernel this machine can run, the fastest first, for differential tests. `count` is a
// multiple of 64.
using DotBytes = std::int32_t (*)(const std::int8_t* a, const std::int8_t* b, std::size_t count);
std::span<const DotBytes> available_byte_kernels();

}  // namespace rage::vector
