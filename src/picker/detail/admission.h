// Flow control with a thread: requests that need not wait are decided on their own thread, the
// others on the dispatcher's, which sleeps until something changes or somebody's time is over.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <unordered_map>

#include "base/clock.h"
#include "base/mutex.h"
#include "picker/detail/waker.h"
#include "routing/flow_control.h"

namespace rage::picker::detail {

struct AdmissionHooks {
  // How full the pool is when `pending` more requests are on their way to it than it knows of.
  // Called without a lock held, on any thread.
  std::function<routing::PoolState(std::uint32_t pending)> pool;
  // The band that its ceiling keeps waiting. On the dispatcher's thread; may be empty.
  std::function<void(std::int32_t priority, std::uint64_t requests)> blocked = {};
};

// Resource. Thread-safe.
class Admission final {
 public:
  // Must have charged the pool when it returns. `pool_empty`: as the decision saw it.
  using Decided = std::function<void(const routing::FlowDecision& decision, bool pool_empty)>;

  Admission(std::unique_ptr<routing::FlowController> flow, Clock& clock, AdmissionHooks hooks);
  ~Admission() { stop(); }
  Admission(const Admission&) = delete;
  Admission& operator=(const Admission&) = delete;

  // `decided` is called exactly once unless cancelled: before this returns, or later on the
  // dispatcher's thread. Without a lock held.
  void enqueue(routing::QueuedRequest request, Decided decided);
  // When it returns `decided` was called and has returned (false), or never will be (true). Not to
  // be called from `decided`.
  bool cancel(std::uint64_t id);
  // Something ended, or was measured: there may be room.
  void wake();
  // Refuses those who wait and those who come.
  void drain();
  // Drains, tells those who waited, and joins the dispatcher. Idempotent; one thread.
  void stop();

  std::uint64_t waiting() const { return waiting_count_.load(std::memory_order_relaxed); }
  // The controller's own state, for metrics; holds the lock meanwhile.
  void visit(const std::function<void(routing::FlowController&)>& visitor);

 private:
  struct Ready {
    routing::FlowDecision decision;
    bool pool_empty = false;
  };

  void run();
  bool wait_for_work();  // False: stopping.
  void find_work();
  bool run_ready();
  void end_dispatch(const routing::FlowDecision& decision);
  void note_waiting_locked() REQUIRES(mutex_);

  Clock& clock_;
  const AdmissionHooks hooks_;
  Waker waker_;
  std::atomic<std::uint64_t> waiting_count_ = 0;
  std::atomic<std::uint32_t> pending_ = 0;  // Dispatched, and not yet charged.

  Mutex mutex_;
  CondVar changed_;
  std::unique_ptr<routing::FlowController> flow_ GUARDED_BY(mutex_);
  std::unordered_map<std::uint64_t, Decided> waiting_ GUARDED_BY(mutex_);
  std::deque<Ready> ready_ GUARDED_BY(mutex_);  // Decided; their callbacks are in waiting_ still.
  std::optional<std::uint64_t> running_ GUARDED_BY(mutex_);
  bool draining_ GUARDED_BY(mutex_) = false;
  bool stopping_ GUARDED_BY(mutex_) = false;

  std::jthread thread_;  // Last: it uses everything above.
};

}  // namespace rage::picker::detail
