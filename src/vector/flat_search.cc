#include "vector/flat_search.h"

#include <algorithm>
#include <array>

#include "base/check.h"

namespace rage::vector {
namespace {

// Rows scored at a time: their similarities stay in the first-level cache.
constexpr std::size_t kRowsAtATime = 256;

bool has_bit(std::span<const std::uint64_t> bits, std::size_t row) {
  return row / 64 < bits.size() && ((bits[row / 64] >> (row % 64)) & 1U) != 0;
}

bool is_better(const VectorHit& a, const VectorHit& b) {
  if (a.similarity != b.similarity) return a.similarity > b.similarity;
  return a.block != b.block ? a.block < b.block : a.row < b.row;
}

// The best hits so far, the worst of them on top of a heap.
class BestHits final {
 public:
  explicit BestHits(std::size_t hits_max) : hits_max_(hits_max) {}

  void offer(const VectorHit& hit) {
    if (hits_.size() < hits_max_) {
      hits_.push_back(hit);
      std::ranges::push_heap(hits_, is_better);
    } else if (is_better(hit, hits_.front())) {
      std::ranges::pop_heap(hits_, is_better);
      hits_.back() = hit;
      std::ranges::push_heap(hits_, is_better);
    }
  }
  std::vector<VectorHit> take() {
    std::ranges::sort(hits_, is_better);
    return std::move(hits_);
  }

 private:
  const std::size_t hits_max_;
  std::vector<VectorHit> hits_;
};

}  // namespace

float dot(std::span<const float> a, std::span<const float> b) {
  CHECK(a.size() == b.size());
  float similarity = 0;
  available_kernels().front().dot_rows(a.data(), 1, a.size(), b.data(), &similarity);
  return similarity;
}

std::vector<VectorHit> search_flat(std::span<const VectorBlock> blocks,
                                   std::span<const float> query, std::size_t hits_max) {
  BestHits best(hits_max);
  if (hits_max == 0) return best.take();
  const DotRows dot_rows = available_kernels().front().dot_rows;
  std::array<float, kRowsAtATime> similarities;
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    const VectorBlock& block = blocks[b];
    CHECK(block.dimension == query.size());
    for (std::size_t first = 0; first < block.count(); first += kRowsAtATime) {
      const std::size_t rows = std::min(kRowsAtATime, block.count() - first);
      dot_rows(block.values.data() + first * block.dimension, rows, block.dimension, query.data(),
               similarities.data());
      for (std::size_t r = 0; r < rows; ++r) {
        const std::size_t row = first + r;
        if (has_bit(block.skipped, row)) continue;
        if (!block.allowed.empty() && !has_bit(block.allowed, row)) continue;
        best.offer({.block = static_cast<std::uint32_t>(b),
                    .row = static_cast<std::uint32_t>(row),
                    .similarity = similarities[r]});
      }
    }
  }
  return best.take();
}

}  // namespace rage::vector
