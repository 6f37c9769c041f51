// A thread's sleep that others can end, by any Clock.
#pragma once

#include <chrono>
#include <optional>
#include <stop_token>
#include <utility>

#include "base/clock.h"
#include "base/mutex.h"

namespace rage::picker::detail {

// Resource. poke() is for any thread, wait() for one.
class Waker final {
 public:
  explicit Waker(Clock& clock) : clock_(clock) {}
  Waker(const Waker&) = delete;
  Waker& operator=(const Waker&) = delete;

  // The wait under way, or else the next one, returns at once.
  void poke() {
    MutexLock lock(mutex_);
    poked_ = true;
    (void)sleep_.request_stop();
    changed_.notify_all();
  }

  // `most` none: until poked.
  void wait(std::optional<std::chrono::nanoseconds> most) {
    std::stop_token woken;
    {
      MutexLock lock(mutex_);
      while (!most && !poked_) changed_.wait(mutex_);
      if (std::exchange(poked_, false) || *most <= std::chrono::nanoseconds(0)) return;
      sleep_ = std::stop_source();
      woken = sleep_.get_token();
    }
    (void)clock_.sleep_for(*most, woken);
    MutexLock lock(mutex_);
    poked_ = false;
  }

 private:
  Clock& clock_;
  Mutex mutex_;
  CondVar changed_;
  std::stop_source sleep_ GUARDED_BY(mutex_);
  bool poked_ GUARDED_BY(mutex_) = false;
};

}  // namespace rage::picker::detail
