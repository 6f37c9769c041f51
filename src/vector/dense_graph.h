// Approximate nearest neighbours of unit vectors: an HNSW graph (Malkov and Yashunin 2018, as
// USearch implements it) over 8-bit copies of the vectors. Similarities are those of the copies:
// whoever has the vectors computes the exact ones of the few that were found.
//
// Keys rise with insertion. A removed row is never found again from that call on; its node stays
// as a way to others until the graph is built anew, which is due once dead_share() is large.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace rage::vector {

struct GraphOptions {
  std::size_t dimension = 0;
  std::size_t connectivity = 16;       // M: links of a node above the base level; twice that on it.
  std::size_t expansion_add = 128;     // Candidates looked at to place a row.
  std::size_t expansion_search = 256;  // Candidates looked at by a search, at least.
  std::size_t readers_max = 32;        // Searches at once; more wait.
};

struct GraphHit {
  std::int64_t key = 0;
  float similarity = 0;  // About the cosine.
  bool operator==(const GraphHit&) const = default;
};

// Says whether the row with this key may be found.
using KeyPredicate = std::function<bool(std::int64_t key)>;

// Resource. Thread-safe: searches run beside each other; add() lets them through between two rows.
class DenseGraph final {
 public:
  static constexpr std::int64_t kNoKey = std::numeric_limits<std::int64_t>::min();

  explicit DenseGraph(const GraphOptions& options);
  ~DenseGraph();
  DenseGraph(const DenseGraph&) = delete;
  DenseGraph& operator=(const DenseGraph&) = delete;

  // `key` is above last_key(). kResourceExhausted if there is no memory: nothing was added.
  Result<void> add(std::int64_t key, std::span<const float> vector);
  // Keys that are not there are ignored; one above last_key() is remembered, and not added later.
  void remove(std::span<const std::int64_t> keys);

  // The `hits_max` most similar rows of those that `allowed` lets through (empty: all), best first;
  // all of them if there are fewer. A search that finds less than it could is done again row by
  // row.
  std::vector<GraphHit> search(std::span<const float> query, std::size_t hits_max,
                               const KeyPredicate& allowed = {}) const;

  // Every row up to this key has been added. kNoKey: none. Read it before a search, and look at
  // later rows yourself.
  std::int64_t last_key() const { return last_key_.load(std::memory_order_acquire); }
  std::size_t live_rows() const;
  double dead_share() const;  // Removed rows of all, 0..1.
  std::size_t bytes() const;  // Memory, about.

  // docs/formats/dense-graph.md. `tag` names the index.
  Result<std::string> serialize(std::uint64_t tag) const;
  // The vector of a key; empty: the row is gone, and counts as removed.
  using VectorOf = std::function<std::span<const float>(std::int64_t key)>;
  // kDataLoss with the reason if the bytes are not a whole graph of this index.
  static Result<std::unique_ptr<DenseGraph>> parse(std::string_view bytes, std::uint64_t tag,
                                                   const GraphOptions& options,
                                                   const VectorOf& vector_of);

 private:
  struct State;

  std::unique_ptr<State> state_;
  std::atomic<std::int64_t> last_key_{kNoKey};
};

// Hash for the tag of an index (XXH3).
std::uint64_t graph_tag(std::string_view text);

}  // namespace rage::vector
