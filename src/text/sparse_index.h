// BM25 over immutable segments, as Lucene does it: a write adds a small segment, segments are
// merged as they pile up, deletions are a bit per row. Scores use statistics summed over all live
// segments, so they do not depend on how rows happen to be spread. N, df and avgdl count deleted
// rows until a merge drops them, as in Lucene: a deletion shifts scores a little, never the set of
// rows found.
//
// Formula (Robertson and Zaragoza 2009; Lucene's idf): sum over query terms of
//   ln(1 + (N - df + 0.5) / (df + 0.5)) * f / (f + k1 * (1 - b + b * dl / avgdl)),  k1 = 1.5, b =
//   0.75.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace rage::text {

using RowId = std::uint32_t;  // Row within one segment.

// One bit a row; value semantics.
class RowSet final {
 public:
  RowSet() = default;
  explicit RowSet(std::size_t rows) : words_((rows + 63) / 64, 0) {}
  bool contains(RowId row) const {
    return row / 64 < words_.size() && ((words_[row / 64] >> (row % 64)) & 1U) != 0;
  }
  void insert(RowId row) { words_[row / 64] |= std::uint64_t{1} << (row % 64); }
  std::size_t count() const;
  std::span<const std::uint64_t> words() const { return words_; }

 private:
  std::vector<std::uint64_t> words_;
};

// Value. Immutable once built; Thread-safe to read. Shapes: row r has lengths()[r] terms.
class SparseSegment final {
 public:
  SparseSegment();  // No rows.
  // `rows[r]` are the analysed terms of row r, in order, duplicates included.
  static SparseSegment build(std::span<const std::vector<std::string>> rows);
  // Rows of `parts` in order, without those in `deleted[i]` (may be null): how segments are merged.
  static SparseSegment merge(std::span<const SparseSegment* const> parts,
                             std::span<const RowSet* const> deleted);

  std::size_t rows() const;
  std::uint64_t terms_total() const;  // Sum of row lengths, deleted rows included.
  std::size_t document_frequency(std::string_view term) const;  // Deleted rows included.
  std::uint32_t length(RowId row) const;
  std::size_t bytes() const;  // Memory, about.

  // The implementation needs postings; only sparse_index.cc and sparse_search.cc look inside.
  struct Postings;
  const Postings& postings() const { return *postings_; }

 private:
  explicit SparseSegment(std::shared_ptr<const Postings> postings);

  std::shared_ptr<const Postings> postings_;
};

using RowPredicate = std::function<bool(RowId)>;

struct SegmentView {
  const SparseSegment* segment = nullptr;
  const RowSet* deleted = nullptr;  // Null: none.
  const RowSet* allowed = nullptr;  // Null: all. A filter, applied inside the search.
  // Null: all. Likewise, asked only of rows that would be among the best.
  const RowPredicate* passes = nullptr;
};

struct SparseHit {
  std::uint32_t segment = 0;  // Index into the views.
  RowId row = 0;
  float score = 0;  // > 0
  bool operator==(const SparseHit&) const = default;
};

// The best `hits_max` rows with a score above zero, best first; ties by segment, then row. A term
// that occurs twice in the query counts twice. Deterministic: the same rows give the same floats,
// in whatever segments they lie, and in whatever way they are searched. At most 2^32 rows a
// segment.
enum class SparseSearch {
  kQuickest,    // Each segment in the way that suits it.
  kExhaustive,  // The whole lists of all terms.
  kPruned,      // By block maxima: what cannot be among the best is not read.
};
std::vector<SparseHit> search_sparse(std::span<const SegmentView> segments,
                                     std::span<const std::string> query_terms, std::size_t hits_max,
                                     SparseSearch how = SparseSearch::kQuickest);

// What no row's score can reach: the idf of all terms of the query, those that no row has included.
// A score divided by it is the share of the query's information that a row holds. 0: no terms.
double bound_of_scores(std::span<const SegmentView> segments,
                       std::span<const std::string> query_terms);

}  // namespace rage::text
