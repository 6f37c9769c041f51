// What both ways of searching share: the query's terms, and the best hits so far.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "text/detail/impacts.h"
#include "text/sparse_index.h"

namespace rage::text::detail {

constexpr float kK1 = 1.5F;
constexpr float kB = 0.75F;

struct QueryTerm {
  std::string_view text;
  float weight = 0;  // Inverse document frequency times how often the query says it.
};

inline bool may_be_found(const SegmentView& view, RowId row) {
  if (view.deleted != nullptr && view.deleted->contains(row)) return false;
  if (view.allowed != nullptr && !view.allowed->contains(row)) return false;
  return view.passes == nullptr || (*view.passes)(row);
}

// The best hits so far; the worst of them on top.
class BestHits final {
 public:
  explicit BestHits(std::size_t hits_max) : hits_max_(hits_max) {}

  // Hits come by segment and row, so of two with the same score the first stays.
  void offer(const SparseHit& hit) {
    if (hits_.size() == hits_max_) {
      if (hit.score <= hits_.front().score) return;
      std::pop_heap(hits_.begin(), hits_.end(), is_better);
      hits_.pop_back();
    }
    hits_.push_back(hit);
    std::push_heap(hits_.begin(), hits_.end(), is_better);
  }

  // What a score must exceed to count.
  float floor() const { return hits_.size() == hits_max_ ? hits_.front().score : 0; }

  std::vector<SparseHit> take() && {
    std::sort(hits_.begin(), hits_.end(), is_better);
    return std::move(hits_);
  }

 private:
  static bool is_better(const SparseHit& a, const SparseHit& b) {
    if (a.score != b.score) return a.score > b.score;
    return a.segment != b.segment ? a.segment < b.segment : a.row < b.row;
  }

  std::size_t hits_max_;
  std::vector<SparseHit> hits_;
};

// One segment, the whole lists of all terms: best where there are few rows or many terms.
// `scores` are kWindowRows zeros, before and after.
constexpr std::size_t kWindowRows = 1U << 14;
void search_windows(const SegmentView& view, std::uint32_t segment,
                    const std::vector<QueryTerm>& terms, const Saturation& saturation,
                    std::vector<float>& scores, BestHits& best);

// The same hits with the same scores, without reading what cannot be among the best.
void search_pruned(const SegmentView& view, std::uint32_t segment,
                   const std::vector<QueryTerm>& terms, const Saturation& saturation,
                   BestHits& best);

}  // namespace rage::text::detail
