// A bounded pool of threads for work that computes or blocks, so that event loops never do.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "base/mutex.h"

namespace rage {

struct WorkerPoolOptions {
  std::size_t threads = 4;
  std::size_t queue_max = 256;  // Waiting tasks; past that, try_submit refuses.
};

// Resource. Thread-safe. The destructor runs what was accepted, then joins.
class WorkerPool final {
 public:
  using Task = std::function<void()>;

  explicit WorkerPool(const WorkerPoolOptions& options);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // False when the queue is full or the pool is closing: the caller answers 503.
  [[nodiscard]] bool try_submit(Task task);
  std::size_t queued() const;

 private:
  void work();

  const WorkerPoolOptions options_;
  mutable Mutex mutex_;
  CondVar wake_;
  std::deque<Task> queue_ GUARDED_BY(mutex_);
  bool closing_ GUARDED_BY(mutex_) = false;
  std::vector<std::jthread> threads_;
};

}  // namespace rage
