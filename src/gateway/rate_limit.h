// A token bucket that all workers share.
#pragma once

#include <chrono>
#include <optional>

#include "base/clock.h"
#include "base/mutex.h"

namespace rage::gateway {

struct RateLimitOptions {
  double per_minute = 0;
  double burst = 1;
  bool operator==(const RateLimitOptions&) const = default;
};

// Resource. Thread-safe.
class RateLimit final {
 public:
  explicit RateLimit(const RateLimitOptions& options) : options_(options), tokens_(options.burst) {}
  RateLimit(const RateLimit&) = delete;
  RateLimit& operator=(const RateLimit&) = delete;

  const RateLimitOptions& options() const { return options_; }
  // None: go on. Else when to come again, at least a second.
  std::optional<std::chrono::seconds> take(SteadyTime now);

 private:
  const RateLimitOptions options_;
  Mutex mutex_;
  double tokens_ GUARDED_BY(mutex_);
  std::optional<SteadyTime> refilled_at_ GUARDED_BY(mutex_);
};

}  // namespace rage::gateway
