#include <gmock/gmock.h>

#include <set>

#include "routing/scheduler_for_test.h"

namespace rage::routing {
namespace {

using Pods = std::set<std::string>;

// Whom a filter leaves; empty if nobody: the request is refused.
Pods kept(Scheduler& scheduler, const std::vector<Endpoint>& endpoints,
          const TestRequest& request = {}) {
  const auto schedule = scheduler.schedule(request.view(), endpoints, kTestNow);
  if (!schedule) {
    EXPECT_EQ(schedule.error().code, ErrorCode::kResourceExhausted);
    return {};
  }
  Pods pods;
  for (const std::size_t i : schedule->primary.endpoints) {
    pods.insert(endpoints[i].pod + (endpoints[i].rank > 0 ? "r" : ""));
  }
  return pods;
}

std::unique_ptr<Scheduler> filter(std::string_view type, std::string_view parameters = "{}") {
  return scheduler_of(config_of("- {type: " + std::string(type) +
                                ", parameters: " + std::string(parameters) +
                                "}\n- {type: random-picker, parameters: "
                                "{maxNumOfEndpoints: 100}}\n"));
}

Pods kept(std::string_view type, std::string_view parameters,
          const std::vector<Endpoint>& endpoints, const TestRequest& request = {}) {
  const auto scheduler = filter(type, parameters);
  return kept(*scheduler, endpoints, request);
}

TEST(LabelSelectorFilter, AllRequirementsHold) {
  std::vector<Endpoint> endpoints = endpoints_with({{}, {}, {}});
  endpoints[0].labels = {{"gpu", "h100"}, {"tier", "a"}};
  endpoints[1].labels = {{"gpu", "l4"}, {"tier", "a"}};
  const std::pair<std::string_view, Pods> cases[] = {
      {"{matchLabels: {gpu: h100}}", {"1"}},
      {"{matchLabels: {gpu: h100, tier: b}}", {}},
      {"{matchExpressions: [{key: gpu, operator: In, values: [h100, l4]}]}", {"1", "2"}},
      {"{matchExpressions: [{key: gpu, operator: NotIn, values: [h100]}]}", {"2", "3"}},
      {"{matchExpressions: [{key: tier, operator: Exists}]}", {"1", "2"}},
      {"{matchExpressions: [{key: tier, operator: DoesNotExist}]}", {"3"}},
      {"{label: gpu, validValues: [l4]}", {"2"}},
      {"{label: gpu, validValues: [l4], allowsNoLabel: true}", {"2", "3"}},
  };
  for (const auto& [parameters, pods] : cases) {
    EXPECT_EQ(kept("label-selector-filter", parameters, endpoints), pods) << parameters;
  }
}

TEST(RoleFilters, WhoTakesWhichStage) {
  std::vector<Endpoint> endpoints = endpoints_with(std::vector<Load>(9));
  const std::vector<std::string> roles = {
      "encode",         "prefill",       "decode", "encode-prefill",
      "prefill-decode", "encode-decode", "both",   "encode-prefill-decode"};
  for (std::size_t i = 0; i < roles.size(); ++i) endpoints[i].labels["llm-d.ai/role"] = roles[i];
  EXPECT_EQ(kept("decode-filter", "{}", endpoints), (Pods{"3", "5", "7", "8", "9"}));
  EXPECT_EQ(kept("prefill-filter", "{}", endpoints), (Pods{"2", "4", "5", "7", "8"}));
  EXPECT_EQ(kept("encode-filter", "{}", endpoints), (Pods{"1", "4", "8"}));
}

// Conformance pins pods by address, and ranks by address and port: merging the ports of a pod would
// lose those.
TEST(HeaderBasedTestingFilter, AddressesWithAndWithoutPort) {
  std::vector<Endpoint> endpoints = endpoints_with({{}, {}, {}});
  endpoints.push_back(endpoints[0]);
  endpoints[3].port = 8001;
  endpoints[3].rank = 1;
  endpoints[2].address = "fd00::1";
  const std::pair<std::string, Pods> cases[] = {
      {"10.0.0.1", {"1", "1r"}},
      {"10.0.0.1:8001", {"1r"}},
      {"10.0.0.2 , 10.0.0.1:8000", {"1", "2"}},
      {"fd00::1", {"3"}},
      {"[fd00::1]:8000", {"3"}},
      {"[fd00::1]", {"3"}},
      {"[fd00::1]:9", {}},
      {"10.0.0.9", {}},
      {"", {"1", "1r", "2", "3"}},
  };
  for (const auto& [header, pods] : cases) {
    const TestRequest request{.headers = {{"test-epp-endpoint-selection", header}}};
    EXPECT_EQ(kept("header-based-testing-filter", "{}", endpoints, request), pods) << header;
  }
}

TEST(UtilizationFilter, EveryConditionHolds) {
  std::vector<Endpoint> endpoints = endpoints_with({{1, .5}, {9, .5}, {1, .9}});
  endpoints[0].in_flight.requests = 3;
  const std::string both =
      "conditions: [{metric: waiting-queue, maxValue: 5}, "
      "{metric: kv-cache-utilization, maxValue: 0.8}]";
  EXPECT_EQ(kept("utilization-filter", "{" + both + "}", endpoints), (Pods{"1"}));
  const std::string strict = "conditions: [{metric: kv-cache-utilization, maxValue: 0.1}]";
  EXPECT_EQ(kept("utilization-filter", "{" + strict + "}", endpoints), Pods{});
  EXPECT_EQ(kept("utilization-filter", "{fallbackOnEmpty: true, " + strict + "}", endpoints),
            (Pods{"1", "2", "3"}));
  EXPECT_EQ(kept("utilization-filter", "{conditions: [{metric: active-requests, maxValue: 2}]}",
                 endpoints),
            (Pods{"2", "3"}));
}

TEST(EndpointAttributeFilter, ComparesAndSaysWhatMissingMeans) {
  std::vector<Endpoint> endpoints = endpoints_with({{}, {}, {}});
  endpoints[0].metrics.custom["free"] = 5;
  endpoints[1].metrics.custom["free"] = 50;
  const std::string less =
      "algorithm: {type: threshold, threshold: {operator: LessThan, value: 10}}";
  EXPECT_EQ(kept("endpoint-attribute-filter", "{attribute: free, " + less + "}", endpoints),
            (Pods{"1", "3"}));
  EXPECT_EQ(kept("endpoint-attribute-filter", "{attribute: free, onMissing: Fail, " + less + "}",
                 endpoints),
            (Pods{"1"}));
  EXPECT_EQ(
      kept("endpoint-attribute-filter",
           "{attribute: free, algorithm: {type: range, range: {min: 50, max: 60}}}", endpoints),
      (Pods{"2", "3"}));
}

struct AffinityCase {
  std::string_view parameters;
  std::uint64_t tokens_on_warm;
  std::size_t kept;
};

TEST(PrefixCacheAffinityFilter, SticksUntilWaitingCostsMore) {
  std::vector<Endpoint> endpoints = endpoints_with({{}, {}, {}});
  const TestRequest request{.prompts = {std::string(4096, 'x')}};
  const AffinityCase cases[] = {
      {"{}", 0, 1},
      {"{}", 15928 * 17, 1},  // 17 s behind the others: less than 18.
      {"{}", 15928 * 19, 3},
      {"{maxTTFTPenaltyMs: 0}", 15928 * 19, 1},
      {"{maxTTFTPenaltyMs: 100, peakPrefillThroughput: 1000}", 101, 3},
      {"{maxTTFTPenaltyMs: 100, peakPrefillThroughput: 1000}", 100, 1},
      {"{explorationProbability: 1}", 0, 3},
  };
  for (const AffinityCase& one : cases) {
    const auto scheduler = filter("prefix-cache-affinity-filter", one.parameters);
    EXPECT_EQ(kept(*scheduler, endpoints, request).size(), 3U) << "nobody is warm yet";
    send_to(*scheduler, request, endpoints[1]);
    endpoints[1].in_flight.tokens = one.tokens_on_warm;
    EXPECT_EQ(kept(*scheduler, endpoints, request).size(), one.kept)
        << one.parameters << one.tokens_on_warm;
  }
}

// A detector is listed in a profile by name.
std::unique_ptr<Scheduler> detector(std::string_view type, std::string_view parameters) {
  return scheduler_of(
      config_of("- {type: " + std::string(type) + ", parameters: " + std::string(parameters) +
                    "}\n- {type: random-picker, parameters: {maxNumOfEndpoints: 9}}\n",
                "schedulingProfiles: [{name: default, plugins: [{pluginRef: " + std::string(type) +
                    "}, {pluginRef: random-picker}]}]\n"));
}

// All full, or all silent: an outage is no answer to load.
TEST(SaturationDetectors, AsFiltersTheyFailOpen) {
  std::vector<Endpoint> endpoints = endpoints_with({{5, 0}, {4, .1}, {0, .8}, {0, 0}});
  endpoints[3].metrics.updated_at = kTestNow - std::chrono::milliseconds(201);
  const auto utilization = detector("utilization-detector", "{}");
  EXPECT_EQ(kept(*utilization, endpoints), (Pods{"2"}));
  endpoints[1].metrics.waiting = 99;
  EXPECT_EQ(kept(*utilization, endpoints).size(), 4U);

  endpoints[0].in_flight = {.requests = 120, .tokens = 10};
  endpoints[1].in_flight = {.requests = 1, .tokens = 2'000'000};
  EXPECT_EQ(kept(*detector("concurrency-detector", "{}"), endpoints), (Pods{"2", "3", "4"}));
  EXPECT_EQ(kept(*detector("concurrency-detector", "{concurrencyMode: tokens}"), endpoints),
            (Pods{"1", "3", "4"}));
  EXPECT_EQ(kept(*detector("concurrency-detector", "{concurrencyMode: hybrid, headroom: 0.3}"),
                 endpoints),
            (Pods{"1", "3", "4"}));
  for (Endpoint& endpoint : endpoints) endpoint.in_flight.requests = 100;
  EXPECT_EQ(kept(*detector("concurrency-detector", "{}"), endpoints).size(), 4U);
}

}  // namespace
}  // namespace rage::routing
