#include "rag/dense_keeper.h"

#include <algorithm>

#include "base/files.h"
#include "obs/log.h"
#include "rag/dense_search.h"

namespace rage::rag {
namespace {

constexpr std::uint64_t kFileBytesMax = std::uint64_t{8} << 30;
// The file is written again once the graph has grown by this share: a start repeats the rest.
constexpr std::size_t kSaveShare = 10;

std::span<const float> vector_of(const Snapshot& snapshot, std::int64_t key) {
  const auto place = find_sequence(snapshot, key);
  if (!place) return {};
  const SegmentRef& ref = snapshot.segments[place->first];
  if (ref.deleted && ref.deleted->contains(place->second)) return {};
  return std::span(ref.segment->vectors)
      .subspan(place->second * snapshot.dimension, snapshot.dimension);
}

}  // namespace

DenseKeeper::DenseKeeper(std::filesystem::path file, std::string_view identity,
                         const DenseKeeperOptions& options)
    : file_(std::move(file)), tag_(vector::graph_tag(identity)), options_(options) {}

DenseKeeper::~DenseKeeper() {
  if (!worker_.joinable()) return;
  {
    MutexLock lock(mutex_);  // So that the thread is not between looking and waiting.
    worker_.request_stop();
    changed_.notify_all();
  }
  worker_.join();
  if (const auto last = graph(); last && last->last_key() != saved_key_) save(*last);
}

void DenseKeeper::follow(std::shared_ptr<const Snapshot> next,
                         std::span<const std::int64_t> removed) {
  std::shared_ptr<vector::DenseGraph> current;
  std::shared_ptr<vector::DenseGraph> building;
  {
    MutexLock lock(mutex_);
    if (!worker_.joinable()) {
      if (next->live_rows() < options_.rows_min) return;
      worker_ = std::jthread([this](std::stop_token stop) { run(stop); });
    }
    shared_.latest = std::move(next);
    current = shared_.current;
    building = shared_.building;
  }
  if (current && !removed.empty()) current->remove(removed);
  if (building && !removed.empty()) building->remove(removed);
  // Now: the thread decides by what is left whether to build anew.
  MutexLock lock(mutex_);
  shared_.dirty = true;
  changed_.notify_all();
}

std::shared_ptr<const vector::DenseGraph> DenseKeeper::graph() const {
  MutexLock lock(mutex_);
  return shared_.current;
}

bool DenseKeeper::wait_until_done(SteadyTime deadline) {
  MutexLock lock(mutex_);
  while (shared_.dirty || shared_.working) {
    if (changed_.wait_until(mutex_, deadline) == std::cv_status::timeout) return false;
  }
  return true;
}

void DenseKeeper::run(std::stop_token stop) {
  while (true) {
    std::shared_ptr<const Snapshot> snapshot;
    {
      MutexLock lock(mutex_);
      shared_.working = false;
      changed_.notify_all();
      while (!shared_.dirty && !stop.stop_requested()) changed_.wait(mutex_);
      if (stop.stop_requested()) return;
      shared_.dirty = false;
      shared_.working = true;
      snapshot = shared_.latest;
    }
    catch_up(*snapshot, stop);
  }
}

void DenseKeeper::catch_up(const Snapshot& snapshot, const std::stop_token& stop) {
  std::shared_ptr<vector::DenseGraph> current;
  {
    MutexLock lock(mutex_);
    current = shared_.current;
  }
  if (!current && snapshot.live_rows() < options_.rows_min) return;
  if (current && current->dead_share() <= options_.dead_share_max) {
    grow(*current, snapshot, stop);
  } else {
    auto fresh = current || tried_file_ ? nullptr : load(snapshot);
    tried_file_ = true;
    if (!fresh) fresh = std::make_shared<vector::DenseGraph>(options_.graph);
    std::shared_ptr<const Snapshot> latest;
    {
      MutexLock lock(mutex_);
      // At once: a row is removed from the snapshot seen here, or from `building`.
      shared_.building = fresh;
      latest = shared_.latest;
    }
    const bool whole = grow(*fresh, *latest, stop);
    MutexLock lock(mutex_);
    shared_.building = nullptr;
    if (whole) shared_.current = fresh;
    current = shared_.current;
  }
  if (current && current->last_key() != saved_key_ &&
      current->live_rows() >= saved_rows_ + saved_rows_ / kSaveShare) {
    save(*current);
  }
}

std::shared_ptr<vector::DenseGraph> DenseKeeper::load(const Snapshot& snapshot) const {
  const auto bytes = read_file(file_, kFileBytesMax);
  if (!bytes) return nullptr;  // There is none yet.
  auto read = vector::DenseGraph::parse(*bytes, tag_, options_.graph,
                                        [&](std::int64_t key) { return vector_of(snapshot, key); });
  if (!read) {
    obs::log().warn("the dense graph is built anew",
                    {{"file", file_.string()}, {"error", read.error().message}});
    return nullptr;
  }
  if ((*read)->dead_share() > options_.dead_share_max) return nullptr;
  return *std::move(read);
}

bool DenseKeeper::grow(vector::DenseGraph& graph, const Snapshot& snapshot,
                       const std::stop_token& stop) const {
  for (const SegmentRef& ref : snapshot.segments) {
    const std::vector<Row>& rows = ref.segment->rows;
    auto row = std::ranges::upper_bound(rows, graph.last_key(), {}, &Row::sequence);
    for (; row != rows.end(); ++row) {
      if (stop.stop_requested()) return false;
      const auto number = static_cast<std::size_t>(row - rows.begin());
      if (ref.deleted && ref.deleted->contains(static_cast<text::RowId>(number))) continue;
      const auto vector =
          std::span(ref.segment->vectors).subspan(number * snapshot.dimension, snapshot.dimension);
      if (const auto added = graph.add(row->sequence, vector); !added) {
        obs::log().error("the dense graph cannot grow", {{"error", added.error().message}});
        return false;
      }
    }
  }
  return true;
}

void DenseKeeper::save(const vector::DenseGraph& graph) {
  const std::int64_t key = graph.last_key();
  const std::size_t rows = graph.live_rows();
  const auto bytes = graph.serialize(tag_);
  const auto written =
      bytes ? write_file_atomically(file_, *bytes) : Result<void>(fail(bytes.error()));
  if (!written) {
    // It is derived: without it, the next start builds it anew.
    obs::log().warn("the dense graph was not written",
                    {{"file", file_.string()}, {"error", written.error().message}});
    return;
  }
  saved_key_ = key;
  saved_rows_ = rows;
}

}  // namespace rage::rag
