// One file configures the scheduler and all that is around it; a typing mistake in it must not be
// silently ignored.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "picker/make_director.h"

namespace rage::picker {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

Result<DirectorOptions> options_of(std::string_view rest) {
  const auto config = routing::parse_picker_config(
      "apiVersion: llm-d.ai/v1alpha1\nkind: EndpointPickerConfig\n" + std::string(rest));
  if (!config) return fail(config.error());
  return director_options(*config);
}

TEST(DirectorOptions, WithoutAnythingThereIsNoQueueAndVllmIsScraped) {
  const auto options = options_of("plugins: []\n");
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_FALSE(options->flow_control);
  EXPECT_TRUE(options->scrape.enabled);
  EXPECT_EQ(options->scrape.default_engine, "auto");
  EXPECT_EQ(options->scrape.interval, 50ms);
  EXPECT_FALSE(options->strict_paths);
  EXPECT_TRUE(options->apis.contains(payload::Api::kAnthropicMessages));
  EXPECT_FALSE(options->apis.contains(payload::Api::kSglangGenerate));
}

TEST(DirectorOptions, ReadsItsPlugins) {
  const auto options = options_of(R"(
featureGates: [flowControl]
flowControl: {enableEviction: true, saturationDetector: {pluginRef: concurrency-detector}}
requestHandler: {parsers: [{pluginRef: openai-parser}]}
plugins:
- type: concurrency-detector
  parameters: {maxConcurrency: 7}
- type: openai-parser
- type: agent-identity
  parameters: {additionalSessionHeaders: [X-Team]}
- type: probabilistic-admitter
- type: metrics-data-source
  parameters: {path: /stats, port: 9100, interval: 2s}
- type: core-metrics-extractor
  parameters:
    defaultEngine: mine
    engineConfigs:
    - {name: mine, queuedRequestsSpec: "my_queue{kind=a}", cacheInfoSpec: my_cache}
    customMetrics: [{attributeKey: power, metricSpec: my_power}]
)");
  ASSERT_TRUE(options) << options.error().message;
  ASSERT_TRUE(options->flow_control);
  EXPECT_TRUE(options->eviction);
  EXPECT_TRUE(options->admitter);
  EXPECT_EQ(std::get<routing::ConcurrencyOptions>(options->saturation).requests_max, 7);
  EXPECT_EQ(options->session_headers, std::vector<std::string>{"x-team"});
  EXPECT_TRUE(options->strict_paths);
  EXPECT_FALSE(options->apis.contains(payload::Api::kAnthropicMessages));
  EXPECT_EQ(options->scrape.path, "/stats");
  EXPECT_EQ(options->scrape.port, 9100);
  EXPECT_EQ(options->scrape.interval, 2s);
  ASSERT_TRUE(options->scrape.engines.contains("mine"));
  EXPECT_EQ(options->scrape.engines.at("mine").at(0).series.name, "my_queue");
  EXPECT_EQ(options->scrape.extra_rules.at(0).attribute, "power");
}

TEST(DirectorOptions, NamesWhatIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {"plugins: [{type: agent-identity, parameters: {headers: []}}]", "headers"},
      {"plugins: [{type: agent-identity, parameters: {additionalSessionHeaders: 3}}]",
       "additionalSessionHeaders"},
      {"plugins: [{type: destination-endpoint-served-verifier, parameters: {header: x}}]",
       "header"},
      {"plugins: [{type: metrics-data-source, parameters: {interval: soon}}]", "interval"},
      {"plugins: [{type: metrics-data-source, parameters: {port: 70000}}]", "port"},
      {"plugins: [{type: metrics-data-source, parameters: {scheme: https}}]", "http only"},
      {"plugins: [{type: core-metrics-extractor, parameters: {engineConfigs: [{}]}}]", "name"},
      {"plugins: [{type: core-metrics-extractor, parameters: {customMetrics: [{attributeKey: a,"
       " metricSpec: '{'}]}}]",
       "metricSpec"},
  };
  for (const auto& [text, named] : cases) {
    const auto options = options_of(text);
    ASSERT_FALSE(options) << text;
    EXPECT_THAT(options.error().message, HasSubstr(named)) << text;
  }
}

}  // namespace
}  // namespace rage::picker
