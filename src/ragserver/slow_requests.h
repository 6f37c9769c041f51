// Requests that may take long (chat, indexing, loading) leave some workers to the quick ones, so
// that a slow model keeps nobody from searching, and health checks from being answered.
#pragma once

#include <atomic>
#include <cstddef>

#include "ragserver/routes.h"

namespace rage::ragserver {

bool may_take_long(RouteKind kind);

// Resource. Thread-safe.
class SlowRequests final {
 public:
  // At most so many at once; 0: as many as come.
  explicit SlowRequests(std::size_t at_once_max) : at_once_max_(at_once_max) {}

  // True if there was room; leave() then gives it back.
  bool try_enter() {
    if (running_.fetch_add(1) < at_once_max_ || at_once_max_ == 0) return true;
    leave();
    return false;
  }
  void leave() { running_.fetch_sub(1); }
  std::size_t at_once_max() const { return at_once_max_; }

 private:
  const std::size_t at_once_max_;
  std::atomic<std::size_t> running_ = 0;
};

}  // namespace rage::ragserver
