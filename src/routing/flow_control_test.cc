#include "routing/flow_control.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "routing/detail/drain_rate.h"
#include "routing/now_for_test.h"

namespace rage::routing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr PoolState kFree{.saturation = 0.5};
constexpr PoolState kFull{.saturation = 1.0};
constexpr PoolState kEmptyPool{.saturation = 1.0, .has_endpoints = false};

struct Queue {
  explicit Queue(FlowControlOptions options = {})
      : flow(make_flow_controller(std::move(options))) {}

  // Ids count from 1.
  std::optional<FlowDecision> add(std::string fairness_id, std::int32_t priority = 0,
                                  SteadyTime now = kNow) {
    return add(QueuedRequest{.flow = {std::move(fairness_id), priority}, .bytes = 10}, now);
  }
  std::optional<FlowDecision> add(QueuedRequest request, SteadyTime now = kNow,
                                  const PoolState& pool = kFull) {
    request.id = ++last_id;
    request.arrived_at = now;
    return flow->enqueue(std::move(request), pool, now);
  }
  std::vector<std::uint64_t> dispatch_all(const PoolState& pool = kFree, SteadyTime now = kNow) {
    std::vector<std::uint64_t> ids;
    while (const auto decision = flow->dispatch(pool, now)) ids.push_back(decision->id);
    return ids;
  }
  std::vector<std::uint64_t> expire(const PoolState& pool, SteadyTime now) {
    std::vector<std::uint64_t> ids;
    for (const FlowDecision& decision : flow->expire(pool, now)) ids.push_back(decision.id);
    return ids;
  }

  std::unique_ptr<FlowController> flow;
  std::uint64_t last_id = 0;
};

FlowControlOptions with(FairnessPolicy fairness, OrderingPolicy ordering = OrderingPolicy::kFcfs) {
  FlowControlOptions options;
  options.default_band.fairness = fairness;
  options.default_band.ordering = ordering;
  return options;
}

TEST(FlowControl, ServesTheHighestPriorityFirst) {
  Queue queue;
  queue.add("a", -1);
  queue.add("a", 0);
  queue.add("a", 10);
  queue.add("a", 0);
  EXPECT_THAT(queue.dispatch_all(), ElementsAre(3, 2, 4, 1));
}

// Were a lower band let past a closed higher one, batch work would take the room that is being kept
// for what matters.
TEST(FlowControl, AClosedBandKeepsLowerOnesWaitingToo) {
  FlowControlOptions options;
  options.usage_limit = {.policy = UsageLimitPolicy::kPriorityHoldback, .ceiling_min = 0.4};
  Queue queue(options);
  queue.add("a", 0);
  queue.add("a", -1);
  EXPECT_THAT(queue.dispatch_all({.saturation = 1.0}), IsEmpty());
  EXPECT_THAT(queue.dispatch_all({.saturation = 0.4}), ElementsAre(1));  // -1 is closed here.
  EXPECT_THAT(queue.dispatch_all({.saturation = 0.39}), ElementsAre(2));
}

TEST(FlowControl, ASoftCeilingLetsOneInAFewCallsPass) {
  FlowControlOptions options;
  options.usage_limit.policy = UsageLimitPolicy::kSoftReflective;
  options.bands[0] = {};
  options.bands[-1] = {};
  Queue queue(options);
  for (int i = 0; i < 9; ++i) queue.add("a", -1);
  int passed = 0;
  for (int i = 0; i < 9; ++i) passed += queue.flow->dispatch({.saturation = 0.75}, kNow) ? 1 : 0;
  EXPECT_EQ(passed, 3);
  EXPECT_THAT(queue.dispatch_all({.saturation = 1.0}), IsEmpty());
  EXPECT_EQ(queue.dispatch_all({.saturation = 0.3}).size(), 6U);
}

TEST(FlowControl, NothingPassesIfTheSaturationIsNoNumber) {
  Queue queue;
  queue.add("a");
  EXPECT_THAT(queue.dispatch_all({.saturation = std::nan("")}), IsEmpty());
}

TEST(FlowControl, FairnessBetweenFlows) {
  const struct {
    FairnessPolicy fairness;
    std::vector<std::uint64_t> order;
  } kCases[] = {{FairnessPolicy::kGlobalStrict, {1, 2, 3, 4, 5}},
                {FairnessPolicy::kRoundRobin, {1, 4, 5, 2, 3}},
                {FairnessPolicy::kProgramAware, {1, 2, 3, 4, 5}}};
  for (const auto& test : kCases) {
    Queue queue(with(test.fairness));
    for (const char* flow : {"a", "a", "a", "b", "c"}) queue.add(flow);
    EXPECT_EQ(queue.dispatch_all(), test.order) << static_cast<int>(test.fairness);
  }
}

// One agent that has used the pool for an hour must not go before one that has just begun.
TEST(FlowControl, ProgramAwareServesWhoWasServedLeast) {
  Queue queue(with(FairnessPolicy::kProgramAware));
  queue.add("heavy");
  queue.add("light");
  queue.dispatch_all();
  queue.flow->add_service({"heavy", 0}, 1000, 1000, kNow);
  queue.flow->add_service({"light", 0}, 1000, 100, kNow);
  queue.add("heavy");
  queue.add("light");
  EXPECT_THAT(queue.dispatch_all(), ElementsAre(4, 3));

  // 3000 against 1200 tokens is 1.3 halvings, which 5.3 half-lives of waiting outweigh.
  queue.add("heavy", 0, kNow);
  queue.add("light", 0, kNow + seconds(5 * 60));
  EXPECT_THAT(queue.dispatch_all(kFree, kNow + seconds(5 * 60)), ElementsAre(6, 5));
  queue.add("heavy", 0, kNow);
  queue.add("light", 0, kNow + seconds(6 * 60));
  EXPECT_THAT(queue.dispatch_all(kFree, kNow + seconds(6 * 60)), ElementsAre(7, 8));
}

TEST(FlowControl, RemembersABoundedNumberOfIdleFlows) {
  FlowControlOptions options = with(FairnessPolicy::kProgramAware);
  options.idle_flows_max = 3;
  Queue queue(options);
  for (int i = 0; i < 10; ++i) queue.add(std::to_string(i));
  EXPECT_EQ(queue.flow->bands()[0].idle_flows, 0U);
  EXPECT_EQ(queue.dispatch_all().size(), 10U);
  EXPECT_EQ(queue.flow->bands()[0].idle_flows, 3U);
  for (int i = 0; i < 10; ++i) queue.flow->add_service({std::to_string(i), 0}, 1, 1, kNow);
  EXPECT_EQ(queue.flow->bands()[0].idle_flows, 3U);
  queue.expire(kFree, kNow + std::chrono::minutes(59));
  EXPECT_TRUE(queue.flow->bands().empty());  // The band itself went, ten minutes idle.
}

TEST(FlowControl, DeclaredBandsStayAndOthersAreBounded) {
  FlowControlOptions options;
  options.bands[5] = {};
  options.bands_max = 2;
  Queue queue(options);
  EXPECT_EQ(queue.flow->bands().size(), 1U);
  EXPECT_FALSE(queue.add("a", 1));
  EXPECT_EQ(queue.add("a", 2)->outcome, FlowOutcome::kRejectedCapacity);
  EXPECT_FALSE(queue.add("a", 5));
  queue.dispatch_all();
  queue.expire(kFree, kNow + std::chrono::minutes(10));
  ASSERT_EQ(queue.flow->bands().size(), 1U);
  EXPECT_EQ(queue.flow->bands()[0].priority, 5);
}

TEST(FlowControl, OrderWithinAFlow) {
  const struct {
    OrderingPolicy ordering;
    std::vector<std::uint64_t> order;
  } kCases[] = {{OrderingPolicy::kFcfs, {1, 2, 3, 4}},
                // Ends at: 60 s; 20 s, its SLO; 10 s, its TTL; 60 s.
                {OrderingPolicy::kEdf, {3, 2, 1, 4}},
                {OrderingPolicy::kSloDeadline, {2, 3, 1, 4}}};
  for (const auto& test : kCases) {
    Queue queue(with(FairnessPolicy::kGlobalStrict, test.ordering));
    queue.add(QueuedRequest{});
    queue.add(QueuedRequest{.slo_deadline = kNow + seconds(20)});
    queue.add(QueuedRequest{.ttl = seconds(10), .slo_deadline = kNow + seconds(30)});
    queue.add(QueuedRequest{});
    EXPECT_EQ(queue.dispatch_all(), test.order) << static_cast<int>(test.ordering);
  }
}

TEST(FlowControl, LimitsOfABandAndOfAll) {
  const struct {
    const char* what;
    FlowControlOptions options;
    std::size_t fit;  // Requests of ten bytes.
  } kCases[] = {{"defaults", {}, 8},
                {"requests of all", {.requests_max = 3}, 3},
                {"bytes of all", {.bytes_max = 39}, 3},
                {"requests of a band", {.default_band = {.requests_max = 2}}, 2},
                {"bytes of a band", {.default_band = {.bytes_max = 50}}, 5},
                {"no limits", {.default_band = {.bytes_max = 0, .requests_max = 0}}, 8}};
  for (const auto& test : kCases) {
    Queue queue(test.options);
    std::size_t fit = 0;
    for (int i = 0; i < 8; ++i) {
      const auto refusal = queue.add("a");
      if (!refusal) ++fit;
      if (refusal) {
        EXPECT_EQ(refusal->outcome, FlowOutcome::kRejectedCapacity) << test.what;
      }
    }
    EXPECT_EQ(fit, test.fit) << test.what;
    EXPECT_EQ(queue.flow->waiting_requests(), test.fit);
    EXPECT_EQ(queue.flow->waiting_bytes(), test.fit * 10);
    queue.dispatch_all();
    EXPECT_FALSE(queue.add("a")) << test.what;  // Room again.
  }
}

TEST(FlowControl, NoCapacityAndNoEndpointIsSaidSo) {
  Queue queue({.requests_max = 1});
  EXPECT_FALSE(queue.add(QueuedRequest{}, kNow, kEmptyPool));
  EXPECT_EQ(queue.add(QueuedRequest{}, kNow, kEmptyPool)->outcome,
            FlowOutcome::kRejectedNoEndpoints);
  EXPECT_THAT(queue.dispatch_all({.saturation = 0, .has_endpoints = false}), IsEmpty());
}

TEST(FlowControl, TimeToLive) {
  const struct {
    const char* what;
    FlowControlOptions options;
    std::optional<milliseconds> wish;
    std::optional<milliseconds> lives;  // None: without end.
  } kCases[] = {
      {"the default", {}, {}, seconds(60)},
      {"of the band", {.default_band = {.request_ttl = seconds(5)}}, {}, seconds(5)},
      {"none", {.request_ttl = seconds(0)}, {}, {}},
      {"none in the band", {.default_band = {.request_ttl = seconds(0)}}, {}, {}},
      {"the client shortens it", {}, seconds(2), seconds(2)},
      {"and cannot lengthen it", {}, seconds(90), seconds(60)},
      {"but sets one where there is none", {.request_ttl = seconds(0)}, seconds(90), seconds(90)},
      {"zero is no wish", {}, seconds(0), seconds(60)},
  };
  for (const auto& test : kCases) {
    Queue queue(test.options);
    queue.add(QueuedRequest{.ttl = test.wish});
    if (!test.lives) {
      EXPECT_FALSE(queue.flow->next_expiry()) << test.what;
      EXPECT_THAT(queue.expire(kFull, kNow + std::chrono::hours(24)), IsEmpty()) << test.what;
      continue;
    }
    EXPECT_EQ(queue.flow->next_expiry(), kNow + *test.lives) << test.what;
    EXPECT_THAT(queue.expire(kFull, kNow + *test.lives - milliseconds(1)), IsEmpty()) << test.what;
    EXPECT_THAT(queue.expire(kFull, kNow + *test.lives), ElementsAre(1)) << test.what;
  }
}

// A pool that starts from zero takes minutes; who waited for it must not be refused just when the
// first endpoint appears.
TEST(FlowControl, TimeBeginsAnewWhenThePoolFillsOrEmpties) {
  Queue queue({.request_ttl = seconds(10), .no_endpoint_ttl = seconds(300)});
  queue.add(QueuedRequest{}, kNow, kEmptyPool);
  EXPECT_EQ(queue.flow->next_expiry(), kNow + seconds(300));
  EXPECT_THAT(queue.expire(kEmptyPool, kNow + seconds(200)), IsEmpty());
  EXPECT_THAT(queue.expire(kFull, kNow + seconds(200)), IsEmpty());
  EXPECT_EQ(queue.flow->next_expiry(), kNow + seconds(210));
  EXPECT_THAT(queue.expire(kEmptyPool, kNow + seconds(205)), IsEmpty());
  EXPECT_EQ(queue.flow->next_expiry(), kNow + seconds(505));
  EXPECT_THAT(queue.expire(kEmptyPool, kNow + seconds(505)), ElementsAre(1));
}

TEST(FlowControl, CancelAndDrain) {
  Queue queue;
  queue.add("a");
  queue.add("b");
  queue.add("c", 3);
  const auto cancelled = queue.flow->cancel(1, kNow + milliseconds(1500));
  ASSERT_TRUE(cancelled);
  EXPECT_EQ(cancelled->outcome, FlowOutcome::kEvictedCancelled);
  EXPECT_EQ(cancelled->waited, milliseconds(1500));
  EXPECT_FALSE(queue.flow->cancel(1, kNow));
  std::vector<std::uint64_t> drained;
  for (const FlowDecision& decision : queue.flow->drain(kNow)) {
    EXPECT_EQ(decision.outcome, FlowOutcome::kShuttingDown);
    drained.push_back(decision.id);
  }
  EXPECT_THAT(drained, ElementsAre(3, 2));
  EXPECT_FALSE(queue.flow->next_expiry());
}

// A client told to come back too early is refused again; one told to come back late idles.
TEST(FlowControl, RetryAfterIsWhatWaitsBeforeIt) {
  FlowControlOptions options;
  options.default_band.requests_max = 50;
  Queue queue(options);
  const auto refused = [&](std::int32_t priority, SteadyTime now) {
    return queue.add("a", priority, now)->retry_after;
  };
  for (int i = 0; i < 50; ++i) queue.add("a");
  EXPECT_EQ(refused(0, kNow), seconds(30));  // Nothing has left yet.
  // Ten a second for twenty seconds.
  SteadyTime now = kNow;
  for (int i = 0; i < 200; ++i) {
    now += milliseconds(100);
    ASSERT_TRUE(queue.flow->dispatch(kFree, now));
    ASSERT_FALSE(queue.add("a", 0, now));
  }
  EXPECT_EQ(refused(0, now), seconds(6));
  EXPECT_FALSE(queue.add("a", 10, now));
  EXPECT_EQ(queue.flow->cancel(queue.last_id, now)->retry_after, seconds(1));  // Nothing before it.
  EXPECT_EQ(refused(0, now + std::chrono::minutes(2)), seconds(30));           // It stands still.
}

TEST(DrainRate, IsThatOfTheLastSeconds) {
  detail::DrainRate rate;
  EXPECT_EQ(rate.per_second(kNow), 0);
  SteadyTime now = kNow;
  for (int i = 0; i < 50; ++i) rate.count(now += milliseconds(20));
  EXPECT_NEAR(rate.per_second(now), 50, 5);  // After one second only.
  for (int i = 0; i < 400; ++i) rate.count(now += milliseconds(200));
  EXPECT_NEAR(rate.per_second(now), 5, 0.5);
  EXPECT_LT(rate.per_second(now + seconds(60)), 0.02);
}

TEST(FlowControlOptions, RefusesWhatCannotWork) {
  const auto valid = [](auto change) {
    FlowControlOptions options;
    change(options);
    return options.validate().has_value();
  };
  EXPECT_TRUE(valid([](auto&) {}));
  EXPECT_FALSE(valid([](auto& o) { o.request_ttl = seconds(-1); }));
  EXPECT_FALSE(valid([](auto& o) { o.bands[1].request_ttl = seconds(-1); }));
  EXPECT_FALSE(valid([](auto& o) { o.request_ttl = std::chrono::years(2); }));
  EXPECT_FALSE(valid([](auto& o) { o.service_half_life = milliseconds(0); }));
  EXPECT_FALSE(valid([](auto& o) { o.retry_after_max = seconds(0); }));
  EXPECT_FALSE(valid([](auto& o) { o.usage_limit.ceiling_min = 2; }));
  EXPECT_FALSE(valid([](auto& o) { o.bands_max = 0, o.bands[1] = {}; }));
}

TEST(FlowControlOptions, TheClientsWishAsGoWritesIt) {
  EXPECT_EQ(parse_request_ttl(" 1m30s "), milliseconds(90'000));
  EXPECT_EQ(parse_request_ttl("250ms"), milliseconds(250));
  for (const char* text : {"", "0s", "-1s", "30", "soon", "1y"}) {
    EXPECT_FALSE(parse_request_ttl(text)) << text;
  }
}

TEST(FlowControlOptions, TemplatesForPrioritiesThatWereNotDeclared) {
  FlowControlOptions options;
  options.bands[7].requests_max = 7;
  options.default_band.requests_max = 1;
  EXPECT_EQ(options.band(7).requests_max, 7U);
  EXPECT_EQ(options.band(8).requests_max, 1U);
  EXPECT_EQ(options.band(-1).requests_max, 1U);
  options.default_negative_band = BandOptions{.requests_max = 2};
  EXPECT_EQ(options.band(-1).requests_max, 2U);
  EXPECT_EQ(options.band(0).requests_max, 1U);
}

}  // namespace
}  // namespace rage::routing
