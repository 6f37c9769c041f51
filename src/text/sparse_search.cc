#include <cmath>
#include <map>

#include "base/check.h"
#include "text/detail/ranking.h"
#include "text/sparse_index.h"

namespace rage::text {
namespace {

using detail::QueryTerm;

// Pruning pays where lists are long. With many terms, finding out which row is next costs more than
// reading the lists.
constexpr std::size_t kPrunedRowsMin = 1U << 15;
constexpr std::size_t kPrunedTermsMax = 24;

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

std::uint64_t document_frequency(std::span<const SegmentView> segments, std::string_view term) {
  std::uint64_t found = 0;
  for (const SegmentView& view : segments) found += view.segment->document_frequency(term);
  return found;
}

double idf_of(std::uint64_t found, std::uint64_t rows) {
  const double df = static_cast<double>(found);
  return std::log1p((static_cast<double>(rows) - df + 0.5) / (df + 0.5));
}

// In a fixed order, so that sums of floats do not depend on the query's.
std::vector<QueryTerm> weigh_terms(std::span<const SegmentView> segments,
                                   std::span<const std::string> terms, std::uint64_t rows) {
  std::map<std::string_view, std::size_t> counts;
  for (const std::string& term : terms) ++counts[term];
  std::vector<QueryTerm> weighed;
  for (const auto& [text, count] : counts) {
    const std::uint64_t found = document_frequency(segments, text);
    if (found == 0) continue;
    weighed.push_back(
        {.text = text,
         .weight = static_cast<float>(idf_of(found, rows) * static_cast<double>(count))});
  }
  return weighed;
}

bool is_worth_pruning(const SparseSegment& segment, std::size_t terms) {
  return segment.rows() >= kPrunedRowsMin && terms <= kPrunedTermsMax;
}

}  // namespace

std::vector<SparseHit> search_sparse(std::span<const SegmentView> segments,
                                     std::span<const std::string> query_terms, std::size_t hits_max,
                                     SparseSearch how) {
  if (hits_max == 0) return {};
  const Statistics statistics = sum_statistics(segments);
  const std::vector<QueryTerm> terms = weigh_terms(segments, query_terms, statistics.rows);
  if (terms.empty()) return {};
  const detail::Saturation saturation(detail::kK1, detail::kB, statistics.length_mean);
  detail::BestHits best(hits_max);
  std::vector<float> scores;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const SegmentView& view = segments[i];
    const auto number = static_cast<std::uint32_t>(i);
    if (how == SparseSearch::kPruned ||
        (how == SparseSearch::kQuickest && is_worth_pruning(*view.segment, terms.size()))) {
      detail::search_pruned(view, number, terms, saturation, best);
    } else {
      scores.resize(detail::kWindowRows, 0.0F);
      detail::search_windows(view, number, terms, saturation, scores, best);
    }
  }
  return std::move(best).take();
}

double bound_of_scores(std::span<const SegmentView> segments,
                       std::span<const std::string> query_terms) {
  const std::uint64_t rows = sum_statistics(segments).rows;
  double sum = 0;
  for (const std::string& term : query_terms)
    sum += idf_of(document_frequency(segments, term), rows);
  return sum;
}

}  // namespace rage::text
