#include <array>
#include <initializer_list>
#include <span>
#include <utility>

#include "base/strings.h"
#include "codec/json.h"
#include "picker/make_director.h"
#include "routing/flow_config.h"

namespace rage::picker {
namespace {

using codec::Json;
using payload::Api;
using routing::MetricSignal;
using routing::PickerConfig;
using routing::PluginSpec;

std::unexpected<Error> wrong(const PluginSpec& plugin, std::string_view field,
                             std::string_view why) {
  return fail(ErrorCode::kInvalidArgument, "plugin '{}': {}: {}", plugin.name, field, why);
}

Result<void> refuse_unknown(const PluginSpec& plugin, const Json& object,
                            std::initializer_list<std::string_view> known) {
  if (!object.is_object()) return wrong(plugin, "parameters", "must be an object");
  for (const auto& [key, value] : object.items()) {
    if (std::ranges::find(known, key) == known.end()) return wrong(plugin, key, "unknown field");
  }
  return {};
}

// "50ms", "5s": what intervals of scrapes look like.
std::optional<std::chrono::milliseconds> parse_interval(std::string_view text) {
  const bool milliseconds = text.ends_with("ms");
  if (!milliseconds && !text.ends_with("s")) return std::nullopt;
  const auto count = parse_uint(text.substr(0, text.size() - (milliseconds ? 2 : 1)));
  if (!count || *count == 0 || *count > 86'400'000) return std::nullopt;
  return std::chrono::milliseconds(milliseconds ? *count : *count * 1000);
}

std::span<const Api> apis_of(std::string_view parser) {
  static constexpr std::array kOpenAi = {
      Api::kChatCompletions, Api::kCompletions, Api::kEmbeddings, Api::kResponses,
      Api::kConversations,   Api::kImages,      Api::kAudio};
  static constexpr std::array kAnthropic = {Api::kAnthropicMessages};
  static constexpr std::array kVllm = {Api::kVllmGenerate};
  static constexpr std::array kSglang = {Api::kSglangGenerate};
  if (parser == "openai-parser") return kOpenAi;
  if (parser == "anthropic-parser") return kAnthropic;
  if (parser == "vllmhttp-parser" || parser == "vllmgrpc-parser") return kVllm;
  if (parser == "sglanghttp-parser") return kSglang;
  return {};
}

void read_parsers(const PickerConfig& config, DirectorOptions& options) {
  if (config.request_handler.parsers.empty()) return;
  options.apis.clear();
  options.strict_paths = true;
  for (const std::string& name : config.request_handler.parsers) {
    const PluginSpec* parser = config.find(name);
    if (parser == nullptr) continue;  // Checked when the configuration was parsed.
    if (parser->type == "passthrough-parser") options.strict_paths = false;
    const auto apis = apis_of(parser->type);
    options.apis.insert(apis.begin(), apis.end());
  }
}

Result<void> read_agent_identity(const PluginSpec& plugin, DirectorOptions& options) {
  RETURN_IF_ERROR(refuse_unknown(plugin, plugin.parameters, {"additionalSessionHeaders"}));
  options.agent_identity = true;
  const Json* headers = codec::find_key(plugin.parameters, "additionalSessionHeaders");
  if (headers == nullptr) return {};
  if (!headers->is_array()) return wrong(plugin, "additionalSessionHeaders", "must be a list");
  for (const Json& header : *headers) {
    if (!header.is_string()) return wrong(plugin, "additionalSessionHeaders", "must be strings");
    options.session_headers.push_back(to_lower_ascii(header.get_ref<const std::string&>()));
  }
  return {};
}

Result<void> read_source(const PluginSpec& plugin, ScrapeSettings& scrape) {
  const Json& parameters = plugin.parameters;
  RETURN_IF_ERROR(refuse_unknown(plugin, parameters,
                                 {"scheme", "path", "port", "insecureSkipVerify", "caCertPath",
                                  "clientCertPath", "clientKeyPath", "interval"}));
  if (codec::string_or(parameters, "scheme", "http") != "http") {
    return fail(ErrorCode::kUnimplemented, "plugin '{}': metrics are scraped over http only",
                plugin.name);
  }
  scrape.path = codec::string_or(parameters, "path", scrape.path);
  const double port = codec::number_or(parameters, "port", 0);
  if (!(port >= 0 && port <= 65535)) return wrong(plugin, "port", "must be 1 to 65535");
  scrape.port = static_cast<std::uint16_t>(port);
  if (parameters.contains("interval")) {
    const auto interval = parse_interval(codec::string_or(parameters, "interval", ""));
    if (!interval) return wrong(plugin, "interval", "must be like 50ms or 5s");
    scrape.interval = *interval;
  }
  return {};
}

Result<routing::SeriesSelector> read_selector(const PluginSpec& plugin, const Json& object,
                                              std::string_view field) {
  auto selector = routing::parse_series_selector(codec::string_or(object, field, ""));
  if (!selector) return wrong(plugin, field, selector.error().message);
  return *std::move(selector);
}

// An engine's own names replace the known ones.
Result<void> read_engine(const PluginSpec& plugin, const Json& engine, ScrapeSettings& scrape) {
  struct Field {
    std::string_view name;
    MetricSignal signal;
    routing::Aggregate aggregate;
  };
  static constexpr std::array kFields = {
      Field{"queuedRequestsSpec", MetricSignal::kWaiting, routing::Aggregate::kSum},
      Field{"runningRequestsSpec", MetricSignal::kRunning, routing::Aggregate::kSum},
      Field{"kvUsageSpec", MetricSignal::kKvUsage, routing::Aggregate::kMean},
      Field{"loraSpec", MetricSignal::kLora, routing::Aggregate::kFirst}};
  RETURN_IF_ERROR(refuse_unknown(plugin, engine,
                                 {"name", "queuedRequestsSpec", "runningRequestsSpec",
                                  "kvUsageSpec", "loraSpec", "cacheInfoSpec"}));
  const std::string name = codec::string_or(engine, "name", "");
  if (name.empty()) return wrong(plugin, "engineConfigs", "an engine needs a name");
  routing::MetricRules rules;
  for (const Field& field : kFields) {
    if (!engine.contains(field.name)) continue;
    ASSIGN_OR_RETURN(auto selector, read_selector(plugin, engine, field.name));
    rules.push_back(
        {.signal = field.signal, .series = std::move(selector), .aggregate = field.aggregate});
  }
  if (engine.contains("cacheInfoSpec")) {
    ASSIGN_OR_RETURN(auto selector, read_selector(plugin, engine, "cacheInfoSpec"));
    rules.push_back(
        {.signal = MetricSignal::kBlockTokens, .series = selector, .value_label = "block_size"});
    rules.push_back({.signal = MetricSignal::kBlocks,
                     .series = std::move(selector),
                     .value_label = "num_gpu_blocks",
                     .aggregate = routing::Aggregate::kSum});
  }
  scrape.engines.insert_or_assign(name, std::move(rules));
  return {};
}

Result<void> read_custom_metric(const PluginSpec& plugin, const Json& metric,
                                ScrapeSettings& scrape) {
  RETURN_IF_ERROR(refuse_unknown(plugin, metric, {"attributeKey", "metricSpec"}));
  const std::string key = codec::string_or(metric, "attributeKey", "");
  if (key.empty()) return wrong(plugin, "customMetrics", "a metric needs an attributeKey");
  ASSIGN_OR_RETURN(auto selector, read_selector(plugin, metric, "metricSpec"));
  scrape.extra_rules.push_back(
      {.signal = MetricSignal::kCustom, .series = std::move(selector), .attribute = key});
  return {};
}

Result<void> read_extractor(const PluginSpec& plugin, ScrapeSettings& scrape) {
  const Json& parameters = plugin.parameters;
  RETURN_IF_ERROR(refuse_unknown(
      plugin, parameters, {"engineLabelKey", "defaultEngine", "engineConfigs", "customMetrics"}));
  scrape.default_engine = codec::string_or(parameters, "defaultEngine", scrape.default_engine);
  const auto each = [&](std::string_view field, auto read) -> Result<void> {
    const Json* list = codec::find_key(parameters, field);
    if (list == nullptr) return {};
    if (!list->is_array()) return wrong(plugin, field, "must be a list");
    for (const Json& entry : *list) RETURN_IF_ERROR(read(plugin, entry, scrape));
    return {};
  };
  RETURN_IF_ERROR(each("engineConfigs", read_engine));
  return each("customMetrics", read_custom_metric);
}

}  // namespace

Result<DirectorOptions> director_options(const PickerConfig& config) {
  DirectorOptions options;
  ASSIGN_OR_RETURN(options.saturation, routing::saturation_options(config));
  if (config.flow_control.enabled) {
    ASSIGN_OR_RETURN(options.flow_control, routing::flow_control_options(config));
    if (config.flow_control.enable_eviction) options.eviction.emplace();
  }
  if (const PluginSpec* admitter = config.find_of_type("probabilistic-admitter")) {
    ASSIGN_OR_RETURN(options.admitter, routing::probabilistic_admitter_options(*admitter));
  }
  if (const PluginSpec* identity = config.find_of_type("agent-identity")) {
    RETURN_IF_ERROR(read_agent_identity(*identity, options));
  }
  if (const PluginSpec* verifier = config.find_of_type("destination-endpoint-served-verifier")) {
    RETURN_IF_ERROR(refuse_unknown(*verifier, verifier->parameters, {}));
    options.report_served = true;
  }
  read_parsers(config, options);
  options.disaggregated = config.find_of_type("disagg-profile-handler") != nullptr;
  const PluginSpec* source = config.find_of_type("metrics-data-source");
  options.scrape.enabled = config.data_layer.inject_defaults || source != nullptr;
  if (source != nullptr) RETURN_IF_ERROR(read_source(*source, options.scrape));
  if (const PluginSpec* extractor = config.find_of_type("core-metrics-extractor")) {
    RETURN_IF_ERROR(read_extractor(*extractor, options.scrape));
  }
  return options;
}

}  // namespace rage::picker
