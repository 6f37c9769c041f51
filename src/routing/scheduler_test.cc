#include "routing/scheduler.h"

#include <gmock/gmock.h>

#include <set>

#include "base/files.h"
#include "routing/detail/plugin_catalog.h"
#include "routing/scheduler_for_test.h"
#include "test_paths.h"

namespace rage::routing {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

constexpr std::string_view kHermetic = R"(
- type: queue-scorer
- type: kv-cache-utilization-scorer
- type: prefix-cache-scorer
- type: lora-affinity-scorer
)";

// llm-d's own black-box cases, as far as they concern the choice.
TEST(Scheduler, LowerQueueAndKvCacheWin) {
  const auto endpoints = endpoints_with({{3, .2}, {0, .1}, {10, .2}});
  const auto scheduler = scheduler_of("");
  EXPECT_EQ(send(*scheduler, {.prompts = {"test"}}, endpoints), "2");
}

TEST(Scheduler, ActiveLoraWithALowQueueWins) {
  auto endpoints = endpoints_with({{0, .2}, {0, .1}, {10, .2}});
  endpoints[0].metrics.active_adapters = {"foo", "bar"};
  endpoints[1].metrics.active_adapters = {"foo", "sql-lora-1fdg2"};
  endpoints[2].metrics.active_adapters = {"foo", "bar"};
  for (Endpoint& endpoint : endpoints) endpoint.metrics.adapters_max = 2;
  const auto scheduler = scheduler_of(config_of(kHermetic));
  EXPECT_EQ(send(*scheduler, {.model = "sql-lora-1fdg2"}, endpoints), "2");
}

TEST(Scheduler, LoraAffinityBeatsKvCache) {
  auto endpoints = endpoints_with({{0, .2}, {0, .4}, {0, .3}});
  endpoints[0].metrics.active_adapters = {"foo", "bar"};
  endpoints[1].metrics.active_adapters = {"foo", "sql-lora-1fdg2"};
  endpoints[2].metrics.active_adapters = {"foo"};
  for (Endpoint& endpoint : endpoints) endpoint.metrics.adapters_max = 2;
  const auto scheduler = scheduler_of(config_of(kHermetic));
  EXPECT_EQ(send(*scheduler, {.model = "sql-lora-1fdg2"}, endpoints), "2");
}

TEST(Scheduler, DoesNotShedByDefault) {
  auto endpoints = endpoints_with({{6, .2}, {0, .85}, {10, .9}});
  endpoints[0].metrics.active_adapters = {"foo", "sql-lora-1fdg3"};
  endpoints[1].metrics.active_adapters = {"foo", "bar"};
  endpoints[2].metrics.active_adapters = {"foo", "bar"};
  for (Endpoint& endpoint : endpoints) endpoint.metrics.adapters_max = 2;
  const auto scheduler = scheduler_of(config_of(kHermetic));
  EXPECT_EQ(send(*scheduler, {.model = "sql-lora-1fdg3"}, endpoints), "1");
}

// The point of it all: a conversation stays where its cache is.
TEST(Scheduler, FollowsThePrefix) {
  const auto endpoints = endpoints_with({{0, .1}, {0, .1}, {0, .1}, {0, .1}});
  const auto scheduler = scheduler_of("");
  const std::string system(2048, 's');
  const TestRequest first{.prompts = {system + "first question"}};
  const std::string pod = send(*scheduler, first, endpoints);
  const TestRequest second{.prompts = {system + "first question, answered, and a second one"}};
  const Schedule schedule = schedule_or_fail(*scheduler, second, endpoints);
  EXPECT_EQ(endpoints[schedule.primary.endpoints[0]].pod, pod);
  EXPECT_EQ(schedule.matched_blocks, 8U);
  EXPECT_EQ(schedule.prompt_tokens, (2048U + 42 + 3) / 4);
  EXPECT_EQ(schedule.uncached_tokens, schedule.prompt_tokens - 8 * 64);
  EXPECT_EQ(schedule.primary.load_tokens, schedule.uncached_tokens);
}

// RefusedProfile or abandoned requests reached nobody: to route by them would be to route by a
// cache that is not there.
TEST(Scheduler, UncommittedSchedulesLeaveNoTrace) {
  const auto endpoints = endpoints_with({{}, {}});
  const auto scheduler = scheduler_of("");
  const TestRequest request{.prompts = {std::string(1000, 'x')}};
  schedule_or_fail(*scheduler, request, endpoints);
  EXPECT_EQ(schedule_or_fail(*scheduler, request, endpoints).matched_blocks, 0U);
}

TEST(Scheduler, ForgetsEndpointsThatLeft) {
  const auto endpoints = endpoints_with({{}, {}});
  const auto scheduler = scheduler_of("");
  const TestRequest request{.prompts = {std::string(1000, 'x')}};
  send_to(*scheduler, request, endpoints[1]);
  scheduler->retain(std::span(endpoints).first(1));
  EXPECT_EQ(schedule_or_fail(*scheduler, request, endpoints).matched_blocks, 0U);
}

// A restarted pod has the name, and nothing in its cache.
TEST(Scheduler, APodAtAnotherAddressIsAnotherEndpoint) {
  auto endpoints = endpoints_with({{}});
  const auto scheduler = scheduler_of("");
  const TestRequest request{.prompts = {std::string(1000, 'x')}};
  send_to(*scheduler, request, endpoints[0]);
  endpoints[0].address = "10.9.9.9";
  EXPECT_EQ(schedule_or_fail(*scheduler, request, endpoints).matched_blocks, 0U);
}

TEST(Scheduler, WithoutCandidates) {
  const auto scheduler = scheduler_of("");
  const auto none = scheduler->schedule(TestRequest{}.view(), {}, kTestNow);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::kUnavailable);
  const auto filtered = scheduler_of(config_of("- type: prefill-filter\n"));
  const auto refused = filtered->schedule(TestRequest{}.view(), endpoints_with({{}}), kTestNow);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kResourceExhausted);
}

constexpr std::string_view kPrefillDecode = R"(
- {type: prefix-based-pd-decider, parameters: {nonCachedTokens: 100}}
- type: always-disagg-multimodal-decider
- type: disagg-profile-handler
  parameters: {deciders: {prefill: prefix-based-pd-decider,
                          encode: always-disagg-multimodal-decider}}
- type: prefill-filter
- type: decode-filter
- type: encode-filter
- type: queue-scorer
- {type: max-score-picker, parameters: {maxNumOfEndpoints: 2}}
)";
constexpr std::string_view kThreeProfiles = R"(
schedulingProfiles:
- {name: prefill, plugins: [{pluginRef: prefill-filter}, {pluginRef: queue-scorer}]}
- {name: decode, plugins: [{pluginRef: decode-filter}, {pluginRef: queue-scorer}]}
- {name: encode, plugins: [{pluginRef: encode-filter}, {pluginRef: max-score-picker}]}
)";

// "1": prefill, "2": decode over IPv6, "3" and "4": encode.
std::vector<Endpoint> stages() {
  auto endpoints = endpoints_with({{}, {}, {}, {}});
  endpoints[0].labels["llm-d.ai/role"] = "prefill";
  endpoints[0].address = "fd00::1";
  endpoints[1].labels["llm-d.ai/role"] = "decode";
  endpoints[2].labels["llm-d.ai/role"] = "encode";
  endpoints[3].labels["llm-d.ai/role"] = "encode";
  return endpoints;
}

TEST(Disaggregation, LongPromptsArePrefilledElsewhere) {
  const auto endpoints = stages();
  const auto scheduler = scheduler_of(config_of(kPrefillDecode, kThreeProfiles));
  const TestRequest request{.prompts = {std::string(400, 'x')}};
  const Schedule schedule = schedule_or_fail(*scheduler, request, endpoints);
  EXPECT_THAT(schedule.primary.endpoints, ElementsAre(1));
  EXPECT_THAT(schedule.request_headers,
              ElementsAre(Pair("x-prefiller-host-port", "[fd00::1]:8000")));
  ASSERT_EQ(schedule.others.size(), 1U);
  EXPECT_EQ(schedule.others[0].profile, "prefill");
  EXPECT_EQ(schedule.others[0].load_tokens, 100U);
}

// The operator's own configuration, read from where it writes it.
TEST(Disaggregation, TheOperatorsConfigurationRoutesByItsLabels) {
  const auto source = read_file(test::source_dir() / "src/operator/epp_plugins.cc", 1 << 16);
  ASSERT_TRUE(source);
  const std::size_t begin = source->find("R\"(") + 3;
  const auto scheduler = scheduler_of(source->substr(begin, source->find(")\"", begin) - begin));
  auto endpoints = endpoints_with({{}, {}, {}});
  endpoints[0].labels["kaito.sh/inference-role"] = "prefill";
  endpoints[1].labels["kaito.sh/inference-role"] = "decode";
  const Schedule schedule = schedule_or_fail(*scheduler, {.prompts = {"a long one"}}, endpoints);
  EXPECT_THAT(schedule.request_headers, IsEmpty());  // Three tokens: not worth it.
  const Schedule split = schedule_or_fail(*scheduler, {.prompts = {"a longer prompt"}}, endpoints);
  EXPECT_THAT(split.primary.endpoints, ElementsAre(1));
  EXPECT_THAT(split.request_headers, ElementsAre(Pair("x-prefiller-host-port", "10.0.0.1:8000")));
}

TEST(Disaggregation, ShortOrCachedPromptsAreNot) {
  const auto endpoints = stages();
  const auto scheduler = scheduler_of(config_of(kPrefillDecode, kThreeProfiles));
  const TestRequest brief{.prompts = {std::string(396, 'x')}};
  EXPECT_THAT(schedule_or_fail(*scheduler, brief, endpoints).request_headers, IsEmpty());
  // Once prefilled and moved over, decode has it, and so has prefill.
  const TestRequest request{.prompts = {std::string(800, 'y')}};
  EXPECT_EQ(send(*scheduler, request, endpoints), "2");
  const Schedule again = schedule_or_fail(*scheduler, request, endpoints);
  EXPECT_THAT(again.request_headers, IsEmpty());
  EXPECT_EQ(again.matched_blocks, 4U);
  EXPECT_EQ(again.uncached_tokens, 0U);
}

TEST(Disaggregation, MediaGoToEncoders) {
  const auto endpoints = stages();
  const auto scheduler = scheduler_of(config_of(kPrefillDecode, kThreeProfiles));
  const Schedule schedule = schedule_or_fail(*scheduler, {.multimodal = true}, endpoints);
  ASSERT_EQ(schedule.request_headers.size(), 1U);
  EXPECT_EQ(schedule.request_headers[0].first, "x-encoder-hosts-ports");
  EXPECT_THAT(schedule.request_headers[0].second,
              testing::AnyOf("10.0.0.3:8000,10.0.0.4:8000", "10.0.0.4:8000,10.0.0.3:8000"));
}

TEST(Disaggregation, WithoutPrefillDecodeDoesItAlone) {
  auto endpoints = stages();
  endpoints.erase(endpoints.begin());
  const auto scheduler = scheduler_of(config_of(kPrefillDecode, kThreeProfiles));
  const TestRequest request{.prompts = {std::string(4000, 'x')}};
  EXPECT_THAT(schedule_or_fail(*scheduler, request, endpoints).request_headers, IsEmpty());
  endpoints[0].labels["llm-d.ai/role"] = "encode";  // Nobody decodes: no answer.
  EXPECT_EQ(scheduler->schedule(request.view(), endpoints, kTestNow).error().code,
            ErrorCode::kResourceExhausted);
}

TEST(Disaggregation, StagesStayNearEachOther) {
  auto endpoints = stages();
  for (Endpoint& endpoint : endpoints) endpoint.labels["zone"] = "b";
  endpoints[0].labels["zone"] = endpoints[1].labels["zone"] = "a";
  endpoints[2].labels["llm-d.ai/role"] = endpoints[3].labels["llm-d.ai/role"] = "prefill";
  for (const std::string_view type : {"topology-affinity-filter", "topology-affinity-scorer"}) {
    const std::string plugins =
        "- {type: topology-extractor, parameters: {zone: zone}}\n- type: prefill-filter\n"
        "- type: decode-filter\n- type: always-disagg-pd-decider\n- {type: disagg-profile-handler, "
        "parameters: {deciders: {prefill: always-disagg-pd-decider}}}\n- {name: near, type: " +
        std::string(type) +
        (type == "topology-affinity-filter" ? ", parameters: {minAffinity: zone}}\n" : "}\n");
    const auto scheduler = scheduler_of(config_of(plugins, R"(
schedulingProfiles:
- {name: prefill, plugins: [{pluginRef: prefill-filter}, {pluginRef: near}]}
- {name: decode, plugins: [{pluginRef: decode-filter}]}
)"));
    for (int i = 0; i < 20; ++i) {
      EXPECT_THAT(schedule_or_fail(*scheduler, {}, endpoints).request_headers,
                  ElementsAre(Pair("x-prefiller-host-port", "[fd00::1]:8000")));
    }
  }
}

TEST(Disaggregation, PrefillFirstAlwaysPrefills) {
  const auto scheduler = scheduler_of(config_of(R"(
- {type: disagg-profile-handler, parameters: {stageOrder: prefill-first}}
- type: prefill-filter
- type: decode-filter
)",
                                                R"(
schedulingProfiles:
- {name: prefill, plugins: [{pluginRef: prefill-filter}]}
- {name: decode, plugins: [{pluginRef: decode-filter}]}
)"));
  EXPECT_THAT(schedule_or_fail(*scheduler, {}, stages()).request_headers,
              ElementsAre(Pair("x-prefiller-host-port", "[fd00::1]:8000")));
}

TEST(HeaderProfile, RunsTheProfileThatTheHeaderNames) {
  const auto scheduler = scheduler_of(config_of(R"(
- type: header-profile-handler
- type: prefill-filter
- type: decode-filter
)",
                                                R"(
schedulingProfiles:
- {name: prefill, plugins: [{pluginRef: prefill-filter}]}
- {name: decode, plugins: [{pluginRef: decode-filter}]}
)"));
  const auto endpoints = stages();
  EXPECT_EQ(send(*scheduler, {.headers = {{"epp-profile", "prefill"}}}, endpoints), "1");
  EXPECT_EQ(send(*scheduler, {}, endpoints), "2");
  const TestRequest unknown{.headers = {{"epp-profile", "nonsense"}}};
  const auto refused = scheduler->schedule(unknown.view(), endpoints, kTestNow);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
}

TEST(DataParallel, GoesInByTheFirstPort) {
  std::vector<Endpoint> endpoints = endpoints_with({{5}, {0}});
  endpoints[1].pod = "1";
  endpoints[1].address = endpoints[0].address;
  endpoints[1].port = 8001;
  endpoints[1].rank = 1;
  const auto scheduler =
      scheduler_of(config_of("- type: data-parallel-profile-handler\n- type: queue-scorer\n"
                             "- type: prefix-cache-scorer\n"));
  const TestRequest request{.prompts = {std::string(1000, 'x')}};
  const Schedule schedule = schedule_or_fail(*scheduler, request, endpoints);
  EXPECT_THAT(schedule.primary.endpoints, ElementsAre(0));
  EXPECT_THAT(schedule.request_headers,
              ElementsAre(Pair("x-data-parallel-host-port", "10.0.0.1:8001")));
  // The rank has the prompt in its cache, the door has not.
  scheduler->commit(request.view(), endpoints, schedule, kTestNow);
  EXPECT_EQ(schedule_or_fail(*scheduler, request, std::span(endpoints).first(1)).matched_blocks,
            0U);
  EXPECT_EQ(schedule_or_fail(*scheduler, request, std::span(endpoints).last(1)).matched_blocks, 4U);
}

TEST(LoadProducer, AddsWhatWillBeGenerated) {
  const auto scheduler = scheduler_of(config_of(R"(
- type: inflight-load-producer
  parameters: {addEstimatedOutputTokens: true, maxEstimatedOutputTokens: 120}
- type: queue-scorer
)"));
  const auto endpoints = endpoints_with({{}});
  const auto output = [&](std::size_t bytes, std::optional<std::uint64_t> asked) {
    const TestRequest request{.prompts = {std::string(bytes, 'x')}, .output_tokens_max = asked};
    return schedule_or_fail(*scheduler, request, endpoints).primary.load_output_tokens;
  };
  EXPECT_EQ(output(40, {}), 15U);  // 1.5 times the prompt.
  EXPECT_EQ(output(40, 9), 9U);
  EXPECT_EQ(output(4000, {}), 120U);
}

struct RefusedProfile {
  std::string_view plugins;
  std::string_view rest;
  std::string_view why;
};

TEST(MakeScheduler, RefusesWithThePlace) {
  const RefusedProfile cases[] = {
      {"- {type: load-aware-scorer, parameters: {treshold: 1}}\n", "",
       "plugin load-aware-scorer: parameters: unknown field 'treshold'; known: threshold"},
      {"- {type: load-aware-scorer, parameters: {threshold: no}}\n", "", "must be a number"},
      {"- {type: max-score-picker, parameters: {maxNumOfEndpoints: 0}}\n", "", "at least 1"},
      {"- type: max-score-picker\n- type: random-picker\n", "", "more than one picker"},
      {"- type: label-selector-filter\n", "", "at least one requirement"},
      {"- type: single-profile-handler\n- type: header-profile-handler\n", "", "exactly one"},
      {"- type: queue-scorer\n", "schedulingProfiles: [{name: a}, {name: b}]\n",
       "need a profile handler"},
      {"- type: single-profile-handler\n", "schedulingProfiles: [{name: a}, {name: b}]\n",
       "exactly one scheduling profile"},
      {"- type: disagg-profile-handler\n", "schedulingProfiles: [{name: a}]\n",
       "no scheduling profile is called 'decode'"},
      {"- {type: disagg-profile-handler, parameters: {deciders: {prefill: x}}}\n",
       "schedulingProfiles: [{name: decode}, {name: prefill}]\n", "no decider is called 'x'"},
      {"- {type: token-producer, parameters: {vllm: {url: x}}}\n- type: queue-scorer\n", "",
       "asking vLLM for tokens is not supported"},
      {"- {type: prefix-cache-affinity-filter, parameters: {ttftSource: latencyPredictor}}\n", "",
       "'latencyPredictor' is none of prefillThroughput"},
      {"- {type: approx-prefix-cache-producer, name: a}\n"
       "- {type: approx-prefix-cache-producer, name: b}\n- type: queue-scorer\n",
       "", "more than one approx-prefix-cache-producer"},
  };
  for (const RefusedProfile& one : cases) {
    const auto config = parse_picker_config(config_of(one.plugins, one.rest));
    ASSERT_TRUE(config) << config.error().message;
    const auto scheduler = make_scheduler(*config, 1);
    ASSERT_FALSE(scheduler) << one.plugins;
    EXPECT_THAT(scheduler.error().message, HasSubstr(std::string(one.why)));
  }
}

// Every type that the catalog says can be scheduled with must have something behind it.
TEST(MakeScheduler, EveryKnownSchedulingPluginCanBeBuilt) {
  const std::map<std::string_view, std::string_view> needed = {
      {"label-selector-filter", "{matchLabels: {a: b}}"},
      {"utilization-filter", "{conditions: [{metric: waiting-queue, maxValue: 5}]}"},
      {"endpoint-attribute-filter",
       "{attribute: a, algorithm: {type: threshold, threshold: {operator: Equal, value: 1}}}"},
      {"endpoint-attribute-scorer", "{attributeKey: a, algorithm: {type: linear_lower_is_better}}"},
      {"header-label-affinity-scorer", "{headerName: a, labelKey: b}"},
  };
  int built = 0;
  for (const detail::PluginType& type : detail::plugin_types()) {
    const bool scheduling = type.kind == PluginKind::kFilter || type.kind == PluginKind::kScorer ||
                            type.kind == PluginKind::kPicker;
    if (!scheduling || type.support != detail::Support::kYes) continue;
    const auto at = needed.find(type.type);
    const std::string parameters(at == needed.end() ? "{}" : at->second);
    const auto scheduler = scheduler_of(
        config_of("- {type: " + std::string(type.type) + ", parameters: " + parameters + "}\n"));
    ASSERT_NE(scheduler, nullptr) << type.type;
    ++built;
  }
  EXPECT_GT(built, 20);
}

TEST(Scheduler, TellsWhatItLearned) {
  const auto endpoints = endpoints_with({{}, {}});
  const auto scheduler = scheduler_of("");
  send(*scheduler, {.prompts = {std::string(1000, 'x')}}, endpoints);
  const auto state = codec::parse_json(scheduler->debug_state());
  ASSERT_TRUE(state);
  EXPECT_EQ((*state)["decisions"], 1);
  EXPECT_EQ((*state)["prefixCache"]["entries"], 4);
}

}  // namespace
}  // namespace rage::routing
