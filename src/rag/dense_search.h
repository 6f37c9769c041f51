// Dense candidates of a snapshot: exactly, or through the index's graph for the rows it covers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "rag/snapshot.h"
#include "vector/dense_graph.h"
#include "vector/flat_search.h"

namespace rage::rag {

// Segment and row of a live or deleted row.
std::optional<std::pair<std::uint32_t, std::uint32_t>> find_sequence(const Snapshot& snapshot,
                                                                     std::int64_t sequence);

// The `hits_max` rows nearest to `vector`, best first, with their exact similarity. `blocks` are
// the snapshot's segments with what to skip and what is allowed; a graph may be behind or ahead of
// the snapshot (null: none).
std::vector<vector::VectorHit> search_dense(const Snapshot& snapshot,
                                            std::span<const vector::VectorBlock> blocks,
                                            std::span<const float> vector, std::size_t hits_max,
                                            const vector::DenseGraph* graph);

}  // namespace rage::rag
