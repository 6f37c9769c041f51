#include "gateway/detail/retry.h"

#include <gtest/gtest.h>

namespace rage::gateway::detail {
namespace {

using Kind = UpstreamFailure::Kind;
using What = FailedAttempt::What;

const std::optional<gatewayapi::Retry> kNoPolicy;

FailedAttempt connection(Kind kind, bool reused = false) {
  return {.what = What::kConnection, .failure = kind, .reused = reused};
}
FailedAttempt unsent() {
  return {.what = What::kConnection, .failure = Kind::kReset, .reused = true, .unsent = true};
}
FailedAttempt status(int code) {
  return {.what = What::kStatus, .status = code};
}

Again plan(const FailedAttempt& attempt, const RetryState& state,
           const std::optional<gatewayapi::Retry>& policy = kNoPolicy) {
  return plan_retry(attempt, state, policy).again;
}

// A POST that may have been received must not run twice behind the client's back; one that cannot
// have been sent may.
TEST(PlanRetry, ServicesGetNothingTwiceUnlessTheRouteSaysSo) {
  const RetryState post{.others = 1};
  EXPECT_EQ(plan(connection(Kind::kConnect), post), Again::kOther);
  EXPECT_EQ(plan(connection(Kind::kOverload), post), Again::kOther);
  EXPECT_EQ(plan(connection(Kind::kReset), post), Again::kNo);
  EXPECT_EQ(plan(connection(Kind::kReset, true), post), Again::kNo);
  EXPECT_EQ(plan(unsent(), post), Again::kSame);
  EXPECT_EQ(plan(unsent(), {.stale_retried = true}), Again::kNo);
  EXPECT_EQ(plan(connection(Kind::kProtocol), post), Again::kNo);
  EXPECT_EQ(plan(status(503), post), Again::kNo);
  EXPECT_EQ(plan(connection(Kind::kConnect), {.others = 0}), Again::kNo);
  EXPECT_EQ(plan(connection(Kind::kConnect), {.retries = 2, .others = 1}), Again::kNo);
  EXPECT_EQ(plan(connection(Kind::kConnect), {.replayable = false, .others = 1}), Again::kNo);
}

// A server that closes its idle connections just now must not cost a GET.
TEST(PlanRetry, AStaleConnectionIsReplacedOnce) {
  const RetryState get{.idempotent = true};
  EXPECT_EQ(plan(connection(Kind::kReset, true), get), Again::kSame);
  EXPECT_EQ(plan(connection(Kind::kReset, false), get), Again::kNo);
  EXPECT_EQ(plan(connection(Kind::kReset, true), {.stale_retried = true, .idempotent = true}),
            Again::kNo);
  EXPECT_EQ(plan(connection(Kind::kReset, true), {.replayable = false, .idempotent = true}),
            Again::kNo);
}

TEST(PlanRetry, PoolsGoThroughTheirListOfFallbacks) {
  const RetryState more{.pool = true, .others = 1};
  const RetryState last{.pool = true, .others = 0};
  for (const FailedAttempt& attempt :
       {connection(Kind::kConnect), connection(Kind::kReset), status(500), status(503)}) {
    EXPECT_EQ(plan(attempt, more), Again::kOther);
    EXPECT_EQ(plan(attempt, last), Again::kNo);
  }
  EXPECT_EQ(plan(status(429), more), Again::kNo);
  EXPECT_EQ(plan(status(400), more), Again::kNo);
  EXPECT_EQ(plan({.what = What::kTimeout}, more), Again::kNo);
  EXPECT_EQ(plan(connection(Kind::kReset, true), last), Again::kSame);
}

// Two of four pods went at once: the picker, which names one, may name both before it hears of it.
TEST(PlanRetry, APoolsPickerIsAskedAgainWhileItHasOthers) {
  const RetryState named{.pool = true, .others = 1, .unnamed = 2};
  const RetryState used_up{.pool = true, .unnamed = 2};
  for (const FailedAttempt& attempt :
       {connection(Kind::kConnect), connection(Kind::kReset), status(503)}) {
    EXPECT_EQ(plan(attempt, named), Again::kOther);
    EXPECT_EQ(plan(attempt, used_up), Again::kPick);
    EXPECT_EQ(plan(attempt, {.retries = 2, .pool = true, .unnamed = 1}), Again::kPick);
    EXPECT_EQ(plan(attempt, {.retries = 3, .pool = true, .unnamed = 1}), Again::kNo);
  }
  EXPECT_EQ(plan(status(500), used_up), Again::kNo);  // Its own error, for the client to see.
  const std::optional<gatewayapi::Retry> policy =
      gatewayapi::Retry{.codes = {500}, .attempts = 1, .backoff = std::chrono::milliseconds(40)};
  EXPECT_EQ(plan(status(500), used_up, policy), Again::kPick);
  EXPECT_EQ(plan_retry(status(500), used_up, policy).delay, std::chrono::milliseconds(40));
  EXPECT_EQ(plan({.what = What::kTimeout}, used_up, policy), Again::kPick);
  EXPECT_EQ(plan({.what = What::kTimeout}, {.pool = true}, policy), Again::kOther);
}

TEST(PlanRetry, ARoutesPolicyDecidesByCodesAttemptsAndPause) {
  const std::optional<gatewayapi::Retry> policy = gatewayapi::Retry{
      .codes = {502, 503}, .attempts = 2, .backoff = std::chrono::milliseconds(40)};
  EXPECT_EQ(plan_retry(status(503), {}, policy).delay, std::chrono::milliseconds(40));
  EXPECT_EQ(plan(status(503), {.retries = 1}, policy), Again::kOther);
  EXPECT_EQ(plan(status(503), {.retries = 2}, policy), Again::kNo);
  EXPECT_EQ(plan(status(500), {}, policy), Again::kNo);
  EXPECT_EQ(plan(connection(Kind::kReset), {}, policy), Again::kOther);
  EXPECT_EQ(plan({.what = What::kTimeout}, {}, policy), Again::kOther);
  EXPECT_EQ(plan(status(503), {.replayable = false}, policy), Again::kNo);
}

}  // namespace
}  // namespace rage::gateway::detail
