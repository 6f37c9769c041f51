#include "rag/snapshot.h"

#include <algorithm>

#include "base/check.h"
#include "rag/dense_search.h"
#include "rag/hashes.h"
#include "text/analyzer.h"
#include "vector/flat_search.h"

namespace rage::rag {
namespace {

constexpr std::size_t kPoolMin = 200;
constexpr std::size_t kIndexedValueBytesMax = 200;

// Metadata values worth finding a chunk by; long ones repeat the text, addresses are noise.
void append_short_values(const codec::Json& value, std::string_view text, std::string& out) {
  if (value.is_string()) {
    const auto& string = value.get_ref<const std::string&>();
    if (string.size() <= kIndexedValueBytesMax && string.find("://") == std::string::npos &&
        text.find(string) == std::string_view::npos) {
      out.append("\n").append(string);
    }
  } else if (value.is_structured()) {
    for (const codec::Json& item : value) append_short_values(item, text, out);
  }
}

std::span<const std::uint64_t> words_of(const text::RowSet* rows) {
  return rows == nullptr ? std::span<const std::uint64_t>() : rows->words();
}

std::vector<text::SegmentView> views_of(const Snapshot& snapshot,
                                        std::span<const text::RowSet> allowed) {
  std::vector<text::SegmentView> views;
  for (std::size_t s = 0; s < snapshot.segments.size(); ++s) {
    const SegmentRef& ref = snapshot.segments[s];
    views.push_back({.segment = &ref.segment->sparse,
                     .deleted = ref.deleted.get(),
                     .allowed = allowed.empty() ? nullptr : &allowed[s]});
  }
  return views;
}

std::span<const float> vector_of(const Snapshot& snapshot, Place place) {
  return std::span(snapshot.segments[place.first].segment->vectors)
      .subspan(place.second * snapshot.dimension, snapshot.dimension);
}

// Brings candidates in order; what the sides found of a row becomes one.
void merge_places(RowCandidates& candidates) {
  std::ranges::sort(candidates, {}, &RowCandidate::place);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const RowCandidate& next = candidates[i];
    if (kept == 0 || candidates[kept - 1].place != next.place) {
      candidates[kept++] = next;
      continue;
    }
    RowCandidate& known = candidates[kept - 1];
    known.scores.sparse = std::max(known.scores.sparse, next.scores.sparse);
    if (next.has_dense) known.scores.dense = next.scores.dense;
    known.has_dense |= next.has_dense;
  }
  candidates.resize(kept);
}

// Adds the best by meaning, and the similarity of those that words found.
void add_dense(const Snapshot& snapshot, const RetrieveQuery& query,
               std::span<const text::RowSet> allowed, RowCandidates& candidates) {
  std::vector<vector::VectorBlock> blocks;
  for (std::size_t s = 0; s < snapshot.segments.size(); ++s) {
    const SegmentRef& ref = snapshot.segments[s];
    blocks.push_back({.values = ref.segment->vectors,
                      .dimension = snapshot.dimension,
                      .skipped = words_of(ref.deleted.get()),
                      .allowed = words_of(allowed.empty() ? nullptr : &allowed[s])});
  }
  for (const vector::VectorHit& hit :
       search_dense(snapshot, blocks, query.vector, pool_size(query), query.graph)) {
    candidates.push_back(
        {.place = {hit.block, hit.row}, .scores = {.dense = hit.similarity}, .has_dense = true});
  }
  merge_places(candidates);
  for (RowCandidate& candidate : candidates) {
    if (candidate.has_dense) continue;
    candidate.scores.dense = vector::dot(vector_of(snapshot, candidate.place), query.vector);
  }
}

void count_hit(const RowCandidate& candidate, SearchFigures& figures) {
  const bool sparse = candidate.scores.sparse > 0;
  if (!sparse && !candidate.has_dense) return;
  ++(candidate.has_dense && sparse ? figures.both
     : sparse                      ? figures.sparse_only
                                   : figures.dense_only);
}

float met_by(const RetrieveQuery& query, const Chunk& chunk) {
  if (query.demands == nullptr) return 0;
  const auto found = query.demands->met.find(chunk.doc_id);
  return found == query.demands->met.end() ? 0 : found->second;
}

void add_by_fields(const Snapshot& snapshot, const RetrieveQuery& query,
                   std::span<const text::RowSet> allowed, RowCandidates& candidates) {
  if (query.demands == nullptr || query.demands->met.empty()) return;
  if (query.demands->met.size() > pool_size(query)) return;  // So are their rows.
  std::vector<Place> places;
  for_each_allowed(snapshot, allowed, [&](Place place, const Row& row) {
    if (met_by(query, *row.chunk) > 0) places.push_back(place);
  });
  if (places.size() > pool_size(query)) return;
  for (const Place& place : places) candidates.push_back({.place = place});
}

void count_candidate(const RowCandidate& candidate, SearchFigures& figures) {
  figures.dense_candidates += candidate.has_dense ? 1 : 0;
  figures.sparse_candidates += candidate.scores.sparse > 0 ? 1 : 0;
}

}  // namespace

std::size_t pool_size(const RetrieveQuery& query) {
  return std::max(kPoolMin, query.hits_max * 3);
}

std::vector<text::RowSet> allowed_rows(const Snapshot& snapshot, const MetadataFilter& filter) {
  std::vector<text::RowSet> allowed;
  if (filter.matches_all()) return allowed;
  for (const SegmentRef& ref : snapshot.segments) {
    text::RowSet& set = allowed.emplace_back(ref.segment->rows.size());
    for (std::size_t r = 0; r < ref.segment->rows.size(); ++r) {
      if (filter.matches(ref.segment->rows[r].chunk->metadata)) {
        set.insert(static_cast<text::RowId>(r));
      }
    }
  }
  return allowed;
}

RowCandidates find_by_words_and_fields(const Snapshot& snapshot, const RetrieveQuery& query,
                                       std::span<const text::RowSet> allowed) {
  const std::vector<text::SegmentView> views = views_of(snapshot, allowed);
  RowCandidates candidates;
  for (const text::SparseHit& hit : text::search_sparse(views, query.terms, pool_size(query))) {
    candidates.push_back({.place = {hit.segment, hit.row}, .scores = {.sparse = hit.score}});
  }
  add_by_fields(snapshot, query, allowed, candidates);
  merge_places(candidates);
  return candidates;
}

std::size_t Snapshot::live_rows() const {
  std::size_t rows = 0;
  for (const SegmentRef& ref : segments) rows += ref.live_rows;
  return rows;
}

std::vector<std::string> index_terms(const Chunk& chunk) {
  std::string text = chunk.text;
  append_short_values(chunk.metadata, chunk.text, text);
  return text::analyze(text);
}

std::shared_ptr<const Segment> build_segment(std::vector<Row> rows, std::vector<float> vectors) {
  std::vector<std::vector<std::string>> terms;
  terms.reserve(rows.size());
  for (const Row& row : rows) terms.push_back(index_terms(*row.chunk));
  auto segment = std::make_shared<Segment>();
  segment->sparse = text::SparseSegment::build(terms);
  segment->rows = std::move(rows);
  segment->vectors = std::move(vectors);
  return segment;
}

namespace {

std::shared_ptr<const Segment> merge(const SegmentRef& a, const SegmentRef& b,
                                     std::size_t dimension) {
  auto merged = std::make_shared<Segment>();
  merged->rows.reserve(a.live_rows + b.live_rows);
  merged->vectors.reserve((a.live_rows + b.live_rows) * dimension);
  for (const SegmentRef* part : {&a, &b}) {
    for (std::size_t r = 0; r < part->segment->rows.size(); ++r) {
      if (part->deleted && part->deleted->contains(static_cast<text::RowId>(r))) continue;
      merged->rows.push_back(part->segment->rows[r]);
      const auto from = part->segment->vectors.begin() + static_cast<std::ptrdiff_t>(r * dimension);
      merged->vectors.insert(merged->vectors.end(), from,
                             from + static_cast<std::ptrdiff_t>(dimension));
    }
  }
  const text::SparseSegment* parts[] = {&a.segment->sparse, &b.segment->sparse};
  const text::RowSet* deleted[] = {a.deleted.get(), b.deleted.get()};
  merged->sparse = text::SparseSegment::merge(parts, deleted);
  CHECK(merged->sparse.rows() == merged->rows.size());
  return merged;
}

void remove_rows(SegmentRef& ref, std::span<const std::int64_t> removed) {
  const std::vector<Row>& rows = ref.segment->rows;
  auto deleted = ref.deleted ? std::make_shared<text::RowSet>(*ref.deleted)
                             : std::make_shared<text::RowSet>(rows.size());
  bool changed = false;
  for (const std::int64_t sequence : removed) {
    const auto found = std::ranges::lower_bound(rows, sequence, {}, &Row::sequence);
    if (found == rows.end() || found->sequence != sequence) continue;
    const auto row = static_cast<text::RowId>(found - rows.begin());
    if (deleted->contains(row)) continue;
    deleted->insert(row);
    --ref.live_rows;
    changed = true;
  }
  if (changed) ref.deleted = std::move(deleted);
}

}  // namespace

std::shared_ptr<const Snapshot> next_snapshot(const Snapshot& base,
                                              std::span<const std::int64_t> removed,
                                              std::shared_ptr<const Segment> added) {
  auto next = std::make_shared<Snapshot>(base);
  if (!removed.empty()) {
    for (SegmentRef& ref : next->segments) remove_rows(ref, removed);
    std::erase_if(next->segments, [](const SegmentRef& ref) { return ref.live_rows == 0; });
  }
  if (added && !added->rows.empty()) {
    const std::size_t rows = added->rows.size();
    next->segments.push_back({.segment = std::move(added), .deleted = nullptr, .live_rows = rows});
  }
  while (next->segments.size() >= 2) {
    const SegmentRef& last = next->segments.back();
    const SegmentRef& before = next->segments[next->segments.size() - 2];
    if (last.live_rows * 2 < before.live_rows) break;
    auto merged = merge(before, last, base.dimension);
    const std::size_t rows = merged->rows.size();
    next->segments.resize(next->segments.size() - 2);
    next->segments.push_back({.segment = std::move(merged), .deleted = nullptr, .live_rows = rows});
  }
  return next;
}

std::vector<RetrievedChunk> retrieve(const Snapshot& snapshot, const RetrieveQuery& query,
                                     SearchFigures* figures) {
  const std::vector<text::RowSet> allowed = allowed_rows(snapshot, query.filter);
  RowCandidates candidates = find_by_words_and_fields(snapshot, query, allowed);
  add_dense(snapshot, query, allowed, candidates);
  return rank(snapshot, candidates, query, figures);
}

std::vector<RetrievedChunk> rank(const Snapshot& snapshot, const RowCandidates& candidates,
                                 const RetrieveQuery& query, SearchFigures* figures) {
  SearchFigures counted{.candidates_max = pool_size(query)};
  std::vector<FusionInput> inputs;
  inputs.reserve(candidates.size());
  const auto chunk_at = [&](std::size_t i) -> const Chunk& {
    const auto [segment, row] = candidates[i].place;
    return *snapshot.segments[segment].segment->rows[row].chunk;
  };
  for (const RowCandidate& candidate : candidates) {
    count_candidate(candidate, counted);
    inputs.push_back(candidate.scores);
    inputs.back().met = met_by(query, chunk_at(inputs.size() - 1));
  }
  std::vector<float> scores =
      query.demands == nullptr
          ? fuse_for_answer(inputs)
          : fuse(inputs, text::bound_of_scores(views_of(snapshot, {}), query.terms));
  for (std::size_t i = 0; i < scores.size() && !query.exact_doc_id.empty(); ++i) {
    if (chunk_at(i).doc_id == query.exact_doc_id) scores[i] = 1.0F;
  }
  std::vector<std::size_t> order(scores.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  const std::size_t hits = std::min(query.hits_max, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(hits), order.end(),
                    [&](std::size_t a, std::size_t b) {
                      return scores[a] != scores[b] ? scores[a] > scores[b] : a < b;
                    });
  std::vector<RetrievedChunk> found;
  found.reserve(hits);
  for (std::size_t i = 0; i < hits; ++i) {
    RetrievedChunk& hit = found.emplace_back();
    hit.chunk = chunk_at(order[i]);
    hit.score = scores[order[i]];
    hit.dense_score = inputs[order[i]].dense;
    if (inputs[order[i]].sparse > 0) hit.sparse_score = inputs[order[i]].sparse;
    count_hit(candidates[order[i]], counted);
  }
  if (figures != nullptr) *figures = counted;
  return found;
}

}  // namespace rage::rag
