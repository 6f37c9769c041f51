// Document-at-a-time over windows of rows: every list is read once, scores of one window stay in
// the cache, and no row costs anything unless a term occurs in it.
#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "base/check.h"
#include "text/detail/postings.h"
#include "text/sparse_index.h"

namespace rage::text {
namespace {

using detail::PostingsReader;
using detail::TermDictionary;

constexpr float kK1 = 1.5F;
constexpr float kB = 0.75F;
constexpr std::size_t kWindowRows = 1U << 14;

struct QueryTerm {
  std::string_view text;
  float weight = 0;  // Inverse document frequency times how often the query says it.
};

struct Statistics {
  std::uint64_t rows = 0;
  double length_mean = 0;
};

Statistics sum_statistics(std::span<const SegmentView> segments) {
  Statistics sum;
  std::uint64_t terms = 0;
  for (const SegmentView& view : segments) {
    CHECK(view.segment != nullptr);
    sum.rows += view.segment->rows();
    terms += view.segment->terms_total();
  }
  if (terms > 0) sum.length_mean = static_cast<double>(terms) / static_cast<double>(sum.rows);
  return sum;
}

// In a fixed order, so that sums of floats do not depend on the query's.
std::vector<QueryTerm> weigh_terms(std::span<const SegmentView> segments,
                                   std::span<const std::string> terms, std::uint64_t rows) {
  std::map<std::string_view, std::size_t> counts;
  for (const std::string& term : terms) ++counts[term];
  std::vector<QueryTerm> weighed;
  for (const auto& [text, count] : counts) {
    std::uint64_t found = 0;
    for (const SegmentView& view : segments) found += view.segment->document_frequency(text);
    if (found == 0) continue;
    const double df = static_cast<double>(found);
    const double idf = std::log1p((static_cast<double>(rows) - df + 0.5) / (df + 0.5));
    weighed.push_back(
        {.text = text, .weight = static_cast<float>(idf * static_cast<double>(count))});
  }
  return weighed;
}

// The best hits so far; the worst of them on top.
class Best {
 public:
  explicit Best(std::size_t hits_max) : hits_max_(hits_max) {}

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

struct Cursor {
  PostingsReader reader;
  float weight = 0;
};

class SegmentScan {
 public:
  SegmentScan(const SegmentView& view, std::uint32_t index, const std::vector<QueryTerm>& terms,
              double length_mean)
      : view_(view), postings_(view.segment->postings()), index_(index) {
    norm_per_term_ = static_cast<float>(kK1 * kB / length_mean);
    for (const QueryTerm& term : terms) {
      const std::uint32_t number = postings_.terms.find(term.text);
      if (number == TermDictionary::kAbsent) continue;
      PostingsReader reader(postings_, number);
      if (reader.next()) cursors_.push_back({.reader = reader, .weight = term.weight});
    }
  }

  void run(std::vector<float>& scores, Best& best) {
    while (!cursors_.empty()) {
      RowId first = cursors_[0].reader.row();
      for (const Cursor& cursor : cursors_) first = std::min(first, cursor.reader.row());
      const std::size_t begin = first / kWindowRows * kWindowRows;
      const std::size_t end = std::min(begin + kWindowRows, postings_.lengths.size());
      add_scores(begin, end, scores);
      collect(begin, end, scores, best);
    }
  }

 private:
  // Lists that end are dropped; the order of the others stays, for the sums' sake.
  void add_scores(std::size_t begin, std::size_t end, std::vector<float>& scores) {
    std::size_t kept = 0;
    for (Cursor& cursor : cursors_) {
      PostingsReader reader = cursor.reader;
      bool more = true;
      while (more && reader.row() < end) {
        const RowId row = reader.row();
        const auto frequency = static_cast<float>(reader.frequency());
        const float norm =
            kK1 * (1 - kB) + norm_per_term_ * static_cast<float>(postings_.lengths[row]);
        scores[row - begin] += cursor.weight * frequency / (frequency + norm);
        more = reader.next();
      }
      if (more) cursors_[kept++] = {.reader = reader, .weight = cursor.weight};
    }
    cursors_.erase(cursors_.begin() + static_cast<std::ptrdiff_t>(kept), cursors_.end());
  }

  // Leaves the window's scores at zero.
  void collect(std::size_t begin, std::size_t end, std::vector<float>& scores, Best& best) const {
    float floor = best.floor();
    for (std::size_t i = 0; i < end - begin; ++i) {
      const float score = std::exchange(scores[i], 0.0F);
      if (score <= floor) continue;
      const auto row = static_cast<RowId>(begin + i);
      if (view_.deleted != nullptr && view_.deleted->contains(row)) continue;
      if (view_.allowed != nullptr && !view_.allowed->contains(row)) continue;
      best.offer({.segment = index_, .row = row, .score = score});
      floor = best.floor();
    }
  }

  const SegmentView& view_;
  const SparseSegment::Postings& postings_;
  std::uint32_t index_;
  float norm_per_term_ = 0;
  std::vector<Cursor> cursors_;
};

}  // namespace

std::vector<SparseHit> search_sparse(std::span<const SegmentView> segments,
                                     std::span<const std::string> query_terms,
                                     std::size_t hits_max) {
  if (hits_max == 0) return {};
  const Statistics statistics = sum_statistics(segments);
  const std::vector<QueryTerm> terms = weigh_terms(segments, query_terms, statistics.rows);
  if (terms.empty()) return {};
  Best best(hits_max);
  std::vector<float> scores(kWindowRows, 0.0F);
  for (std::size_t i = 0; i < segments.size(); ++i) {
    SegmentScan(segments[i], static_cast<std::uint32_t>(i), terms, statistics.length_mean)
        .run(scores, best);
  }
  return std::move(best).take();
}

}  // namespace rage::text
