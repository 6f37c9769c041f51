#include "gateway/detail/retry.h"

#include <algorithm>

namespace rage::gateway::detail {
namespace {

using Kind = UpstreamFailure::Kind;

constexpr std::uint32_t kConnectRetriesMax = 2;
constexpr std::uint32_t kPoolRetriesMax = 3;

bool nothing_was_sent(const FailedAttempt& attempt) {
  return attempt.what == FailedAttempt::What::kConnection &&
         (attempt.failure == Kind::kConnect || attempt.failure == Kind::kOverload);
}

// The reply never began.
bool was_reset(const FailedAttempt& attempt) {
  return attempt.what == FailedAttempt::What::kConnection && attempt.failure == Kind::kReset;
}

// A model server that fails has generated nothing that anybody has seen: another may do better.
bool pool_retries(const FailedAttempt& attempt) {
  return nothing_was_sent(attempt) || was_reset(attempt) ||
         (attempt.what == FailedAttempt::What::kStatus && attempt.status >= 500);
}

// Not what it was asked.
bool endpoint_failed(const FailedAttempt& attempt) {
  return attempt.what == FailedAttempt::What::kConnection || attempt.status == 503;
}

bool policy_retries(const FailedAttempt& attempt, const gatewayapi::Retry& policy) {
  switch (attempt.what) {
    case FailedAttempt::What::kConnection:
      return nothing_was_sent(attempt) || was_reset(attempt);
    case FailedAttempt::What::kStatus:
      return std::ranges::find(policy.codes, attempt.status) != policy.codes.end();
    case FailedAttempt::What::kTimeout:
      return true;
  }
  return false;
}

}  // namespace

bool is_idempotent(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "OPTIONS" || method == "TRACE" ||
         method == "PUT" || method == "DELETE";
}

RetryDecision plan_retry(const FailedAttempt& attempt, const RetryState& state,
                         const std::optional<gatewayapi::Retry>& policy) {
  if (!state.replayable) return {};
  // A kept-alive connection that was closed under our hands says nothing about the endpoint.
  const bool stale = was_reset(attempt) && attempt.reused && !state.stale_retried;
  if (stale && (state.idempotent || state.pool || attempt.unsent)) return {.again = Again::kSame};
  const bool route_says =
      policy && state.retries < policy->attempts && policy_retries(attempt, *policy);
  const bool pool_says = state.pool && state.retries < kPoolRetriesMax && pool_retries(attempt);
  const auto delay = route_says ? policy->backoff : std::chrono::milliseconds(0);
  if (state.others > 0) {
    const bool unsent = nothing_was_sent(attempt) && state.retries < kConnectRetriesMax;
    if (route_says || pool_says || unsent) return {.again = Again::kOther, .delay = delay};
    return {};
  }
  const bool pool_picks = pool_says && endpoint_failed(attempt);
  if (state.unnamed > 0 && (route_says || pool_picks)) {
    return {.again = Again::kPick, .delay = delay};
  }
  if (route_says) return {.again = Again::kOther, .delay = delay};
  return {};
}

}  // namespace rage::gateway::detail
