#include "kube/work_queue.h"

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <thread>
#include <utility>

#include "base/check.h"
#include "base/mutex.h"

namespace rage::kube {
namespace {

using apis::ObjectKey;
using std::chrono::milliseconds;

// client-go's: 10 ns to 1000 s in steps of ten.
const std::vector<double>& duration_buckets() {
  static const std::vector<double> buckets = {1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3,
                                              1e-2, 1e-1, 1.0,  10.0, 1e2,  1e3};
  return buckets;
}

struct QueueMetrics {
  QueueMetrics(obs::MetricRegistry& registry, const std::string& name)
      : depth(registry.gauge("workqueue_depth", "Current depth of workqueue.", {{"name", name}})),
        adds(registry.counter("workqueue_adds_total", "Total number of adds handled by workqueue.",
                              {{"name", name}})),
        retries(registry.counter("workqueue_retries_total",
                                 "Total number of retries handled by workqueue.",
                                 {{"name", name}})),
        queue_seconds(registry.histogram(
            "workqueue_queue_duration_seconds",
            "How long in seconds an item stays in workqueue before being requested.",
            duration_buckets(), {{"name", name}})),
        work_seconds(
            registry.histogram("workqueue_work_duration_seconds",
                               "How long in seconds processing an item from workqueue takes.",
                               duration_buckets(), {{"name", name}})) {}

  obs::Gauge& depth;
  obs::Counter& adds;
  obs::Counter& retries;
  obs::Histogram& queue_seconds;
  obs::Histogram& work_seconds;
};

double seconds_between(SteadyTime from, SteadyTime to) {
  return std::chrono::duration<double>(to - from).count();
}

}  // namespace

struct WorkQueue::State {
  // What is neither ready nor worked on is not in `items`.
  struct Item {
    bool ready = false;  // In `queue`, or (worked on) goes there when done() comes.
    bool working = false;
    SteadyTime since = {};  // Ready, or begun.
  };

  State(Clock& clock_in, const WorkQueueOptions& options_in)
      : clock(clock_in), options(options_in) {
    if (options.metrics != nullptr) metrics.emplace(*options.metrics, options.name);
  }

  void add_locked(const ObjectKey& key) REQUIRES(mutex) {
    if (closed) return;
    Item& item = items[key];
    if (item.ready) return;
    item.ready = true;
    if (metrics) metrics->adds.add();
    if (!item.working) push_locked(key, item);
  }

  void push_locked(const ObjectKey& key, Item& item) REQUIRES(mutex) {
    item.since = clock.now();
    queue.push_back(key);
    note_depth_locked();
    changed.notify_one();
  }

  void note_depth_locked() REQUIRES(mutex) {
    if (metrics) metrics->depth.set(static_cast<double>(queue.size()));
  }

  void delay_locked(const ObjectKey& key, milliseconds delay) REQUIRES(mutex) {
    if (closed) return;
    if (delay <= milliseconds(0)) return add_locked(key);
    const SteadyTime due = clock.now() + delay;
    const auto known = due_of.find(key);
    if (known != due_of.end()) {
      if (known->second <= due) return;
      by_due.erase({known->second, key});
    }
    due_of[key] = due;
    const auto at = by_due.insert({due, key}).first;
    if (at == by_due.begin()) wake_timer_locked();
  }

  void wake_timer_locked() REQUIRES(mutex) {
    (void)sleep.request_stop();
    timer_changed.notify_one();
  }

  // The timer's thread: moves keys to the queue when they are due.
  void run_timer() {
    while (true) {
      std::stop_token woken;
      std::chrono::nanoseconds wait{0};
      {
        MutexLock lock(mutex);
        const SteadyTime now = clock.now();
        while (!by_due.empty() && by_due.begin()->first <= now) {
          const ObjectKey key = by_due.begin()->second;
          by_due.erase(by_due.begin());
          due_of.erase(key);
          add_locked(key);
        }
        while (by_due.empty() && !closed) timer_changed.wait(mutex);
        if (closed) return;
        wait = by_due.begin()->first - clock.now();
        sleep = std::stop_source();
        woken = sleep.get_token();
      }
      if (wait.count() > 0) (void)clock.sleep_for(wait, woken);
    }
  }

  Clock& clock;
  const WorkQueueOptions options;
  std::optional<QueueMetrics> metrics;
  mutable Mutex mutex;
  CondVar changed;
  CondVar timer_changed;
  std::map<ObjectKey, Item> items GUARDED_BY(mutex);
  std::deque<ObjectKey> queue GUARDED_BY(mutex);
  std::map<ObjectKey, int> failures GUARDED_BY(mutex);
  std::set<std::pair<SteadyTime, ObjectKey>> by_due GUARDED_BY(mutex);
  std::map<ObjectKey, SteadyTime> due_of GUARDED_BY(mutex);
  std::stop_source sleep GUARDED_BY(mutex);  // Ends the timer's current sleep.
  bool closed GUARDED_BY(mutex) = false;
  std::jthread timer;  // Last: joined before anything that it uses is destroyed.
};

WorkQueue::WorkQueue(Clock& clock, const WorkQueueOptions& options)
    : state_(std::make_unique<State>(clock, options)) {
  state_->timer = std::jthread([state = state_.get()] { state->run_timer(); });
}

WorkQueue::~WorkQueue() {
  shut_down();
}

void WorkQueue::add(const ObjectKey& key) {
  MutexLock lock(state_->mutex);
  state_->add_locked(key);
}

void WorkQueue::add_after(const ObjectKey& key, milliseconds delay) {
  MutexLock lock(state_->mutex);
  state_->delay_locked(key, delay);
}

void WorkQueue::add_rate_limited(const ObjectKey& key) {
  const WorkQueueOptions& options = state_->options;
  MutexLock lock(state_->mutex);
  if (state_->closed) return;
  int& failures = state_->failures[key];
  milliseconds delay = options.backoff_min;
  for (int i = 0; i < failures && delay < options.backoff_max; ++i) delay *= 2;
  ++failures;
  if (state_->metrics) state_->metrics->retries.add();
  state_->delay_locked(key, std::min(delay, options.backoff_max));
}

void WorkQueue::forget(const ObjectKey& key) {
  MutexLock lock(state_->mutex);
  state_->failures.erase(key);
}

std::optional<ObjectKey> WorkQueue::get(const std::stop_token& stop) {
  State& state = *state_;
  // Before the lock: it runs here and now if stop was requested already.
  std::stop_callback on_stop(stop, [&state] {
    MutexLock lock(state.mutex);
    state.changed.notify_all();
  });
  MutexLock lock(state.mutex);
  while (state.queue.empty() && !state.closed && !stop.stop_requested()) {
    state.changed.wait(state.mutex);
  }
  if (stop.stop_requested()) {
    // This thread may have eaten the one notification that another should have got.
    if (!state.queue.empty()) state.changed.notify_one();
    return std::nullopt;
  }
  if (state.queue.empty()) return std::nullopt;
  ObjectKey key = std::move(state.queue.front());
  state.queue.pop_front();
  state.note_depth_locked();
  State::Item& item = state.items[key];
  const SteadyTime now = state.clock.now();
  if (state.metrics) state.metrics->queue_seconds.observe(seconds_between(item.since, now));
  item = {.ready = false, .working = true, .since = now};
  return key;
}

void WorkQueue::done(const ObjectKey& key) {
  State& state = *state_;
  MutexLock lock(state.mutex);
  const auto it = state.items.find(key);
  CHECK(it != state.items.end() && it->second.working);
  State::Item& item = it->second;
  item.working = false;
  if (state.metrics) {
    state.metrics->work_seconds.observe(seconds_between(item.since, state.clock.now()));
  }
  if (!item.ready) {
    state.items.erase(it);
  } else {
    state.push_locked(key, item);
  }
}

void WorkQueue::shut_down() {
  {
    MutexLock lock(state_->mutex);
    state_->closed = true;
    state_->by_due.clear();
    state_->due_of.clear();
    state_->wake_timer_locked();
    state_->changed.notify_all();
  }
  if (state_->timer.joinable()) state_->timer.join();
}

std::size_t WorkQueue::depth() const {
  MutexLock lock(state_->mutex);
  return state_->queue.size();
}

}  // namespace rage::kube
