#include <algorithm>
#include <utility>

#include "picker/detail/admission.h"

namespace rage::picker::detail {

using routing::FlowDecision;
using routing::FlowOutcome;
using routing::PoolState;

Admission::Admission(std::unique_ptr<routing::FlowController> flow, Clock& clock,
                     AdmissionHooks hooks)
    : clock_(clock), hooks_(std::move(hooks)), waker_(clock), flow_(std::move(flow)) {
  thread_ = std::jthread([this] { run(); });
}

void Admission::stop() {
  drain();
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  waker_.poke();
  if (thread_.joinable()) thread_.join();
}

void Admission::note_waiting_locked() {
  waiting_count_.store(waiting_.size(), std::memory_order_relaxed);
}

void Admission::enqueue(routing::QueuedRequest request, Decided decided) {
  const PoolState pool = hooks_.pool(pending_.load());
  const std::uint64_t id = request.id;
  std::optional<FlowDecision> own;
  {
    MutexLock lock(mutex_);
    const SteadyTime now = clock_.now();
    if (draining_) {
      own = FlowDecision{.id = id, .outcome = FlowOutcome::kShuttingDown};
    } else {
      own = flow_->enqueue(std::move(request), pool, now);
    }
    if (!own) {
      std::optional<FlowDecision> next = flow_->dispatch(pool, now);
      if (next) pending_.fetch_add(1);
      if (next && next->id == id) {
        own = next;
      } else {
        if (next) ready_.push_back({*next, !pool.has_endpoints});
        waiting_.emplace(id, std::move(decided));
        note_waiting_locked();
        waker_.poke();
      }
    }
  }
  if (!own) return;
  decided(*own, !pool.has_endpoints);
  end_dispatch(*own);
}

void Admission::end_dispatch(const FlowDecision& decision) {
  if (decision.outcome == FlowOutcome::kDispatched) pending_.fetch_sub(1);
}

bool Admission::cancel(std::uint64_t id) {
  MutexLock lock(mutex_);
  const auto found = waiting_.find(id);
  if (found != waiting_.end()) {
    waiting_.erase(found);
    note_waiting_locked();
    if (!flow_->cancel(id, clock_.now())) {
      const auto decided =
          std::ranges::find(ready_, id, [](const Ready& ready) { return ready.decision.id; });
      if (decided != ready_.end()) {
        end_dispatch(decided->decision);
        ready_.erase(decided);
      }
    }
    waker_.poke();  // What it held up may go now.
    return true;
  }
  while (running_ == id) changed_.wait(mutex_);
  return false;
}

void Admission::wake() {
  if (waiting() > 0) waker_.poke();
}

void Admission::drain() {
  MutexLock lock(mutex_);
  if (std::exchange(draining_, true)) return;
  for (FlowDecision& decision : flow_->drain(clock_.now())) {
    ready_.push_back({std::move(decision), false});
  }
  waker_.poke();
}

void Admission::visit(const std::function<void(routing::FlowController&)>& visitor) {
  MutexLock lock(mutex_);
  visitor(*flow_);
}

void Admission::run() {
  do {
    while (run_ready()) {
    }
    if (!wait_for_work()) break;
    find_work();
  } while (true);
  while (run_ready()) {  // What draining has decided since.
  }
}

bool Admission::wait_for_work() {
  std::optional<std::chrono::nanoseconds> most;
  {
    MutexLock lock(mutex_);
    if (stopping_) return false;
    if (const auto expiry = flow_->next_expiry()) most = *expiry - clock_.now();
  }
  waker_.wait(most);
  MutexLock lock(mutex_);
  return !stopping_;
}

// One dispatch at a time: the next one has to see what this one charged.
void Admission::find_work() {
  if (waiting() == 0) return;
  const PoolState pool = hooks_.pool(pending_.load());
  std::optional<routing::BandStatus> blocked;
  {
    MutexLock lock(mutex_);
    const SteadyTime now = clock_.now();
    for (FlowDecision& decision : flow_->expire(pool, now)) {
      ready_.push_back({std::move(decision), !pool.has_endpoints});
    }
    if (auto next = flow_->dispatch(pool, now)) {
      pending_.fetch_add(1);
      ready_.push_back({*next, !pool.has_endpoints});
      waker_.poke();
    } else if (hooks_.blocked && pool.has_endpoints) {
      for (const routing::BandStatus& band : flow_->bands()) {
        if (band.requests == 0) continue;
        blocked = band;
        break;
      }
    }
  }
  if (blocked) hooks_.blocked(blocked->priority, blocked->requests);
}

bool Admission::run_ready() {
  Ready ready;
  Decided decided;
  {
    MutexLock lock(mutex_);
    if (ready_.empty()) return false;
    ready = ready_.front();
    ready_.pop_front();
    const auto found = waiting_.find(ready.decision.id);
    decided = std::move(found->second);
    waiting_.erase(found);
    note_waiting_locked();
    running_ = ready.decision.id;
  }
  decided(ready.decision, ready.pool_empty);
  decided = nullptr;  // What it holds goes before a canceller may go on.
  end_dispatch(ready.decision);
  MutexLock lock(mutex_);
  running_.reset();
  changed_.notify_all();
  return true;
}

}  // namespace rage::picker::detail
