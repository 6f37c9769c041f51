// EndpointPickerConfig as llm-d's picker reads it: which plugins there are and how they are put
// together (llm-d router, llm-d.ai/v1alpha1). Parsing checks structure, types and references; what
// a plugin's parameters mean is checked by whoever builds it.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "codec/json.h"

namespace rage::routing {

// What a plugin may be referred to as.
enum class PluginKind {
  kProfileHandler,
  kDecider,
  kFilter,
  kScorer,
  kPicker,
  kProducer,        // token-producer, approx-prefix-cache-producer, ...
  kRequestControl,  // Admitters, reporters, screeners, agent-identity.
  kFairness,
  kOrdering,
  kUsageLimit,
  kBandSelection,
  kSaturationDetector,  // These are filters as well.
  kParser,
  kDataSource,
  kExtractor,
  kDiscovery,
};

// Value. `type` is the canonical one: deprecated names were replaced, with a note.
struct PluginSpec {
  std::string name;  // Unique; the type as written unless given.
  std::string type;
  PluginKind kind = PluginKind::kFilter;
  codec::Json parameters = codec::Json::object();  // Always an object.
};

struct ProfilePlugin {
  std::string plugin;  // Name of a declared one.
  double weight = 1;   // Of scorers.
};

struct ProfileSpec {
  std::string name;
  std::vector<ProfilePlugin> plugins = {};  // In the order they run.
};

struct DataSourceSpec {
  std::string plugin;
  std::vector<std::string> extractors = {};
};

// References are names of declared plugins; empty: none.
struct DataLayerSpec {
  bool inject_defaults = true;  // metrics-data-source with core-metrics-extractor.
  std::vector<DataSourceSpec> sources;
  std::string endpoint_discovery;
  std::string peer_discovery;
  std::string cross_replica_syncer;
  std::optional<std::chrono::milliseconds> cross_replica_sync_interval;
  std::optional<std::chrono::milliseconds> cross_replica_publish_timeout;
};

struct PriorityBandSpec {
  std::int32_t priority = 0;  // Of no meaning in the two templates.
  std::optional<std::uint64_t> bytes_max;
  std::optional<std::uint64_t> requests_max;
  std::optional<std::chrono::milliseconds> default_request_ttl;
  std::string fairness_policy;  // Names of declared plugins; empty: the default.
  std::string ordering_policy;
};

struct FlowControlSpec {
  bool enabled = false;                    // featureGates: flowControl
  std::optional<std::uint64_t> bytes_max;  // None or 0: no limit.
  std::optional<std::uint64_t> requests_max;
  std::optional<std::chrono::milliseconds> default_request_ttl;  // 0: none.
  std::optional<std::chrono::milliseconds> no_endpoint_request_ttl;
  std::optional<PriorityBandSpec> default_band;
  std::optional<PriorityBandSpec> default_negative_band;
  std::vector<PriorityBandSpec> bands;
  std::string usage_limit_policy;  // Names of declared plugins; empty: the default.
  std::string band_selection_policy;
  std::string saturation_detector;
  bool enable_eviction = false;
};

struct RequestHandlerSpec {
  std::vector<std::string> parsers;  // Names of declared plugins; empty: the defaults.
  bool propagate_priority = false;
};

// Value.
struct PickerConfig {
  std::map<std::string, bool, std::less<>> feature_gates = {};
  std::vector<PluginSpec> plugins = {};  // In the file's order; what is implied comes last.
  std::vector<ProfileSpec> profiles = {};
  DataLayerSpec data_layer = {};
  FlowControlSpec flow_control = {};
  RequestHandlerSpec request_handler = {};
  // What was converted, is deprecated or has no effect: for the log, one sentence each.
  std::vector<std::string> notes = {};

  const PluginSpec* find(std::string_view name) const;          // Null if not declared.
  const PluginSpec* find_of_type(std::string_view type) const;  // The first; null if none.
  bool gate(std::string_view name, bool fallback) const;
};

inline constexpr std::size_t kPickerConfigBytesMax = std::size_t{1} << 20;

// YAML or JSON. An empty text is the configuration of a picker that was given none.
// kInvalidArgument: what is wrong and where, unknown fields and plugin types among it;
// kUnimplemented: a plugin that llm-d has and we do not.
Result<PickerConfig> parse_picker_config(std::string_view text);

}  // namespace rage::routing
