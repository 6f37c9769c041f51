#include "vector/dense_graph.h"

#include <algorithm>
#include <cstring>
#include <unordered_set>
#include <usearch/index.hpp>

#include "base/check.h"
#include "vector/byte_rows.h"
#include "vector/detail/graph_file.h"
#include "vector/detail/reader_slots.h"

namespace rage::vector {
namespace {

namespace usearch = unum::usearch;

using Graph = usearch::index_gt<float, std::uint64_t, std::uint32_t>;
using detail::ReaderSlots;

constexpr std::size_t kSampleRows = 512;
// If fewer of the sampled rows pass a filter, looking at each row that does is quicker than
// walking a graph most of whose nodes do not count.
constexpr std::size_t kSampleFound = kSampleRows / 20;
constexpr std::size_t kReservedFirst = 1024;

std::uint64_t to_graph(std::int64_t key) {
  return static_cast<std::uint64_t>(key);
}

// What USearch asks for distances: an encoded vector against a node, or two nodes.
struct Metric {
  const ByteRows& rows;

  float between(const std::int8_t* a, const std::int8_t* b) const {
    return 1.0F - rows.similarity(a, b);
  }
  template <class Entry>
  float operator()(const std::int8_t* vector, const Entry& entry) const {
    return between(vector, rows.row(get_slot(entry)));
  }
  template <class Entry>
  float operator()(const Entry& a, const Entry& b) const {
    return between(rows.row(get_slot(a)), rows.row(get_slot(b)));
  }
};

// Nodes are all over memory: asking for all neighbours at once hides most of the waiting.
struct Prefetch {
  const ByteRows& rows;

  template <class Begin, class End>
  void operator()(Begin begin, End end) const {
    for (; begin != end; ++begin) rows.prefetch(get_slot(begin));
  }
};

void keep_best(std::vector<GraphHit>& hits, std::size_t hits_max) {
  const auto better = [](const GraphHit& a, const GraphHit& b) {
    return a.similarity != b.similarity ? a.similarity > b.similarity : a.key < b.key;
  };
  const std::size_t kept = std::min(hits.size(), hits_max);
  std::partial_sort(hits.begin(), hits.begin() + static_cast<std::ptrdiff_t>(kept), hits.end(),
                    better);
  hits.resize(kept);
}

}  // namespace

struct DenseGraph::State {
  explicit State(const GraphOptions& wanted)
      : options(wanted),
        rows(wanted.dimension),
        graph(usearch::index_config_t(wanted.connectivity, 2 * wanted.connectivity)),
        slots(wanted.readers_max) {}

  usearch::index_limits_t limits(std::size_t members) const {
    return {members, options.readers_max};
  }

  // More than `rows.size()`; false if there is no memory.
  bool make_room() {
    if (rows.size() < graph.capacity()) return true;
    return graph.try_reserve(limits(std::max(kReservedFirst, graph.capacity() * 3 / 2)));
  }

  bool is_dead(std::size_t slot) const { return dead[slot]; }

  // One hit for each row that passes, computed row by row.
  std::vector<GraphHit> search_rows(const std::int8_t* query, std::size_t hits_max,
                                    const KeyPredicate& allowed) const {
    std::vector<GraphHit> hits;
    for (std::size_t slot = 0; slot < rows.size(); ++slot) {
      if (is_dead(slot) || (allowed && !allowed(keys[slot]))) continue;
      hits.push_back({.key = keys[slot], .similarity = rows.similarity(query, rows.row(slot))});
    }
    keep_best(hits, hits_max);
    return hits;
  }

  std::vector<GraphHit> search_graph(const std::int8_t* query, std::size_t hits_max,
                                     const KeyPredicate& allowed, std::size_t thread) const {
    const auto passes = [&](const auto& member) {
      const std::size_t slot = get_slot(member);
      return !is_dead(slot) && (!allowed || allowed(keys[slot]));
    };
    usearch::index_search_config_t config;
    config.expansion = std::max(options.expansion_search, hits_max);
    config.thread = thread;
    const auto found = graph.search(query, hits_max, Metric{rows}, config, passes, Prefetch{rows});
    std::vector<GraphHit> hits;
    if (found.error) return hits;
    for (std::size_t i = 0; i < found.size(); ++i) {
      hits.push_back({.key = keys[found[i].member.slot], .similarity = 1.0F - found[i].distance});
    }
    keep_best(hits, hits_max);
    return hits;
  }

  bool is_selective(const KeyPredicate& allowed) const {
    if (!allowed) return false;
    const std::size_t step = std::max<std::size_t>(1, rows.size() / kSampleRows);
    std::size_t seen = 0;
    std::size_t passed = 0;
    for (std::size_t slot = 0; slot < rows.size() && seen < kSampleRows; slot += step, ++seen) {
      if (allowed(keys[slot])) ++passed;
    }
    return passed <= kSampleFound;
  }

  const GraphOptions options;
  ByteRows rows;
  Graph graph;
  std::vector<std::int64_t> keys;  // By row; they rise.
  std::vector<bool> dead;          // By row.
  std::size_t dead_rows = 0;
  std::unordered_set<std::int64_t> gone;  // Above last_key().
  mutable ReaderSlots slots;              // Guards everything above.
};

DenseGraph::DenseGraph(const GraphOptions& options) : state_(std::make_unique<State>(options)) {}

DenseGraph::~DenseGraph() = default;

Result<void> DenseGraph::add(std::int64_t key, std::span<const float> vector) {
  CHECK(key > last_key());
  State& state = *state_;
  const ReaderSlots::Writing writing(state.slots);
  if (state.gone.erase(key) > 0) {  // Removed before it came.
    last_key_.store(key, std::memory_order_release);
    return {};
  }
  if (!state.make_room()) return fail(ErrorCode::kResourceExhausted, "no memory for the graph");
  const std::size_t slot = state.rows.size();
  state.rows.append(vector);
  state.keys.push_back(key);
  state.dead.push_back(false);
  usearch::index_update_config_t config;
  config.expansion = state.options.expansion_add;
  const auto added = state.graph.add(to_graph(key), state.rows.row(slot), Metric{state.rows},
                                     config, usearch::dummy_callback_t{}, Prefetch{state.rows});
  CHECK(added && added.slot == slot);  // Room was made; rows and nodes stay in step.
  last_key_.store(key, std::memory_order_release);
  return {};
}

void DenseGraph::remove(std::span<const std::int64_t> keys) {
  State& state = *state_;
  const ReaderSlots::Writing writing(state.slots);
  for (const std::int64_t key : keys) {
    if (key > last_key()) {
      state.gone.insert(key);
      continue;
    }
    const auto found = std::ranges::lower_bound(state.keys, key);
    if (found == state.keys.end() || *found != key) continue;
    const auto slot = static_cast<std::size_t>(found - state.keys.begin());
    if (state.is_dead(slot)) continue;
    state.dead[slot] = true;
    ++state.dead_rows;
  }
}

std::vector<GraphHit> DenseGraph::search(std::span<const float> query, std::size_t hits_max,
                                         const KeyPredicate& allowed) const {
  const State& state = *state_;
  const ReaderSlots::Reading reading(state.slots);
  const std::size_t live = state.rows.size() - state.dead_rows;
  if (hits_max == 0 || live == 0) return {};
  std::vector<std::int8_t> encoded(state.rows.buffer_bytes());
  state.rows.encode(query, encoded.data());
  if (live <= hits_max || state.is_selective(allowed)) {
    return state.search_rows(encoded.data(), hits_max, allowed);
  }
  auto hits = state.search_graph(encoded.data(), hits_max, allowed, reading.slot());
  if (hits.size() == hits_max) return hits;
  return state.search_rows(encoded.data(), hits_max, allowed);
}

std::size_t DenseGraph::live_rows() const {
  const ReaderSlots::Reading reading(state_->slots);
  return state_->rows.size() - state_->dead_rows;
}

double DenseGraph::dead_share() const {
  const ReaderSlots::Reading reading(state_->slots);
  if (state_->rows.size() == 0) return 0;
  return static_cast<double>(state_->dead_rows) / static_cast<double>(state_->rows.size());
}

std::size_t DenseGraph::bytes() const {
  const ReaderSlots::Reading reading(state_->slots);
  return state_->rows.bytes() + state_->graph.memory_usage() +
         state_->keys.capacity() * sizeof(std::int64_t) + state_->dead.capacity() / 8;
}

Result<std::string> DenseGraph::serialize(std::uint64_t tag) const {
  const ReaderSlots::Reading reading(state_->slots);
  const std::size_t graph_bytes = state_->graph.serialized_length();
  std::string file = detail::graph_file_head(state_->options.dimension, tag, graph_bytes);
  const auto saved = state_->graph.save_to_stream([&](const void* bytes, std::size_t count) {
    file.append(static_cast<const char*>(bytes), count);
    return true;
  });
  if (!saved) return fail(ErrorCode::kInternal, "the dense graph cannot be written");
  detail::append_checksum(file);
  return file;
}

Result<std::unique_ptr<DenseGraph>> DenseGraph::parse(std::string_view bytes, std::uint64_t tag,
                                                      const GraphOptions& options,
                                                      const VectorOf& vector_of) {
  ASSIGN_OR_RETURN(const detail::GraphFile file, detail::parse_graph_file(bytes));
  if (file.dimension != options.dimension || file.tag != tag) {
    return fail(ErrorCode::kDataLoss, "the dense graph is of another index");
  }
  ASSIGN_OR_RETURN(detail::GraphShape shape, detail::check_graph_stream(file.graph));
  auto loaded = std::make_unique<DenseGraph>(options);
  State& state = *loaded->state_;
  if (shape.connectivity != options.connectivity ||
      shape.connectivity_base != 2 * options.connectivity) {
    return fail(ErrorCode::kDataLoss, "the dense graph has other options");
  }
  if (shape.keys.empty()) return loaded;
  std::string_view rest = file.graph;
  state.graph.try_reserve(state.limits(shape.keys.size()));
  const auto read = state.graph.load_from_stream([&](void* out, std::size_t count) {
    if (count > rest.size()) return false;
    std::memcpy(out, rest.data(), count);
    rest.remove_prefix(count);
    return true;
  });
  if (!read) return fail(ErrorCode::kDataLoss, "the dense graph cannot be read");
  state.dead.assign(shape.keys.size(), false);
  for (std::size_t slot = 0; slot < shape.keys.size(); ++slot) {
    const std::span<const float> vector = vector_of(shape.keys[slot]);
    if (!vector.empty()) {
      state.rows.append(vector);
      continue;
    }
    state.rows.append_zero();
    state.dead[slot] = true;
    ++state.dead_rows;
  }
  loaded->last_key_.store(shape.keys.back(), std::memory_order_release);
  state.keys = std::move(shape.keys);
  return loaded;
}

std::uint64_t graph_tag(std::string_view text) {
  return detail::checksum(text);
}

}  // namespace rage::vector
