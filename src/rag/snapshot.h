// The searchable state of one index at one moment: immutable segments, shared by all readers.
//
// A write adds a segment and publishes a new snapshot; segments are merged while the last is not
// much smaller than the one before it, so there are at most about log2(rows) of them. A deletion
// replaces one bit set. Rows keep the order of their insertion across segments.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "rag/demands.h"
#include "rag/document.h"
#include "rag/fusion.h"
#include "rag/metadata_filter.h"
#include "text/sparse_index.h"
#include "vector/dense_graph.h"

namespace rage::rag {

// One chunk with its place in the order of insertion.
struct Row {
  std::int64_t sequence = 0;  // The row's key in the database; rises along segments.
  std::shared_ptr<const Chunk> chunk;
};

// Value, immutable. rows[r] has vector values [r * dimension, (r + 1) * dimension) and sparse row
// r.
struct Segment {
  std::vector<Row> rows;
  std::vector<float> vectors;
  text::SparseSegment sparse;
};

struct SegmentRef {
  std::shared_ptr<const Segment> segment;
  std::shared_ptr<const text::RowSet> deleted;  // Null: none.
  std::size_t live_rows = 0;
};

struct Snapshot {
  std::size_t dimension = 0;
  std::vector<SegmentRef> segments;
  std::size_t live_rows() const;
  // Calls visit(row) for each live row, in order, until it returns false.
  template <class Visit>
  void for_each_row(Visit visit) const {
    for (const SegmentRef& ref : segments) {
      for (std::size_t r = 0; r < ref.segment->rows.size(); ++r) {
        if (ref.deleted && ref.deleted->contains(static_cast<text::RowId>(r))) continue;
        if (!visit(ref.segment->rows[r])) return;
      }
    }
  }
};

// What BM25 indexes for a chunk: its text and the short metadata values that the text does not
// hold.
std::vector<std::string> index_terms(const Chunk& chunk);

// vectors.size() == rows.size() * dimension.
std::shared_ptr<const Segment> build_segment(std::vector<Row> rows, std::vector<float> vectors);

// A new snapshot: `base` without the rows in `removed` (sorted sequence numbers) and with `added`
// (may be null) at its end.
std::shared_ptr<const Snapshot> next_snapshot(const Snapshot& base,
                                              std::span<const std::int64_t> removed,
                                              std::shared_ptr<const Segment> added);

struct RetrieveQuery {
  std::span<const float> vector;       // Of the question; unit length.
  std::span<const std::string> terms;  // analyze() of the question.
  std::size_t hits_max = 5;
  MetadataFilter filter = {};                 // Rows it does not match are not searched.
  const vector::DenseGraph* graph = nullptr;  // Of the index; null: the dense side is exact.
  std::string_view exact_doc_id = {};         // SHA-256 of the question: that document comes first.
  // Of the question, for an order to be read; null: for an answer (fusion.h).
  const Demands* demands = nullptr;
};

// How a search came to its hits, for metrics.
struct SearchFigures {
  std::size_t candidates_max = 0;     // Of each side.
  std::size_t dense_candidates = 0;   // Rows among the nearest by meaning,
  std::size_t sparse_candidates = 0;  // and those that share words with the question.
  std::size_t both = 0;               // Hits that were candidates of both sides, or of one;
                                      // a hit by its fields alone was of none.
  std::size_t dense_only = 0;
  std::size_t sparse_only = 0;
};

// Hybrid search, best first; ties by order of insertion. Deterministic.
std::vector<RetrievedChunk> retrieve(const Snapshot& snapshot, const RetrieveQuery& query,
                                     SearchFigures* figures = nullptr);

// The same in its parts, for whoever has the vectors elsewhere. A place is a segment and a row of
// it; candidates are those of both sides and of the fields.
using Place = std::pair<std::uint32_t, std::uint32_t>;
struct RowCandidate {
  Place place;
  FusionInput scores;
  bool has_dense = false;  // It is among the nearest by meaning.
};
using RowCandidates = std::vector<RowCandidate>;  // By place, each once.

// Candidates taken from each side; enough that a query's averages are stable.
std::size_t pool_size(const RetrieveQuery& query);
// Rows that pass the filter, one set a segment; empty if there is no filter.
std::vector<text::RowSet> allowed_rows(const Snapshot& snapshot, const MetadataFilter& filter);
// Calls visit(place, row) for each live row that passes, in order.
template <class Visit>
void for_each_allowed(const Snapshot& snapshot, std::span<const text::RowSet> allowed,
                      Visit visit) {
  for (std::uint32_t s = 0; s < snapshot.segments.size(); ++s) {
    const SegmentRef& ref = snapshot.segments[s];
    for (text::RowId r = 0; r < ref.segment->rows.size(); ++r) {
      if (ref.deleted && ref.deleted->contains(r)) continue;
      if (!allowed.empty() && !allowed[s].contains(r)) continue;
      visit(Place(s, r), ref.segment->rows[r]);
    }
  }
}
// Those that share words with the question, and those that meet its demands. Demands that more
// rows meet than are taken of a side tell little: such rows must be found otherwise.
RowCandidates find_by_words_and_fields(const Snapshot& snapshot, const RetrieveQuery& query,
                                       std::span<const text::RowSet> allowed);
std::vector<RetrievedChunk> rank(const Snapshot& snapshot, const RowCandidates& candidates,
                                 const RetrieveQuery& query, SearchFigures* figures);

}  // namespace rage::rag
