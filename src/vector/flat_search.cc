#include "vector/flat_search.h"

#include <algorithm>
#include <array>
#include <limits>

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

// The best hits so far, and as many that may be among them: a selection now and then costs less
// than a heap that each hit goes through.
class BestHits final {
 public:
  explicit BestHits(std::size_t hits_max) : hits_max_(hits_max) {}

  void offer(const VectorHit& hit) {
    if (hit.similarity < worst_) return;
    hits_.push_back(hit);
    if (hits_.size() == 2 * hits_max_) select();
  }
  std::vector<VectorHit> take() {
    if (hits_.size() > hits_max_) select();
    std::ranges::sort(hits_, is_better);
    return std::move(hits_);
  }

 private:
  void select() {
    const auto last = hits_.begin() + static_cast<std::ptrdiff_t>(hits_max_) - 1;
    std::ranges::nth_element(hits_, last, is_better);
    worst_ = last->similarity;
    hits_.resize(hits_max_);
  }

  const std::size_t hits_max_;
  float worst_ = -std::numeric_limits<float>::infinity();
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
