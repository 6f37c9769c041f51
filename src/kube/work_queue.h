// Keys that want work: each at most once in the queue, never worked on twice at once; a key added
// while it is worked on comes back when that ends. Delays and exponential back-off per key.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "apis/meta.h"
#include "base/clock.h"
#include "obs/metrics.h"

namespace rage::kube {

struct WorkQueueOptions {
  std::chrono::milliseconds backoff_min{5};
  std::chrono::milliseconds backoff_max{120'000};
  // Given: workqueue_* series with label name, as client-go's. Outlives the queue.
  obs::MetricRegistry* metrics = nullptr;
  std::string name = {};
};

// Resource. Thread-safe. Owns one thread, for the delays. `clock` outlives it.
class WorkQueue final {
 public:
  explicit WorkQueue(Clock& clock, const WorkQueueOptions& options = {});
  ~WorkQueue();
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;

  void add(const apis::ObjectKey& key);
  void add_after(const apis::ObjectKey& key, std::chrono::milliseconds delay);  // Earliest wins.
  // After backoff_min * 2^failures, at most backoff_max; counts one failure.
  void add_rate_limited(const apis::ObjectKey& key);
  void forget(const apis::ObjectKey& key);  // It succeeded: failures start from none.

  // Blocks for the next key; none once `stop` is requested or the queue was shut down and is empty.
  std::optional<apis::ObjectKey> get(const std::stop_token& stop);
  // Every key from get() must come back here.
  void done(const apis::ObjectKey& key);

  void shut_down();  // Nothing is taken in any more; delayed keys are dropped. Joins the thread.
  std::size_t depth() const;  // Ready keys.

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace rage::kube
