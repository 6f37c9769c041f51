#include "routing/flow_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rage::routing {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;

PickerConfig config_of(std::string_view plugins, std::string_view flow_control) {
  const std::string text = fmt::format(
      "apiVersion: llm-d.ai/v1alpha1\nkind: EndpointPickerConfig\nfeatureGates: [flowControl]\n"
      "plugins: {}\nflowControl: {}\n",
      plugins, flow_control);
  const auto config = parse_picker_config(text);
  EXPECT_TRUE(config) << config.error().message << text;
  return config.value_or(PickerConfig{});
}

TEST(FlowConfig, DefaultsAreThoseOfTheSpecification) {
  const auto options = flow_control_options(config_of("[]", "{}"));
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_EQ(*options, FlowControlOptions{});
  const auto saturation = saturation_options(config_of("[]", "{}"));
  ASSERT_TRUE(saturation);
  EXPECT_EQ(std::get<UtilizationOptions>(*saturation), UtilizationOptions{});
}

TEST(FlowConfig, EverythingGiven) {
  const PickerConfig config = config_of(
      R"([{type: round-robin-fairness-policy},
          {type: program-aware-fairness, parameters: {serviceHalfLifeSeconds: 30}},
          {type: slo-deadline-ordering-policy}, {type: edf-ordering-policy},
          {type: priority-holdback-policy,
           parameters: {domain: value, minCeiling: 0.4, maxCeiling: 0.9}},
          {type: concurrency-detector,
           parameters: {concurrencyMode: hybrid, maxConcurrency: 64, headroom: 0.1}}])",
      R"({maxBytes: 1Gi, maxRequests: 1k, defaultRequestTTL: 30s, noEndpointRequestTTL: 5m,
          defaultPriorityBand: {fairnessPolicyRef: round-robin-fairness-policy},
          defaultNegativePriorityBand: {maxRequests: "7"},
          priorityBands: [{priority: 3, maxBytes: 1M, maxRequests: "9",
                           fairnessPolicyRef: program-aware-fairness,
                           orderingPolicyRef: edf-ordering-policy}],
          usageLimitPolicyPluginRef: priority-holdback-policy,
          saturationDetector: {pluginRef: concurrency-detector}})");
  FlowControlOptions expected;
  expected.bytes_max = 1 << 30;
  expected.requests_max = 1000;
  expected.request_ttl = seconds(30);
  expected.no_endpoint_ttl = seconds(300);
  expected.service_half_life = seconds(30);
  expected.default_band.fairness = FairnessPolicy::kRoundRobin;
  expected.default_negative_band = BandOptions{.requests_max = 7};
  expected.bands[3] = {.bytes_max = 1'000'000,
                       .requests_max = 9,
                       .fairness = FairnessPolicy::kProgramAware,
                       .ordering = OrderingPolicy::kEdf};
  expected.usage_limit = {.policy = UsageLimitPolicy::kPriorityHoldback,
                          .domain = HoldbackDomain::kValue,
                          .ceiling_min = 0.4,
                          .ceiling_max = 0.9};
  const auto options = flow_control_options(config);
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_EQ(*options, expected);
  const auto saturation = saturation_options(config);
  ASSERT_TRUE(saturation) << saturation.error().message;
  EXPECT_EQ(
      std::get<ConcurrencyOptions>(*saturation),
      (ConcurrencyOptions{.mode = ConcurrencyMode::kHybrid, .requests_max = 64, .headroom = 0.1}));
}

// A typing error in a limit that is silently ignored shows only when the pool is on fire.
TEST(FlowConfig, SaysWhichParameterIsWrong) {
  const struct {
    const char* plugin;
    const char* message;
  } kCases[] = {
      {"{name: x, type: priority-holdback-policy}", "minCeiling"},
      {"{name: x, type: priority-holdback-policy, parameters: {minCeiling: 0.9, maxCeiling: 0.1}}",
       "minCeiling"},
      {"{name: x, type: priority-holdback-policy, parameters: {minCeiling: 0, shape: step}}",
       "shape"},
      {"{name: x, type: static-usage-limit-policy, parameters: {treshold: 1}}", "treshold"},
      {"{name: x, type: static-usage-limit-policy, parameters: {threshold: 0}}", "threshold"},
      {"{name: x, type: soft-reflective-ceiling-policy, parameters: {threshold: 1}}", "threshold"},
  };
  for (const auto& test : kCases) {
    const auto options = flow_control_options(
        config_of(fmt::format("[{}]", test.plugin), "{usageLimitPolicyPluginRef: x}"));
    ASSERT_FALSE(options) << test.plugin;
    EXPECT_THAT(options.error().message, HasSubstr(test.message));
  }
  const PickerConfig drr =
      config_of("[{name: x, type: program-aware-fairness, parameters: {strategy: drr}}]",
                "{defaultPriorityBand: {fairnessPolicyRef: x}}");
  EXPECT_THAT(flow_control_options(drr).error().message, HasSubstr("drr"));
}

TEST(FlowConfig, Detectors) {
  const auto read = [](std::string type, std::string_view parameters) {
    return saturation_options({.name = "x",
                               .type = std::move(type),
                               .parameters = codec::parse_json(parameters).value()});
  };
  EXPECT_TRUE(read("utilization-detector", R"({"metricsStalenessThreshold": "2s"})"));
  EXPECT_FALSE(read("utilization-detector", R"({"queueDepthThreshold": 0})"));
  EXPECT_FALSE(read("utilization-detector", R"({"maxConcurrency": 1})"));
  EXPECT_FALSE(read("concurrency-detector", R"({"maxConcurrency": 0})"));
  EXPECT_FALSE(read("concurrency-detector", R"({"concurrencyMode": "both"})"));
  EXPECT_FALSE(read("queue-scorer", "{}"));
  const auto admitter = probabilistic_admitter_options(
      {.name = "x", .type = "probabilistic-admitter", .parameters = {{"power", 2}, {"k", 10}}});
  ASSERT_TRUE(admitter);
  EXPECT_EQ(admitter->power, 2);
  EXPECT_EQ(admitter->k, 10);
}

}  // namespace
}  // namespace rage::routing
