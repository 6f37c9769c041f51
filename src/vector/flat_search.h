// Exact nearest neighbours by scanning unit vectors: cosine similarity is a plain dot product.
// The kernel is chosen at run time: AVX-512, AVX2 with FMA, or portable C++.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace rage::vector {

float dot(std::span<const float> a, std::span<const float> b);

// Value. `values` is row-major, count x dimension; it is borrowed.
struct VectorBlock {
  std::span<const float> values;
  std::size_t dimension = 0;
  std::span<const std::uint64_t> skipped = {};  // One bit a row, set: skip. Empty: none.
  std::span<const std::uint64_t> allowed = {};  // One bit a row, set: consider. Empty: all.
  std::size_t count() const { return dimension == 0 ? 0 : values.size() / dimension; }
};

struct VectorHit {
  std::uint32_t block = 0;
  std::uint32_t row = 0;
  float similarity = 0;  // Cosine, in [-1, 1] up to rounding.
  bool operator==(const VectorHit&) const = default;
};

// The `hits_max` most similar rows, best first; ties by block, then row. Deterministic.
std::vector<VectorHit> search_flat(std::span<const VectorBlock> blocks,
                                   std::span<const float> query, std::size_t hits_max);

// Every kernel this machine can run, for differential tests and benchmarks. Rows of `values`
// against `query`, into `similarities`.
using DotRows = void (*)(const float* values, std::size_t rows, std::size_t dimension,
                         const float* query, float* similarities);
struct Kernel {
  const char* name;
  DotRows dot_rows;
};
std::span<const Kernel> available_kernels();  // The fastest first.

}  // namespace rage::vector
