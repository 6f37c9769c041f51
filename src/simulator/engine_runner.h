// An engine in real time: one thread lets its virtual time pass and hands out what happens to the
// threads that wait for it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "base/mutex.h"
#include "simulator/engine.h"

namespace rage::simulator {

// What has become of one sequence.
struct Progress {
  std::uint64_t tokens = 0;
  std::uint64_t cached_tokens = 0;
  VirtualTime first_token_at{0};
  VirtualTime last_token_at{0};
  bool finished = false;
  bool refused = false;
};

class EngineRunner;

// The sequences of one request. Resource. One thread; the destructor takes back what is unfinished.
class Generation final {
 public:
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;
  ~Generation();

  // What is new since the last call, for each sequence; blocks until something is.
  // kCancelled once `stop` is requested.
  Result<std::vector<Progress>> next(std::stop_token stop);
  VirtualTime submitted_at() const { return submitted_at_; }

 private:
  friend class EngineRunner;
  struct Shared {
    Mutex mutex;
    CondVar changed;
    std::vector<Progress> progress GUARDED_BY(mutex);
    bool is_new GUARDED_BY(mutex) = false;
  };
  explicit Generation(EngineRunner& runner) : runner_(runner) {}

  EngineRunner& runner_;
  const std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
  std::vector<std::uint64_t> ids_;
  VirtualTime submitted_at_{0};
};

// Resource. Thread-safe. Outlives its generations.
class EngineRunner final {
 public:
  // Called in order, while requests wait: quick, and without calling back.
  using OnCache = std::function<void(std::span<const CacheChange> changes)>;

  // `time_scale`: virtual seconds in a real one. `on_cache`: may be empty.
  EngineRunner(const EngineOptions& options, double time_scale, OnCache on_cache = {});
  ~EngineRunner();
  EngineRunner(const EngineRunner&) = delete;
  EngineRunner& operator=(const EngineRunner&) = delete;

  // Ids are given here.
  std::unique_ptr<Generation> start(std::vector<EngineRequest> requests);
  EngineState state();

 private:
  friend class Generation;
  struct Listener {
    std::shared_ptr<Generation::Shared> generation;
    std::size_t index = 0;
  };

  void run();
  void advance_locked() REQUIRES(mutex_);
  void deliver_locked(const std::vector<EngineEvent>& events) REQUIRES(mutex_);
  void abort(const std::vector<std::uint64_t>& ids);
  VirtualTime now() const;

  const double time_scale_;
  const OnCache on_cache_;
  const std::chrono::steady_clock::time_point began_at_;
  Mutex mutex_;
  CondVar changed_;
  const std::unique_ptr<Engine> engine_;  // Under mutex_.
  std::unordered_map<std::uint64_t, Listener> listeners_ GUARDED_BY(mutex_);
  std::uint64_t last_id_ GUARDED_BY(mutex_) = 0;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::jthread thread_;  // Last: it uses all of the above.
};

}  // namespace rage::simulator
