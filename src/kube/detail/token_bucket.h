// How fast we may ask: client-side fairness, so that one operator never starves a cluster.
#pragma once

#include "base/clock.h"
#include "base/context.h"
#include "base/error.h"
#include "base/mutex.h"

namespace rage::kube::detail {

// Resource. Thread-safe. `clock` outlives it.
class TokenBucket final {
 public:
  // 0 per second: no limit.
  TokenBucket(Clock& clock, double per_second, int burst);

  // Waits for its turn; kDeadlineExceeded at once if that comes too late, kCancelled.
  Result<void> take(const Context& context);

 private:
  struct State {
    double tokens = 0;  // Below zero: how many wait.
    SteadyTime filled_at = {};
  };

  Clock& clock_;
  const double per_second_;
  const double burst_;
  Guarded<State> state_;
};

}  // namespace rage::kube::detail
