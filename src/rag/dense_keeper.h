// Keeps the graph of an index in step with its snapshots, in the background: built once there are
// many rows, grown as rows come, built anew when many of its rows are gone, kept in a file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>

#include "base/clock.h"
#include "base/mutex.h"
#include "rag/snapshot.h"
#include "vector/dense_graph.h"

namespace rage::rag {

struct DenseKeeperOptions {
  // From here on a scan of all vectors takes too long (16 ms); below, exact answers are worth it.
  std::size_t rows_min = 100000;
  double dead_share_max = 0.25;  // More removed rows than this: built anew.
  vector::GraphOptions graph = {};
};

// Resource. Thread-safe. Owns one thread from when there are rows_min rows; it sleeps until there
// is something to do.
class DenseKeeper final {
 public:
  // `file` need not exist; `identity` tells indexes apart (docs/formats/dense-graph.md).
  DenseKeeper(std::filesystem::path file, std::string_view identity,
              const DenseKeeperOptions& options);
  ~DenseKeeper();  // Writes the file if there is something new.
  DenseKeeper(const DenseKeeper&) = delete;
  DenseKeeper& operator=(const DenseKeeper&) = delete;

  // Rows of `removed` are gone from the graph when this returns; those that `next` has on top
  // follow in the background. Call it before `next` is published.
  void follow(std::shared_ptr<const Snapshot> next, std::span<const std::int64_t> removed);
  // Null while there is none.
  std::shared_ptr<const vector::DenseGraph> graph() const;
  // Waits until all that follow() was told of is done; false if `deadline` comes first.
  bool wait_until_done(SteadyTime deadline);

 private:
  struct Shared {
    std::shared_ptr<const Snapshot> latest;
    std::shared_ptr<vector::DenseGraph> current;   // What searches use.
    std::shared_ptr<vector::DenseGraph> building;  // What will take its place.
    bool dirty = false;                            // The thread has not seen `latest`.
    bool working = false;
  };

  void run(std::stop_token stop);
  void catch_up(const Snapshot& snapshot, const std::stop_token& stop);
  std::shared_ptr<vector::DenseGraph> load(const Snapshot& snapshot) const;
  // False if it was stopped or there is no memory.
  bool grow(vector::DenseGraph& graph, const Snapshot& snapshot, const std::stop_token& stop) const;
  void save(const vector::DenseGraph& graph);

  const std::filesystem::path file_;
  const std::uint64_t tag_;
  const DenseKeeperOptions options_;
  mutable Mutex mutex_;
  CondVar changed_;
  Shared shared_ GUARDED_BY(mutex_);
  bool tried_file_ = false;                              // The thread's own.
  std::int64_t saved_key_ = vector::DenseGraph::kNoKey;  // Likewise.
  std::size_t saved_rows_ = 0;                           // Likewise.
  std::jthread worker_;  // Last: it joins before anything it uses is destroyed.
};

}  // namespace rage::rag
