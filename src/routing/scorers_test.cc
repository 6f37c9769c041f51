#include <gmock/gmock.h>

#include "routing/scheduler_for_test.h"

namespace rage::routing {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::Pair;

using Scores = std::map<std::string, double>;

constexpr std::string_view kAll =
    "- {type: max-score-picker, parameters: {maxNumOfEndpoints: 100}}\n";

// One scorer of weight 1, and all its scores.
std::unique_ptr<Scheduler> scorer(std::string_view type, std::string_view parameters = "{}") {
  return scheduler_of(config_of("- {type: " + std::string(type) + ", parameters: " +
                                std::string(parameters) + "}\n" + std::string(kAll)));
}

Scores score(std::string_view type, std::string_view parameters,
             const std::vector<Endpoint>& endpoints, const TestRequest& request = {}) {
  const auto scheduler = scorer(type, parameters);
  return scores_of(*scheduler, request, endpoints);
}

void expect_scores(const Scores& actual, const std::vector<double>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(actual.at(std::to_string(i + 1)), expected[i], 1e-9) << "pod " << i + 1;
  }
}

TEST(QueueScorer, ShortestIsBest) {
  expect_scores(score("queue-scorer", "{}", endpoints_with({{3}, {0}, {10}})), {0.7, 1, 0});
  expect_scores(score("queue-scorer", "{}", endpoints_with({{5}, {5}})), {1, 1});
}

TEST(RunningRequestsScorer, FewestIsBest) {
  std::vector<Endpoint> endpoints = endpoints_with({{}, {}, {}});
  endpoints[0].metrics.running = 2;
  endpoints[1].metrics.running = 4;
  expect_scores(score("running-requests-size-scorer", "{}", endpoints), {0.5, 0, 1});
}

TEST(KvCacheUtilizationScorer, IsWhatIsFree) {
  expect_scores(score("kv-cache-utilization-scorer", "{}", endpoints_with({{0, .2}, {0, 1}})),
                {0.8, 0});
}

// A broken metric must not make a pod the best one.
TEST(KvCacheUtilizationScorer, NonsenseStaysWithinBounds) {
  expect_scores(score("kv-cache-utilization-scorer", "{}",
                      endpoints_with({{0, -3}, {0, 7}, {0, std::nan("")}})),
                {1, 0, 0});
}

TEST(LoadAwareScorer, HalfAtMostAndNothingFromTheThreshold) {
  expect_scores(score("load-aware-scorer", "{}", endpoints_with({{0}, {64}, {128}, {500}})),
                {0.5, 0.25, 0, 0});
  expect_scores(score("load-aware-scorer", "{threshold: 10}", endpoints_with({{5}})), {0.25});
}

TEST(ActiveRequestScorer, CountsOurOwnRequests) {
  std::vector<Endpoint> endpoints = endpoints_with({{}, {}, {}});
  endpoints[0].in_flight.requests = 4;
  endpoints[1].in_flight.requests = 1;
  expect_scores(score("active-request-scorer", "{}", endpoints), {0, 0.75, 1});
  expect_scores(score("active-request-scorer", "{idleThreshold: 1, maxBusyScore: 0.5}", endpoints),
                {0, 1, 1});
  expect_scores(score("active-request-scorer", "{}", endpoints_with({{}, {}})), {1, 1});
}

TEST(TokenLoadScorer, CountsTokensInFlightAndOfThisRequest) {
  std::vector<Endpoint> endpoints = endpoints_with({{}, {}, {}});
  endpoints[1].in_flight.tokens = 400;
  endpoints[2].in_flight.tokens = 5000;
  const TestRequest request{.prompts = {std::string(400, 'x')}};  // 100 tokens.
  const auto scheduler = scorer("token-load-scorer", "{queueThresholdTokens: 1000}");
  expect_scores(scores_of(*scheduler, request, endpoints), {0.9, 0.5, 0});
  send_to(*scheduler, request, endpoints[1]);  // Now it has the prompt.
  expect_scores(scores_of(*scheduler, request, endpoints), {0.9, 0.6, 0});
}

TEST(EndpointAttributeScorer, ScalesOverCandidatesOrAFixedRange) {
  std::vector<Endpoint> endpoints = endpoints_with({{}, {}, {}, {}});
  endpoints[0].metrics.custom["depth"] = 10;
  endpoints[1].metrics.custom["depth"] = 20;
  endpoints[2].metrics.custom["depth"] = 15;
  expect_scores(
      score("endpoint-attribute-scorer",
            "{attributeKey: depth, algorithm: {type: linear_lower_is_better}}", endpoints),
      {1, 0, 0.5, 0});
  expect_scores(score("endpoint-attribute-scorer",
                      "{attributeKey: depth, algorithm: {type: linear_higher_is_better, "
                      "normalization: {fixedRange: {min: 0, max: 16}}}}",
                      endpoints),
                {0.625, 1, 0.9375, 0});
}

TEST(PrefixCacheScorer, IsTheShareThatMatches) {
  const std::string head(256, 'a');  // One block of 64 tokens each.
  const TestRequest taught{.prompts = {head + std::string(256, 'b')}};
  const TestRequest asked{.prompts = {head + std::string(256, 'b') + std::string(512, 'c')}};
  const std::vector<Endpoint> endpoints = endpoints_with({{}, {}});
  const auto plain = scorer("prefix-cache-scorer");
  send_to(*plain, taught, endpoints[1]);
  expect_scores(scores_of(*plain, asked, endpoints), {0, 0.5});
  // r = 2/4, 128 tokens of 256: 0.5 * 0.6 + 0.25 * 0.4.
  const auto long_one =
      scorer("prefix-cache-scorer", "{matchLengthWeight: 0.4, matchLengthScaleTokens: 256}");
  send_to(*long_one, taught, endpoints[1]);
  expect_scores(scores_of(*long_one, asked, endpoints), {0, 0.4});
}

TEST(LoraAffinityScorer, ActiveThenRoomThenWaiting) {
  std::vector<Endpoint> endpoints = endpoints_with({{}, {}, {}, {}});
  for (Endpoint& endpoint : endpoints) endpoint.metrics.adapters_max = 2;
  endpoints[0].metrics.active_adapters = {"x", "sql-lora"};
  endpoints[1].metrics.active_adapters = {"x"};
  endpoints[2].metrics.active_adapters = {"x", "y"};
  endpoints[2].metrics.waiting_adapters = {"sql-lora"};
  endpoints[3].metrics.active_adapters = {"x", "y"};
  expect_scores(score("lora-affinity-scorer", "{}", endpoints, {.model = "sql-lora"}),
                {1, 0.8, 0.6, 0});
}

TEST(NoHitLruScorer, ColdRequestsGoRound) {
  const std::vector<Endpoint> endpoints = endpoints_with({{}, {}, {}});
  const auto scheduler = scorer("no-hit-lru-scorer");
  const TestRequest first{.prompts = {"first"}};
  expect_scores(scores_of(*scheduler, first, endpoints), {1, 0.5, 0});
  send_to(*scheduler, first, endpoints[0]);
  send_to(*scheduler, {.prompts = {"second"}}, endpoints[1]);
  expect_scores(scores_of(*scheduler, {.prompts = {"third"}}, endpoints), {0.5, 0, 1});
  expect_scores(scores_of(*scheduler, first, endpoints), {0.5, 0.5, 0.5});  // Warm.
  expect_scores(scores_of(*scheduler, {.prompts = {"x"}}, endpoints_with({{}})), {1});
}

TEST(ContextLengthAware, TightRangesFirst) {
  std::vector<Endpoint> endpoints = endpoints_with({{}, {}, {}, {}, {}});
  const std::string label = "llm-d.ai/context-length-range";
  endpoints[0].labels[label] = "0-8192";
  endpoints[1].labels[label] = "0-1000000";
  endpoints[2].labels[label] = "0-500";
  endpoints[3].labels[label] = "0-250";
  const TestRequest request{.prompts = {std::string(4000, 'x')}};  // 1,000 tokens.
  const Scores scores = score("context-length-aware", "{}", endpoints, request);
  EXPECT_NEAR(scores.at("1"), 0.65, 1e-9);
  EXPECT_GT(scores.at("2"), 0.3);
  EXPECT_LT(scores.at("2"), scores.at("1"));
  EXPECT_NEAR(scores.at("3"), 0.15, 1e-9);
  EXPECT_NEAR(scores.at("4"), 0.075, 1e-9);
  EXPECT_EQ(scores.at("5"), 0.5);
  const Scores filtered =
      score("context-length-aware", "{enableFiltering: true}", endpoints, request);
  EXPECT_THAT(filtered, ElementsAre(Pair("1", testing::_), Pair("2", testing::_),
                                    Pair("5", DoubleNear(0.5, 0))));
}

TEST(HeaderLabelAffinityScorer, MatchesAndStamps) {
  std::vector<Endpoint> endpoints = endpoints_with({{}, {}});
  endpoints[1].labels["slice"] = "7";
  const auto scheduler =
      scorer("header-label-affinity-scorer", "{headerName: X-Slice, labelKey: slice}");
  const TestRequest request{.headers = {{"x-slice", "7"}}};
  expect_scores(scores_of(*scheduler, request, endpoints), {0, 1});
  const Schedule schedule = schedule_or_fail(*scheduler, request, endpoints);
  EXPECT_THAT(schedule.response_headers, ElementsAre(Pair("x-slice", "7")));
}

TEST(SessionAffinity, TheClientCarriesTheEndpointsName) {
  const std::vector<Endpoint> endpoints = endpoints_with({{}, {}, {}});
  const auto scheduler = scorer("session-affinity-scorer");
  const Schedule schedule = schedule_or_fail(*scheduler, {}, endpoints);
  ASSERT_EQ(schedule.response_headers.size(), 1U);
  EXPECT_EQ(schedule.response_headers[0].first, "x-session-token");
  // base64("default/2-rank-0")
  const TestRequest back{.headers = {{"x-session-token", "ZGVmYXVsdC8yLXJhbmstMA=="}}};
  expect_scores(scores_of(*scheduler, back, endpoints), {0, 1, 0});
  expect_scores(scores_of(*scheduler, {.headers = {{"x-session-token", "rubbish"}}}, endpoints),
                {0, 0, 0});
}

TEST(SessionAffinity, OrWeRememberTheSession) {
  const std::vector<Endpoint> endpoints = endpoints_with({{}, {}, {}});
  const auto scheduler = scheduler_of(config_of(R"(
- type: session-affinity-filter
  parameters:
    strategy: session_id
    sessionIdConfig: {evictionTtlSeconds: 60, sources: [{header: X-Session-Id},
                                                        {attribute: agent-identity}]}
)"));
  const TestRequest session{.headers = {{"x-session-id", "s1"}}};
  send_to(*scheduler, session, endpoints[2]);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(send(*scheduler, session, endpoints), "3");
  const TestRequest agent{.headers = {{"x-claude-code-session-id", "s1"}}};
  send_to(*scheduler, agent, endpoints[0]);
  EXPECT_EQ(send(*scheduler, agent, endpoints), "1");
  EXPECT_EQ(send(*scheduler, session, endpoints), "3");
  // Unused for longer than its time, it is bound to nobody.
  const SteadyTime later = kTestNow + std::chrono::seconds(61);
  std::map<std::string, int> seen;
  for (int i = 0; i < 50; ++i) {
    const Schedule schedule = schedule_or_fail(*scheduler, session, endpoints, later);
    ++seen[endpoints[schedule.primary.endpoints.front()].pod];
  }
  EXPECT_EQ(seen.size(), 3U);
}

// A session whose pod is gone must find another, not fail.
TEST(SessionAffinity, FilterKeepsAllWhenThePodIsGone) {
  const std::vector<Endpoint> endpoints = endpoints_with({{}, {}});
  const auto scheduler = scheduler_of(config_of("- type: session-affinity-filter\n"));
  const TestRequest request{.headers = {{"x-session-token", "ZGVmYXVsdC8yLXJhbmstMA=="}}};
  for (int i = 0; i < 10; ++i) EXPECT_EQ(send(*scheduler, request, endpoints), "2");
  EXPECT_EQ(send(*scheduler, request, std::span(endpoints).first(1)), "1");
}

}  // namespace
}  // namespace rage::routing
