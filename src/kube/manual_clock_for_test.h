// A clock that stands still until a test moves it.
#pragma once

#include <chrono>
#include <cstddef>
#include <set>
#include <stop_token>
#include <utility>

#include "base/clock.h"
#include "base/mutex.h"

namespace rage::kube {

// Resource. Thread-safe. Steady and wall time start apart, as they do on real machines.
class ManualClock final : public Clock {
 public:
  SteadyTime now() const override {
    MutexLock lock(mutex_);
    return now_;
  }
  WallTime wall_now() const override {
    MutexLock lock(mutex_);
    return wall_;
  }

  bool sleep_for(std::chrono::nanoseconds duration, std::stop_token stop) override {
    bool asleep = false;
    SteadyTime until;
    // Who is stopped sleeps no more, even if its thread has not run yet.
    std::stop_callback on_stop(stop, [this, &asleep, &until] {
      MutexLock lock(mutex_);
      if (std::exchange(asleep, false) && now_ < until) wakes_.erase(wakes_.find(until));
      changed_.notify_all();
    });
    MutexLock lock(mutex_);
    until = now_ + std::chrono::duration_cast<SteadyTime::duration>(duration);
    asleep = now_ < until && !stop.stop_requested();
    if (asleep) wakes_.insert(until);
    changed_.notify_all();
    while (asleep && now_ < until) changed_.wait(mutex_);
    asleep = false;
    return !stop.stop_requested();
  }

  void advance(std::chrono::nanoseconds step) {
    MutexLock lock(mutex_);
    now_ += std::chrono::duration_cast<SteadyTime::duration>(step);
    wall_ += std::chrono::duration_cast<WallTime::duration>(step);
    // Who is due sleeps no more, even if its thread has not run yet.
    wakes_.erase(wakes_.begin(), wakes_.upper_bound(now_));
    changed_.notify_all();
  }
  // Moves only the wall clock, as an administrator or NTP does.
  void set_wall(WallTime time) {
    MutexLock lock(mutex_);
    wall_ = time;
  }
  // Blocks until so many threads sleep: then nothing happens before time moves.
  void wait_for_sleepers(std::size_t count) {
    MutexLock lock(mutex_);
    while (wakes_.size() < count) changed_.wait(mutex_);
  }
  // How long until the first of the sleepers is due; the longest time if nobody sleeps.
  std::chrono::nanoseconds until_next_wake() const {
    MutexLock lock(mutex_);
    return wakes_.empty() ? std::chrono::nanoseconds::max() : *wakes_.begin() - now_;
  }

 private:
  mutable Mutex mutex_;
  CondVar changed_;
  SteadyTime now_ GUARDED_BY(mutex_) = SteadyTime(std::chrono::hours(1000));
  WallTime wall_ GUARDED_BY(mutex_) = WallTime(std::chrono::seconds(1'767'225'600));  // 2026.
  std::multiset<SteadyTime> wakes_ GUARDED_BY(mutex_);
};

}  // namespace rage::kube
