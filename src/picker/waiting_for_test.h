// What happens on other threads, waited for.
#pragma once

#include <chrono>
#include <functional>
#include <utility>
#include <vector>

#include "base/mutex.h"

namespace rage::picker {

// Resource. Thread-safe.
template <class T>
class Collected final {
 public:
  void add(T value) {
    MutexLock lock(mutex_);
    values_.push_back(std::move(value));
    changed_.notify_all();
  }
  // What came so far, at least `count`; less after ten seconds.
  std::vector<T> wait_for(std::size_t count) {
    MutexLock lock(mutex_);
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (values_.size() < count) {
      if (changed_.wait_until(mutex_, until) == std::cv_status::timeout) break;
    }
    return values_;
  }
  std::size_t size() {
    MutexLock lock(mutex_);
    return values_.size();
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::vector<T> values_ GUARDED_BY(mutex_);
};

}  // namespace rage::picker
