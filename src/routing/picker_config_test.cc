#include "routing/picker_config.h"

#include <gmock/gmock.h>

#include "routing/detail/parameter_reader.h"
#include "routing/scheduler_for_test.h"

namespace rage::routing {
namespace {

using std::chrono::milliseconds;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

PickerConfig parsed(std::string_view text) {
  Result<PickerConfig> config = parse_picker_config(text);
  if (config) return *std::move(config);
  ADD_FAILURE() << config.error().message;
  return {};
}

std::vector<std::string> plugins_of(const ProfileSpec& profile) {
  std::vector<std::string> names;
  for (const ProfilePlugin& entry : profile.plugins) names.push_back(entry.plugin);
  return names;
}

TEST(Quantity, ReadsWhatKubernetesWrites) {
  const std::pair<std::string_view, std::uint64_t> cases[] = {
      {"0", 0},        {"5000", 5000}, {"1k", 1000}, {"1G", 1'000'000'000}, {"10Gi", 10ULL << 30},
      {"1.5Ki", 1536}, {"2e3", 2000},  {"500m", 1},  {".5Mi", 524288}};
  for (const auto& [text, value] : cases) EXPECT_EQ(detail::parse_quantity(text), value) << text;
  for (const std::string_view text : {"", "-1", "1.2.3", "Gi", "1GiB", "1e99", "0x10", "1e"}) {
    EXPECT_EQ(detail::parse_quantity(text), std::nullopt) << text;
  }
}

TEST(GoDuration, ReadsWhatGoWrites) {
  const std::pair<std::string_view, int> cases[] = {
      {"0", 0}, {"60s", 60000}, {"1m30s", 90000}, {"1.5h", 5400000}, {"250ms", 250}, {"1us", 1}};
  for (const auto& [text, value] : cases) {
    EXPECT_EQ(detail::parse_go_duration(text), milliseconds(value)) << text;
  }
  for (const std::string_view text : {"", "5", "-1s", "1d", "s", "1s2", "9999999999h"}) {
    EXPECT_EQ(detail::parse_go_duration(text), std::nullopt) << text;
  }
}

// A picker that is given no file must route well: as llm-d's does without one, new prefixes spread.
TEST(PickerConfig, EmptyTextIsTheDefault) {
  const PickerConfig config = parsed("");
  ASSERT_EQ(config.profiles.size(), 1U);
  EXPECT_THAT(plugins_of(config.profiles[0]),
              ElementsAre("queue-scorer", "kv-cache-utilization-scorer", "prefix-cache-scorer",
                          "no-hit-lru-scorer", "max-score-picker"));
  EXPECT_EQ(config.profiles[0].plugins[0].weight, 2);
  EXPECT_EQ(config.profiles[0].plugins[2].weight, 3);
}

TEST(PickerConfig, ThreeApiVersionsAreRead) {
  for (const std::string_view version :
       {"llm-d.ai/v1", "llm-d.ai/v1alpha1", "inference.networking.x-k8s.io/v1alpha1"}) {
    const PickerConfig config =
        parsed("{apiVersion: " + std::string(version) + ", kind: EndpointPickerConfig}");
    EXPECT_EQ(config.profiles.size(), 1U) << version;
  }
  EXPECT_THAT(parsed("{apiVersion: llm-d.ai/v1alpha1, kind: EndpointPickerConfig}").notes,
              Contains(HasSubstr("converted")));
}

// What this product's own operator writes for prefill and decode must start.
TEST(PickerConfig, ReadsWhatTheOperatorWrites) {
  const PickerConfig config = parsed(R"(apiVersion: inference.networking.x-k8s.io/v1alpha1
kind: EndpointPickerConfig
plugins:
- type: disagg-headers-handler
- type: approx-prefix-cache-producer
  parameters: {autoTune: true, blockSizeTokens: 64}
- type: prefix-based-pd-decider
  parameters: {nonCachedTokens: 4}
- type: disagg-profile-handler
  parameters: {deciders: {prefill: prefix-based-pd-decider}}
- name: prefill-filter
  type: by-label-selector
  parameters: {matchLabels: {kaito.sh/inference-role: prefill}}
- type: load-aware-scorer
  parameters: {threshold: 10}
- type: max-score-picker
schedulingProfiles:
- name: prefill
  plugins:
  - pluginRef: prefill-filter
  - {pluginRef: load-aware-scorer, weight: 10}
  - pluginRef: max-score-picker
- name: decode
  plugins:
  - {pluginRef: load-aware-scorer, weight: 10}
)");
  ASSERT_EQ(config.profiles.size(), 2U);
  EXPECT_EQ(config.profiles[0].plugins[1].weight, 10);
  ASSERT_NE(config.find("prefill-filter"), nullptr);
  EXPECT_EQ(config.find("prefill-filter")->type, "label-selector-filter");
  EXPECT_THAT(config.notes, Contains(HasSubstr("use label-selector-filter")));
  EXPECT_THAT(config.notes, Contains(HasSubstr("disagg-headers-handler has no effect")));
}

TEST(PickerConfig, ReadsFlowControl) {
  const PickerConfig config = parsed(config_of("- {type: fcfs-ordering-policy, name: mine}\n", R"(
featureGates: [flowControl]
flowControl:
  maxBytes: 10Gi
  maxRequests: 1k
  defaultRequestTTL: 60s
  noEndpointRequestTTL: 1m30s
  enableEviction: true
  saturationDetector: {pluginRef: concurrency-detector}
  usageLimitPolicyPluginRef: static-usage-limit-policy
  defaultPriorityBand: {maxRequests: 10}
  priorityBands:
  - {priority: -1, maxBytes: "5", defaultRequestTTL: 2s, orderingPolicyRef: mine,
     fairnessPolicyRef: round-robin-fairness-policy}
)"));
  const FlowControlSpec& spec = config.flow_control;
  EXPECT_TRUE(spec.enabled);
  EXPECT_TRUE(spec.enable_eviction);
  EXPECT_EQ(spec.bytes_max, 10ULL << 30);
  EXPECT_EQ(spec.requests_max, 1000U);
  EXPECT_EQ(spec.default_request_ttl, milliseconds(60000));
  EXPECT_EQ(spec.no_endpoint_request_ttl, milliseconds(90000));
  EXPECT_EQ(spec.saturation_detector, "concurrency-detector");
  EXPECT_EQ(spec.default_band->requests_max, 10U);
  EXPECT_EQ(spec.default_negative_band, std::nullopt);
  ASSERT_EQ(spec.bands.size(), 1U);
  EXPECT_EQ(spec.bands[0].priority, -1);
  EXPECT_EQ(spec.bands[0].bytes_max, 5U);
  EXPECT_EQ(spec.bands[0].default_request_ttl, milliseconds(2000));
  EXPECT_EQ(spec.bands[0].ordering_policy, "mine");
  // Referred to by type alone: declared on the way, so that all references can be found.
  EXPECT_EQ(config.find("round-robin-fairness-policy")->kind, PluginKind::kFairness);
}

TEST(PickerConfig, FlowControlWithoutTheGateIsNoted) {
  const PickerConfig config = parsed(config_of("  []\n", "flowControl: {maxRequests: 1}\n"));
  EXPECT_FALSE(config.flow_control.enabled);
  EXPECT_THAT(config.notes, Contains(HasSubstr("feature gate is off")));
}

TEST(PickerConfig, DataLayerOfBothVersions) {
  const DataLayerSpec v1 = parsed(config_of("- {type: file-discovery, name: files}\n", R"(
dataLayer:
  injectDefaults: false
  sources: [{pluginRef: metrics-data-source, extractors: [{pluginRef: core-metrics-extractor}]}]
  discovery: {endpoints: {pluginRef: files}}
  crossReplica: {syncInterval: 100ms, publishTimeout: 1s}
)"))
                               .data_layer;
  EXPECT_FALSE(v1.inject_defaults);
  EXPECT_EQ(v1.endpoint_discovery, "files");
  EXPECT_EQ(v1.cross_replica_sync_interval, milliseconds(100));
  ASSERT_EQ(v1.sources.size(), 1U);
  EXPECT_THAT(v1.sources[0].extractors, ElementsAre("core-metrics-extractor"));
  const DataLayerSpec alpha = parsed(R"(
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins: [{type: file-discovery}]
dataLayer: {discovery: {pluginRef: file-discovery}, crossReplicaSyncInterval: 5s}
)")
                                  .data_layer;
  EXPECT_EQ(alpha.endpoint_discovery, "file-discovery");
  EXPECT_EQ(alpha.cross_replica_sync_interval, milliseconds(5000));
}

TEST(PickerConfig, DeprecatedSectionsAtTheTop) {
  const PickerConfig config = parsed(config_of("  []\n", R"(
parser: {pluginRef: openai-parser}
saturationDetector: {queueDepthThreshold: 8, kvCacheUtilThreshold: 0.7}
)"));
  EXPECT_THAT(config.request_handler.parsers, ElementsAre("openai-parser"));
  const PluginSpec* detector = config.find(config.flow_control.saturation_detector);
  ASSERT_NE(detector, nullptr);
  EXPECT_EQ(detector->type, "utilization-detector");
  EXPECT_EQ(detector->parameters["queueDepthThreshold"], 8);
}

// Older files size the index at the scorer; losing that would change hit rates unseen.
TEST(PickerConfig, IndexParametersOfTheScorerMoveToItsProducer) {
  const PickerConfig config = parsed(config_of(
      "- {type: prefix-cache-scorer, parameters: {blockSize: 5, lruCapacityPerServer: 7}}\n"));
  const PluginSpec* producer = config.find_of_type("approx-prefix-cache-producer");
  ASSERT_NE(producer, nullptr);
  EXPECT_EQ(producer->parameters["lruCapacityPerServer"], 7);
  EXPECT_TRUE(config.find("prefix-cache-scorer")->parameters.empty());
}

TEST(PickerConfig, WithoutProfilesAllThatIsListedIsOne) {
  const PickerConfig config =
      parsed(config_of("- type: random-picker\n- type: decode-filter\n- type: agent-identity\n"));
  ASSERT_EQ(config.profiles.size(), 1U);
  EXPECT_THAT(plugins_of(config.profiles[0]), ElementsAre("random-picker", "decode-filter"));
}

struct RefusedConfig {
  std::string_view text;
  std::string_view why;
};

TEST(PickerConfig, RefusesWithThePlace) {
  const RefusedConfig cases[] = {
      {"[]", "must be an object"},
      {"{kind: EndpointPickerConfig}", "apiVersion"},
      {"{apiVersion: llm-d.ai/v2, kind: EndpointPickerConfig}", "apiVersion"},
      {"{apiVersion: llm-d.ai/v1, kind: InferencePool}", "kind"},
      {"plugin: []", "unknown field 'plugin'"},
      {"plugins: [{type: queue-scorer, parms: {}}]", "plugins[0]: unknown field 'parms'"},
      {"plugins: [{type: no-such}]", "unknown plugin type 'no-such'; known: "},
      {"plugins: [{name: x}]", "plugins[0].type: is missing"},
      {"plugins: [{type: queue-scorer}, {type: queue-scorer}]", "declared twice"},
      {"plugins: [{type: latency-scorer}]", "latency-scorer is not supported"},
      {"plugins: [{type: queue-scorer, parameters: 3}]", "must be an object"},
      {"plugins: [null]", "empty entry"},
      {"plugins: {}", "must be a list"},
      {"schedulingProfiles: [{name: a, plugins: [{pluginRef: b}]}]", "no plugin is called 'b'"},
      {"schedulingProfiles: [{name: a}, {name: a}]", "given twice"},
      {"schedulingProfiles: [{plugins: []}]", "name: is missing"},
      {"featureGates: [warpDrive]", "unknown gate 'warpDrive'"},
      {"featureGates: ['flowControl=maybe']", "true or false"},
      {"flowControl: {maxBytes: -1}", "flowControl.maxBytes: must be a quantity"},
      {"flowControl: {defaultRequestTTL: 60}", "must be a duration"},
      {"flowControl: {priorityBands: [{priority: 1}, {priority: 1}]}", "given twice"},
      {"flowControl: {priorityBands: [{priority: 99999999999}]}", "32 bits"},
      {"flowControl: {saturationDetector: {pluginRef: openai-parser}}",
       "a saturation detector is wanted"},
      {"dataLayer: {peerDiscovery: {pluginRef: x}}", "unknown field 'peerDiscovery'"},
      {"requestHandler: {parsers: [{}]}", "pluginRef: is missing"},
  };
  for (const RefusedConfig& one : cases) {
    std::string text(one.text);
    if (!text.starts_with('[') && !text.starts_with('{')) {
      text = "apiVersion: llm-d.ai/v1\nkind: EndpointPickerConfig\n" + text;
    }
    const auto config = parse_picker_config(text);
    ASSERT_FALSE(config) << text;
    EXPECT_THAT(config.error().message, HasSubstr(std::string(one.why))) << text;
  }
}

TEST(PickerConfig, TooLargeIsRefused) {
  const std::string text(kPickerConfigBytesMax + 1, ' ');
  EXPECT_FALSE(parse_picker_config(text));
}

}  // namespace
}  // namespace rage::routing
