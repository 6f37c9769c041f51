#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>

#include "base/check.h"
#include "text/sparse_index.h"

namespace {

using rage::text::RowId;
using rage::text::RowSet;
using rage::text::SegmentView;
using rage::text::SparseHit;
using rage::text::SparseSegment;
using Rows = std::vector<std::vector<std::string>>;

// Bytes as choices; zeros once they run out.
class Choices {
 public:
  Choices(const std::uint8_t* bytes, std::size_t size) : bytes_(bytes), size_(size) {}
  std::size_t below(std::size_t limit) { return at_ < size_ ? bytes_[at_++] % limit : 0; }
  bool empty() const { return at_ >= size_; }

 private:
  const std::uint8_t* bytes_;
  std::size_t size_;
  std::size_t at_ = 0;
};

struct Part {
  Rows rows;
  RowSet deleted;
  RowSet allowed;
  SparseSegment segment;
};

std::string term_of(std::size_t number) {
  return std::string(1 + number / 26, static_cast<char>('a' + number % 26));
}

Part read_part(Choices& choices) {
  Part part;
  part.rows.resize(choices.below(40));
  for (auto& row : part.rows) {
    row.resize(choices.below(9));
    for (auto& term : row) term = term_of(choices.below(30));
  }
  part.deleted = RowSet(part.rows.size());
  part.allowed = RowSet(part.rows.size());
  for (RowId row = 0; row < part.rows.size(); ++row) {
    if (choices.below(4) == 1) part.deleted.insert(row);
    if (choices.below(4) != 1) part.allowed.insert(row);
  }
  part.segment = SparseSegment::build(part.rows);
  return part;
}

// BM25 as the header defines it, in double, for every row that may be found.
std::map<std::pair<std::uint32_t, RowId>, double> score_naively(
    const std::vector<Part>& parts, const std::vector<std::string>& query) {
  double rows = 0;
  double length = 0;
  std::map<std::string, double> frequencies;
  for (const Part& part : parts) {
    for (const auto& row : part.rows) {
      rows += 1;
      length += static_cast<double>(row.size());
      for (const auto& term : std::set<std::string>(row.begin(), row.end())) ++frequencies[term];
    }
  }
  std::map<std::pair<std::uint32_t, RowId>, double> scores;
  for (std::uint32_t p = 0; p < parts.size(); ++p) {
    for (RowId r = 0; r < parts[p].rows.size(); ++r) {
      if (parts[p].deleted.contains(r) || !parts[p].allowed.contains(r)) continue;
      const auto& row = parts[p].rows[r];
      const double norm = 1.5 * (0.25 + 0.75 * static_cast<double>(row.size()) / (length / rows));
      for (const auto& term : query) {
        const auto f = static_cast<double>(std::count(row.begin(), row.end(), term));
        const double df = frequencies[term];
        if (f > 0) scores[{p, r}] += std::log(1 + (rows - df + 0.5) / (df + 0.5)) * f / (f + norm);
      }
    }
  }
  return scores;
}

void check_search(const std::vector<Part>& parts, const std::vector<std::string>& query,
                  std::size_t hits_max) {
  std::vector<SegmentView> views;
  for (const Part& part : parts) {
    views.push_back({.segment = &part.segment, .deleted = &part.deleted, .allowed = &part.allowed});
  }
  const auto hits = search_sparse(views, query, hits_max);
  CHECK(hits == search_sparse(views, query, hits_max, rage::text::SparseSearch::kPruned));
  const auto expected = score_naively(parts, query);
  CHECK(hits.size() == std::min(hits_max, expected.size()));
  double least = 1e9;
  std::set<std::pair<std::uint32_t, RowId>> found;
  for (std::size_t i = 0; i < hits.size(); ++i) {
    const auto naive = expected.find({hits[i].segment, hits[i].row});
    CHECK(naive != expected.end());
    CHECK(std::abs(hits[i].score - naive->second) <= 1e-5 * (1 + naive->second));
    CHECK(found.insert(naive->first).second);
    least = std::min(least, naive->second);
    if (i == 0) continue;
    const SparseHit& before = hits[i - 1];
    CHECK(before.score >= hits[i].score);
    if (before.score == hits[i].score) {
      CHECK(std::pair(before.segment, before.row) < std::pair(hits[i].segment, hits[i].row));
    }
  }
  for (const auto& [row, score] : expected) {
    if (!found.contains(row)) CHECK(score <= least + 1e-5 * (1 + score));
  }
}

// Deletions and a merge leave the same index as building the rows that remain.
void check_merge(const std::vector<Part>& parts, const std::vector<std::string>& query) {
  std::vector<const SparseSegment*> segments;
  std::vector<const RowSet*> deleted;
  Rows left;
  for (const Part& part : parts) {
    segments.push_back(&part.segment);
    deleted.push_back(&part.deleted);
    for (RowId r = 0; r < part.rows.size(); ++r) {
      if (!part.deleted.contains(r)) left.push_back(part.rows[r]);
    }
  }
  const SparseSegment merged = SparseSegment::merge(segments, deleted);
  const SparseSegment built = SparseSegment::build(left);
  CHECK(merged.rows() == left.size() && merged.terms_total() == built.terms_total());
  for (RowId r = 0; r < left.size(); ++r) CHECK(merged.length(r) == left[r].size());
  for (std::size_t i = 0; i < 30; ++i) {
    CHECK(merged.document_frequency(term_of(i)) == built.document_frequency(term_of(i)));
  }
  const SegmentView merged_view{.segment = &merged};
  const SegmentView built_view{.segment = &built};
  CHECK(search_sparse(std::span(&merged_view, 1), query, 1000) ==
        search_sparse(std::span(&built_view, 1), query, 1000));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  Choices choices(bytes, size);
  std::vector<std::string> query(choices.below(6));
  for (auto& term : query) term = term_of(choices.below(32));
  const std::size_t hits_max = choices.below(20);
  std::vector<Part> parts;
  while (!choices.empty() && parts.size() < 5) parts.push_back(read_part(choices));
  check_search(parts, query, hits_max);
  check_merge(parts, query);
  return 0;
}
