#include "gateway/rate_limit.h"

#include <algorithm>
#include <cmath>

namespace rage::gateway {

std::optional<std::chrono::seconds> RateLimit::take(SteadyTime now) {
  const double per_second = options_.per_minute / 60.0;
  MutexLock lock(mutex_);
  if (refilled_at_ && now > *refilled_at_) {
    const std::chrono::duration<double> passed = now - *refilled_at_;
    tokens_ = std::min(options_.burst, tokens_ + passed.count() * per_second);
  }
  if (!refilled_at_ || now > *refilled_at_) refilled_at_ = now;
  if (tokens_ >= 1) {
    tokens_ -= 1;
    return std::nullopt;
  }
  const double wait = per_second > 0 ? (1 - tokens_) / per_second : 3600;
  return std::chrono::seconds(std::clamp<long>(std::lround(std::ceil(wait)), 1, 3600));
}

}  // namespace rage::gateway
