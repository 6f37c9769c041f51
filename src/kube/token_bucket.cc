#include <algorithm>
#include <cmath>
#include <optional>

#include "kube/detail/token_bucket.h"

namespace rage::kube::detail {

using std::chrono::milliseconds;

TokenBucket::TokenBucket(Clock& clock, double per_second, int burst)
    : clock_(clock),
      per_second_(per_second),
      burst_(std::max(burst, 1)),
      state_(State{.tokens = burst_, .filled_at = clock.now()}) {}

Result<void> TokenBucket::take(const Context& context) {
  if (per_second_ <= 0) return {};
  const SteadyTime now = clock_.now();
  const auto wait = state_.with([&](State& state) -> std::optional<milliseconds> {
    const std::chrono::duration<double> passed = now - state.filled_at;
    state.tokens = std::min(burst_, state.tokens + std::max(passed.count(), 0.0) * per_second_);
    state.filled_at = std::max(state.filled_at, now);
    const milliseconds turn(std::llround(std::max(1.0 - state.tokens, 0.0) / per_second_ * 1000));
    if (context.remaining(turn) < turn) return std::nullopt;
    state.tokens -= 1;
    return turn;
  });
  if (!wait) {
    return fail(ErrorCode::kDeadlineExceeded, "too many requests to the API server are waiting");
  }
  if (*wait > milliseconds(0) && !clock_.sleep_for(*wait, context.stop)) {
    return fail(ErrorCode::kCancelled, "the request was cancelled");
  }
  return {};
}

}  // namespace rage::kube::detail
