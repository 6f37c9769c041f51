#include "rag/dense_search.h"

#include <algorithm>

namespace rage::rag {
namespace {

using vector::VectorBlock;
using vector::VectorHit;

constexpr std::size_t kWordRows = 64;

bool has_bit(std::span<const std::uint64_t> bits, std::size_t row) {
  return row / kWordRows < bits.size() && ((bits[row / kWordRows] >> (row % kWordRows)) & 1U) != 0;
}

bool may_be_found(std::span<const VectorBlock> blocks, std::uint32_t block, std::uint32_t row) {
  if (has_bit(blocks[block].skipped, row)) return false;
  return blocks[block].allowed.empty() || has_bit(blocks[block].allowed, row);
}

std::span<const std::uint64_t> from_word(std::span<const std::uint64_t> bits, std::size_t word) {
  return bits.subspan(std::min(word, bits.size()));
}

// What lies after `covered`, from the beginning of a word of bits; `firsts` are the rows left out.
std::vector<VectorBlock> tail_of(const Snapshot& snapshot, std::span<const VectorBlock> blocks,
                                 std::int64_t covered, std::vector<std::size_t>& firsts) {
  std::vector<VectorBlock> tail;
  for (std::size_t s = 0; s < blocks.size(); ++s) {
    const std::vector<Row>& rows = snapshot.segments[s].segment->rows;
    const auto later = std::ranges::upper_bound(rows, covered, {}, &Row::sequence) - rows.begin();
    const std::size_t word = static_cast<std::size_t>(later) / kWordRows;
    const bool none = later == std::ssize(rows);
    const std::size_t first = none ? rows.size() : word * kWordRows;
    firsts.push_back(first);
    VectorBlock block = blocks[s];
    block.values = block.values.subspan(first * block.dimension);
    block.skipped = from_word(block.skipped, word);
    // Empty means that all are allowed, so it may not become empty.
    if (!block.allowed.empty() && !none) block.allowed = from_word(block.allowed, word);
    tail.push_back(block);
  }
  return tail;
}

bool is_better(const VectorHit& a, const VectorHit& b) {
  if (a.similarity != b.similarity) return a.similarity > b.similarity;
  return a.block != b.block ? a.block < b.block : a.row < b.row;
}

}  // namespace

std::optional<std::pair<std::uint32_t, std::uint32_t>> find_sequence(const Snapshot& snapshot,
                                                                     std::int64_t sequence) {
  for (std::uint32_t s = 0; s < snapshot.segments.size(); ++s) {
    const std::vector<Row>& rows = snapshot.segments[s].segment->rows;
    if (rows.empty() || rows.back().sequence < sequence) continue;
    // Usually nothing was ever deleted before it, and its place is its distance from the first.
    const std::int64_t guess = sequence - rows.front().sequence;
    if (guess < 0) return std::nullopt;
    if (guess < std::ssize(rows) && rows[static_cast<std::size_t>(guess)].sequence == sequence) {
      return std::pair(s, static_cast<std::uint32_t>(guess));
    }
    const auto found = std::ranges::lower_bound(rows, sequence, {}, &Row::sequence);
    if (found->sequence != sequence) return std::nullopt;
    return std::pair(s, static_cast<std::uint32_t>(found - rows.begin()));
  }
  return std::nullopt;
}

std::vector<VectorHit> search_dense(const Snapshot& snapshot, std::span<const VectorBlock> blocks,
                                    std::span<const float> vector, std::size_t hits_max,
                                    const vector::DenseGraph* graph) {
  // Read before the search: rows up to here are in the graph, later ones are looked at below.
  const std::int64_t covered = graph == nullptr ? vector::DenseGraph::kNoKey : graph->last_key();
  if (covered == vector::DenseGraph::kNoKey) {
    return vector::search_flat(blocks, vector, hits_max);
  }
  const auto passes = [&](std::int64_t key) {
    const auto place = find_sequence(snapshot, key);
    return place && may_be_found(blocks, place->first, place->second);
  };
  const bool filtered =
      std::ranges::any_of(blocks, [](const auto& b) { return !b.allowed.empty(); });
  const bool ahead =
      snapshot.segments.empty() || covered > snapshot.segments.back().segment->rows.back().sequence;
  std::vector<VectorHit> hits;
  for (const vector::GraphHit& hit :
       graph->search(vector, hits_max, filtered || ahead ? passes : vector::KeyPredicate())) {
    const auto place = find_sequence(snapshot, hit.key);
    if (!place || !may_be_found(blocks, place->first, place->second)) continue;
    const auto row =
        blocks[place->first].values.subspan(place->second * snapshot.dimension, snapshot.dimension);
    hits.push_back(
        {.block = place->first, .row = place->second, .similarity = vector::dot(row, vector)});
  }
  std::vector<std::size_t> firsts;
  const std::vector<VectorBlock> tail = tail_of(snapshot, blocks, covered, firsts);
  for (VectorHit hit : vector::search_flat(tail, vector, hits_max)) {
    hit.row += static_cast<std::uint32_t>(firsts[hit.block]);
    hits.push_back(hit);
  }
  std::ranges::sort(hits, is_better);
  // The first rows of a tail's word may be in the graph as well.
  const auto twice = std::ranges::unique(hits, [](const VectorHit& a, const VectorHit& b) {
    return a.block == b.block && a.row == b.row;
  });
  hits.erase(twice.begin(), twice.end());
  hits.resize(std::min(hits.size(), hits_max));
  return hits;
}

}  // namespace rage::rag
