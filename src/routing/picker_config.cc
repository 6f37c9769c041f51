#include "routing/picker_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "base/is_one_of.h"
#include "codec/yaml.h"
#include "routing/detail/parameter_reader.h"
#include "routing/detail/plugin_catalog.h"

namespace rage::routing {
namespace {

using codec::Json;
using detail::ParameterReader;
using detail::PluginType;
using detail::Support;

constexpr std::size_t kPluginsMax = 256;
constexpr std::size_t kProfilesMax = 64;

constexpr std::array<std::string_view, 2> kGates = {"flowControl", "haPopulateNonLeaderDatastore"};
// What they switched on is always on.
constexpr std::array<std::string_view, 3> kRetiredGates = {"dataLayer", "experimentalDatalayer",
                                                           "prepareDataPlugins"};

// Parameters of the prefix-cache-scorer of old, now its producer's.
constexpr std::array<std::string_view, 7> kProducerParameters = {"autoTune",
                                                                 "blockSize",
                                                                 "hashBlockSize",
                                                                 "blockSizeTokens",
                                                                 "maxPrefixBlocksToMatch",
                                                                 "maxPrefixTokensToMatch",
                                                                 "lruCapacityPerServer"};

// With no-hit-lru-scorer, unlike llm-d: docs/adr/0017.
constexpr std::string_view kDefaultConfig = R"(
apiVersion: llm-d.ai/v1
kind: EndpointPickerConfig
plugins:
- type: single-profile-handler
- type: queue-scorer
- type: kv-cache-utilization-scorer
- type: prefix-cache-scorer
- type: no-hit-lru-scorer
- type: max-score-picker
schedulingProfiles:
- name: default
  plugins:
  - {pluginRef: queue-scorer, weight: 2}
  - {pluginRef: kv-cache-utilization-scorer, weight: 2}
  - {pluginRef: prefix-cache-scorer, weight: 3}
  - {pluginRef: no-hit-lru-scorer, weight: 1}
  - {pluginRef: max-score-picker}
)";

bool is_scheduling(PluginKind kind) {
  return kind == PluginKind::kFilter || kind == PluginKind::kScorer || kind == PluginKind::kPicker;
}

// One document. One thread; used once.
class ConfigParser final {
 public:
  explicit ConfigParser(const Json& document) : root_(document, "") {}

  Result<PickerConfig> parse() {
    read_version();
    read_gates();
    RETURN_IF_ERROR(read_plugins());
    read_profiles();
    read_data_layer(root_.child("dataLayer"));
    read_flow_control(root_.child("flowControl"));
    read_request_handler(root_.child("requestHandler"));
    read_deprecated();
    move_producer_parameters();
    RETURN_IF_ERROR(root_.finish());
    if (config_.profiles.empty()) RETURN_IF_ERROR(add_default_profile());
    return std::move(config_);
  }

 private:
  void note(std::string text) { config_.notes.push_back(std::move(text)); }

  void read_version() {
    const std::string version = root_.text("apiVersion");
    is_v1_ = version == "llm-d.ai/v1";
    if (version == "inference.networking.x-k8s.io/v1alpha1") {
      note("apiVersion inference.networking.x-k8s.io/v1alpha1 is deprecated: use llm-d.ai/v1");
    } else if (version == "llm-d.ai/v1alpha1") {
      note("apiVersion llm-d.ai/v1alpha1 was converted to llm-d.ai/v1");
    } else if (!is_v1_) {
      root_.refuse("apiVersion", fmt::format("'{}' is none of llm-d.ai/v1, llm-d.ai/v1alpha1, "
                                             "inference.networking.x-k8s.io/v1alpha1",
                                             version));
    }
    if (root_.text("kind") != "EndpointPickerConfig") {
      root_.refuse("kind", "must be EndpointPickerConfig");
    }
    root_.find("metadata");  // Kubernetes' tools add one; it says nothing.
  }

  void read_gates() {
    for (const std::string& text : root_.texts("featureGates")) {
      const std::size_t equals = text.find('=');
      const std::string name = text.substr(0, equals);
      const std::string value = equals == std::string::npos ? "true" : text.substr(equals + 1);
      if (value != "true" && value != "false") {
        root_.refuse("featureGates", fmt::format("'{}': the value must be true or false", text));
      } else if (is_one_of(name, kRetiredGates)) {
        note(fmt::format("feature gate {} has no effect: the feature is always on", name));
      } else if (!is_one_of(name, kGates)) {
        root_.refuse("featureGates",
                     fmt::format("unknown gate '{}'; known: {}", name, fmt::join(kGates, ", ")));
      }
      config_.feature_gates[name] = value == "true";
    }
  }

  Result<void> read_plugins() {
    std::vector<ParameterReader> list = root_.children("plugins");
    if (list.size() > kPluginsMax) {
      root_.refuse("plugins", fmt::format("more than {}", kPluginsMax));
      return root_.finish();
    }
    for (ParameterReader& item : list) {
      PluginSpec plugin;
      const std::string written = item.text("type");
      plugin.name = item.text("name");
      if (plugin.name.empty()) plugin.name = written;
      if (written.empty()) item.refuse("type", "is missing");
      if (const Json* parameters = item.find("parameters")) {
        if (!parameters->is_object()) item.refuse("parameters", "must be an object");
        plugin.parameters = *parameters;
      }
      if (config_.find(plugin.name) != nullptr) {
        item.refuse("name", fmt::format("'{}' is declared twice", plugin.name));
      }
      plugin.type = detail::canonical_plugin_type(written);
      if (plugin.type != written) {
        note(fmt::format("plugin type {} is deprecated: use {}", written, plugin.type));
      }
      RETURN_IF_ERROR(check_type(plugin, item.path_of("type")));
      config_.plugins.push_back(std::move(plugin));
    }
    return {};
  }

  Result<void> check_type(PluginSpec& plugin, std::string_view path) {
    if (plugin.type.empty()) return {};  // Refused already.
    const PluginType* known = detail::find_plugin_type(plugin.type);
    if (known == nullptr) {
      return fail(ErrorCode::kInvalidArgument, "{}: unknown plugin type '{}'; known: {}", path,
                  plugin.type, detail::known_plugin_types());
    }
    if (known->support == Support::kRefused) {
      return fail(ErrorCode::kUnimplemented, "{}: {} is not supported: it {}", path, plugin.type,
                  known->remark);
    }
    if (known->support == Support::kNoEffect) {
      note(fmt::format("plugin {} has no effect: {}", plugin.type, known->remark));
    }
    plugin.kind = known->kind;
    return {};
  }

  void read_profiles() {
    std::vector<ParameterReader> list = root_.children("schedulingProfiles");
    if (list.size() > kProfilesMax) {
      root_.refuse("schedulingProfiles", fmt::format("more than {}", kProfilesMax));
      return;
    }
    std::set<std::string> names;
    for (ParameterReader& item : list) {
      ProfileSpec profile{.name = item.text("name")};
      if (profile.name.empty()) item.refuse("name", "is missing");
      if (!names.insert(profile.name).second) item.refuse("name", "is given twice");
      for (ParameterReader& entry : item.children("plugins")) read_profile_plugin(entry, profile);
      config_.profiles.push_back(std::move(profile));
    }
  }

  void read_profile_plugin(ParameterReader& entry, ProfileSpec& profile) {
    const std::string name = entry.text("pluginRef");
    const double weight = entry.number("weight", 1, {.min = 0, .max = 1e9});
    const PluginSpec* plugin = config_.find(name);
    if (plugin == nullptr) {
      entry.refuse("pluginRef", fmt::format("no plugin is called '{}'", name));
    } else if (is_scheduling(plugin->kind) || plugin->kind == PluginKind::kSaturationDetector) {
      profile.plugins.push_back({.plugin = name, .weight = weight});
    } else {
      note(fmt::format("profile {} lists {}, a {}: it needs no place there", profile.name, name,
                       detail::name_of(plugin->kind)));
    }
  }

  // The name of a declared plugin; what is known by its type alone is declared on the way.
  std::string reference(ParameterReader& reader, std::string_view key, PluginKind kind) {
    const std::string name = reader.text(key);
    if (name.empty()) return name;
    const PluginSpec* plugin = config_.find(name);
    if (plugin == nullptr) {
      const PluginType* known = detail::find_plugin_type(name);
      if (known == nullptr || known->support != Support::kYes) {
        reader.refuse(key, fmt::format("no plugin is called '{}'", name));
        return name;
      }
      config_.plugins.push_back({.name = name, .type = name, .kind = known->kind});
      plugin = &config_.plugins.back();
    }
    if (plugin->kind != kind) {
      reader.refuse(key, fmt::format("'{}' is a {}; a {} is wanted", name,
                                     detail::name_of(plugin->kind), detail::name_of(kind)));
    }
    return name;
  }

  std::string reference_in(ParameterReader& reader, std::string_view key, PluginKind kind) {
    ParameterReader child = reader.child(key);
    return reference(child, "pluginRef", kind);
  }

  void read_data_layer(ParameterReader reader) {
    DataLayerSpec& spec = config_.data_layer;
    spec.inject_defaults = reader.flag("injectDefaults", true);
    for (ParameterReader& item : reader.children("sources")) {
      DataSourceSpec source{.plugin = reference(item, "pluginRef", PluginKind::kDataSource)};
      if (source.plugin.empty()) item.refuse("pluginRef", "is missing");
      for (ParameterReader& extractor : item.children("extractors")) {
        // A producer that listens to endpoints stands here as well.
        const PluginSpec* declared = config_.find(extractor.text("pluginRef"));
        const bool produces = declared != nullptr && declared->kind == PluginKind::kProducer;
        source.extractors.push_back(reference(
            extractor, "pluginRef", produces ? PluginKind::kProducer : PluginKind::kExtractor));
      }
      spec.sources.push_back(std::move(source));
    }
    ParameterReader discovery = reader.child("discovery");
    if (is_v1_) {
      spec.endpoint_discovery = reference_in(discovery, "endpoints", PluginKind::kDiscovery);
      spec.peer_discovery = reference_in(discovery, "peers", PluginKind::kDiscovery);
      ParameterReader replicas = reader.child("crossReplica");
      spec.cross_replica_syncer = reference(replicas, "syncerPluginRef", PluginKind::kDataSource);
      spec.cross_replica_sync_interval = replicas.duration("syncInterval");
      spec.cross_replica_publish_timeout = replicas.duration("publishTimeout");
      return;
    }
    spec.endpoint_discovery = reference(discovery, "pluginRef", PluginKind::kDiscovery);
    spec.peer_discovery = reference_in(reader, "peerDiscovery", PluginKind::kDiscovery);
    spec.cross_replica_syncer =
        reference(reader, "crossReplicaSyncerPluginRef", PluginKind::kDataSource);
    spec.cross_replica_sync_interval = reader.duration("crossReplicaSyncInterval");
  }

  PriorityBandSpec read_band(ParameterReader& reader) {
    PriorityBandSpec band;
    const std::int64_t priority = reader.integer("priority", 0);
    if (priority < INT32_MIN || priority > INT32_MAX) {
      reader.refuse("priority", "must fit 32 bits");
    } else {
      band.priority = static_cast<std::int32_t>(priority);
    }
    band.bytes_max = reader.quantity("maxBytes");
    band.requests_max = reader.quantity("maxRequests");
    band.default_request_ttl = reader.duration("defaultRequestTTL");
    band.fairness_policy = reference(reader, "fairnessPolicyRef", PluginKind::kFairness);
    band.ordering_policy = reference(reader, "orderingPolicyRef", PluginKind::kOrdering);
    return band;
  }

  std::optional<PriorityBandSpec> read_template(ParameterReader& reader, std::string_view key) {
    if (!reader.has(key)) return std::nullopt;
    ParameterReader child = reader.child(key);
    return read_band(child);
  }

  void read_flow_control(ParameterReader reader) {
    FlowControlSpec& spec = config_.flow_control;
    spec.enabled = config_.gate("flowControl", false);
    if (!spec.enabled && root_.has("flowControl")) {
      note("flowControl is ignored but for its saturationDetector: the feature gate is off");
    }
    spec.bytes_max = reader.quantity("maxBytes");
    spec.requests_max = reader.quantity("maxRequests");
    spec.default_request_ttl = reader.duration("defaultRequestTTL");
    spec.no_endpoint_request_ttl = reader.duration("noEndpointRequestTTL");
    spec.default_band = read_template(reader, "defaultPriorityBand");
    spec.default_negative_band = read_template(reader, "defaultNegativePriorityBand");
    std::set<std::int32_t> priorities;
    for (ParameterReader& item : reader.children("priorityBands")) {
      if (!item.has("priority")) item.refuse("priority", "is missing");
      spec.bands.push_back(read_band(item));
      if (!priorities.insert(spec.bands.back().priority).second) {
        item.refuse("priority", "is given twice");
      }
    }
    spec.usage_limit_policy =
        reference(reader, "usageLimitPolicyPluginRef", PluginKind::kUsageLimit);
    spec.band_selection_policy =
        reference(reader, "bandSelectionPolicyPluginRef", PluginKind::kBandSelection);
    spec.saturation_detector =
        reference_in(reader, "saturationDetector", PluginKind::kSaturationDetector);
    spec.enable_eviction = reader.flag("enableEviction", false);
  }

  void read_request_handler(ParameterReader reader) {
    RequestHandlerSpec& spec = config_.request_handler;
    spec.propagate_priority = reader.flag("propagatePriority", false);
    for (ParameterReader& item : reader.children("parsers")) {
      spec.parsers.push_back(reference(item, "pluginRef", PluginKind::kParser));
      if (spec.parsers.back().empty()) item.refuse("pluginRef", "is missing");
    }
  }

  // Two sections that were at the top.
  void read_deprecated() {
    if (root_.has("parser")) {
      note("parser is deprecated: use requestHandler.parsers");
      const std::string name = reference_in(root_, "parser", PluginKind::kParser);
      if (config_.request_handler.parsers.empty() && !name.empty()) {
        config_.request_handler.parsers.push_back(name);
      }
    }
    if (!root_.has("saturationDetector")) return;
    note("saturationDetector is deprecated: use flowControl.saturationDetector");
    ParameterReader reader = root_.child("saturationDetector");
    std::string name = reference(reader, "pluginRef", PluginKind::kSaturationDetector);
    if (name.empty()) name = legacy_detector(reader);
    if (config_.flow_control.saturation_detector.empty()) {
      config_.flow_control.saturation_detector = std::move(name);
    }
  }

  // Its parameters stood in the section itself.
  std::string legacy_detector(ParameterReader& reader) {
    PluginSpec plugin{.name = "legacy-saturation-detector",
                      .type = "utilization-detector",
                      .kind = PluginKind::kSaturationDetector};
    for (const std::string_view key :
         {"queueDepthThreshold", "kvCacheUtilThreshold", "metricsStalenessThreshold"}) {
      if (const Json* value = reader.find(key)) plugin.parameters[std::string(key)] = *value;
    }
    config_.plugins.push_back(plugin);
    return plugin.name;
  }

  void move_producer_parameters() {
    Json moved = Json::object();
    for (PluginSpec& plugin : config_.plugins) {
      if (plugin.type != "prefix-cache-scorer") continue;
      for (const std::string_view key : kProducerParameters) {
        const auto at = plugin.parameters.find(std::string(key));
        if (at == plugin.parameters.end()) continue;
        moved[std::string(key)] = *at;
        plugin.parameters.erase(at);
      }
    }
    if (moved.empty()) return;
    constexpr std::string_view kProducer = "approx-prefix-cache-producer";
    if (config_.find_of_type(kProducer) != nullptr) {
      note("index parameters of prefix-cache-scorer are ignored: its producer is declared");
      return;
    }
    note("index parameters of prefix-cache-scorer were moved to approx-prefix-cache-producer");
    config_.plugins.push_back({.name = std::string(kProducer),
                               .type = std::string(kProducer),
                               .kind = PluginKind::kProducer,
                               .parameters = std::move(moved)});
  }

  // Without profiles everything listed is one; with nothing to list, the defaults are.
  Result<void> add_default_profile() {
    ProfileSpec profile{.name = "default"};
    for (const PluginSpec& plugin : config_.plugins) {
      if (is_scheduling(plugin.kind)) profile.plugins.push_back({.plugin = plugin.name});
    }
    if (!profile.plugins.empty()) {
      config_.profiles.push_back(std::move(profile));
      return {};
    }
    ASSIGN_OR_RETURN(PickerConfig defaults, parse_picker_config(kDefaultConfig));
    for (PluginSpec& plugin : defaults.plugins) {
      if (is_scheduling(plugin.kind)) config_.plugins.push_back(std::move(plugin));
    }
    config_.profiles = std::move(defaults.profiles);
    note("no scheduling plugin is listed: the default ones were taken");
    return {};
  }

  ParameterReader root_;
  PickerConfig config_;
  bool is_v1_ = false;
};

}  // namespace

const PluginSpec* PickerConfig::find(std::string_view name) const {
  const auto at = std::ranges::find(plugins, name, &PluginSpec::name);
  return at == plugins.end() ? nullptr : &*at;
}

const PluginSpec* PickerConfig::find_of_type(std::string_view type) const {
  const auto at = std::ranges::find(plugins, type, &PluginSpec::type);
  return at == plugins.end() ? nullptr : &*at;
}

bool PickerConfig::gate(std::string_view name, bool fallback) const {
  const auto at = feature_gates.find(name);
  return at == feature_gates.end() ? fallback : at->second;
}

Result<PickerConfig> parse_picker_config(std::string_view text) {
  ASSIGN_OR_RETURN(const Json document,
                   codec::parse_yaml(text, {.bytes_max = kPickerConfigBytesMax}));
  if (document.is_null()) return parse_picker_config(kDefaultConfig);
  if (!document.is_object()) {
    return fail(ErrorCode::kInvalidArgument, "an EndpointPickerConfig must be an object");
  }
  return ConfigParser(document).parse();
}

}  // namespace rage::routing
