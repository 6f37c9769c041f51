// A mutex that clang's -Wthread-safety understands (libstdc++ does not annotate std::mutex), and
// Guarded<T>: the data and its lock as one object, so that nothing guarded escapes by accident.
#pragma once

#include <condition_variable>
#include <mutex>
#include <utility>

#if defined(__clang__)
#define RAGE_ANNOTATE(x) __attribute__((x))
#else
#define RAGE_ANNOTATE(x)
#endif
#define GUARDED_BY(m) RAGE_ANNOTATE(guarded_by(m))
#define REQUIRES(...) RAGE_ANNOTATE(requires_capability(__VA_ARGS__))
#define EXCLUDES(...) RAGE_ANNOTATE(locks_excluded(__VA_ARGS__))

namespace rage {

// Resource. Thread-safe.
class RAGE_ANNOTATE(capability("mutex")) Mutex final {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;
  void lock() RAGE_ANNOTATE(acquire_capability()) { mutex_.lock(); }
  void unlock() RAGE_ANNOTATE(release_capability()) { mutex_.unlock(); }
  bool try_lock() RAGE_ANNOTATE(try_acquire_capability(true)) { return mutex_.try_lock(); }

 private:
  std::mutex mutex_;
};

class RAGE_ANNOTATE(scoped_lockable) MutexLock final {
 public:
  explicit MutexLock(Mutex& mutex) RAGE_ANNOTATE(acquire_capability(mutex)) : mutex_(mutex) {
    mutex_.lock();
  }
  ~MutexLock() RAGE_ANNOTATE(release_capability()) { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

// Works with Mutex: wait(mutex) with the mutex held. Always re-check the condition in a loop.
using CondVar = std::condition_variable_any;

// guarded.with([](auto& value) { ... }) runs with the lock held and returns what the lambda
// returns.
template <class T>
class Guarded final {
 public:
  Guarded() = default;
  explicit Guarded(T value) : value_(std::move(value)) {}

  template <class F>
  auto with(F&& body) {
    MutexLock lock(mutex_);
    return std::forward<F>(body)(value_);
  }
  template <class F>
  auto with(F&& body) const {
    MutexLock lock(mutex_);
    return std::forward<F>(body)(std::as_const(value_));
  }

 private:
  mutable Mutex mutex_;
  T value_ GUARDED_BY(mutex_);
};

}  // namespace rage
