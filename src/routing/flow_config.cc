#include "routing/flow_config.h"

#include <cmath>
#include <string>
#include <utility>

#include "base/check.h"
#include "routing/detail/parameter_reader.h"

namespace rage::routing {
namespace {

using detail::ParameterReader;

ParameterReader flow_parameters_of(const PluginSpec& plugin) {
  return ParameterReader(plugin.parameters, "plugin " + plugin.name);
}

std::unexpected<Error> wrong_kind(std::string_view what, const PluginSpec& plugin) {
  return fail(ErrorCode::kInvalidArgument, "flowControl: {} is no {}", plugin.type, what);
}

// References were checked when the file was parsed.
const PluginSpec& plugin_of(const PickerConfig& config, const std::string& name) {
  const PluginSpec* plugin = config.find(name);
  CHECK(plugin != nullptr);
  return *plugin;
}

std::uint64_t positive(ParameterReader& parameters, std::string_view key, std::int64_t fallback,
                       std::int64_t max) {
  const std::int64_t value = parameters.integer(key, fallback);
  if (value >= 1 && value <= max) return static_cast<std::uint64_t>(value);
  parameters.refuse(key, "must be positive");
  return 1;
}

std::chrono::milliseconds seconds(double value) {
  return std::chrono::milliseconds(std::llround(value * 1000));
}

// The half-life and the memory of program-aware-fairness hold for all bands that use it.
Result<FairnessPolicy> fairness_policy(const PluginSpec& plugin, FlowControlOptions& options) {
  ParameterReader parameters = flow_parameters_of(plugin);
  FairnessPolicy policy = FairnessPolicy::kGlobalStrict;
  if (plugin.type == "round-robin-fairness-policy") {
    policy = FairnessPolicy::kRoundRobin;
  } else if (plugin.type == "program-aware-fairness") {
    const std::string strategy = parameters.one_of("strategy", {"las", "rr", "drr"});
    policy = strategy == "rr" ? FairnessPolicy::kRoundRobin : FairnessPolicy::kProgramAware;
    constexpr double kYear = 365 * 86'400.0;
    options.service_half_life =
        seconds(parameters.number("serviceHalfLifeSeconds", 60, {.min = 1, .max = kYear}));
    options.idle_flow_ttl =
        seconds(parameters.number("evictionTtlSeconds", 3600, {.min = 0, .max = kYear}));
    // Flows are forgotten when their time comes; there is no sweep to be timed.
    parameters.number("evictionSweepSeconds", 300, {.min = 0});
    if (parameters.number("weightService", 0.8) != 0.8 ||
        parameters.number("weightServiceHeadWait", 0.2) != 0.2) {
      parameters.refuse("weightService", "only the weights 0.8 and 0.2 are supported");
    }
    if (strategy == "drr") parameters.refuse("strategy", "drr is not supported");
  } else if (plugin.type != "global-strict-fairness-policy") {
    return wrong_kind("fairness policy", plugin);
  }
  RETURN_IF_ERROR(parameters.finish());
  return policy;
}

Result<OrderingPolicy> ordering_policy(const PluginSpec& plugin) {
  RETURN_IF_ERROR(flow_parameters_of(plugin).finish());
  if (plugin.type == "fcfs-ordering-policy") return OrderingPolicy::kFcfs;
  if (plugin.type == "edf-ordering-policy") return OrderingPolicy::kEdf;
  if (plugin.type == "slo-deadline-ordering-policy") return OrderingPolicy::kSloDeadline;
  return wrong_kind("ordering policy", plugin);
}

Result<UsageLimitOptions> usage_limit(const PluginSpec& plugin) {
  ParameterReader parameters = flow_parameters_of(plugin);
  UsageLimitOptions limit;
  if (plugin.type == "static-usage-limit-policy") {
    limit.threshold = parameters.number("threshold", 1.0, {.min = 0});
  } else if (plugin.type == "priority-holdback-policy") {
    limit.policy = UsageLimitPolicy::kPriorityHoldback;
    parameters.one_of("shape", {"linear"});
    const bool by_rank = parameters.one_of("domain", {"rank", "value"}) == "rank";
    limit.domain = by_rank ? HoldbackDomain::kRank : HoldbackDomain::kValue;
    if (!parameters.has("minCeiling")) parameters.refuse("minCeiling", "is required");
    limit.ceiling_min = parameters.number("minCeiling", 0, {.min = 0, .max = 1});
    limit.ceiling_max = parameters.number("maxCeiling", 1, {.min = 0, .max = 1});
  } else if (plugin.type == "soft-reflective-ceiling-policy") {
    limit.policy = UsageLimitPolicy::kSoftReflective;
  } else {
    return wrong_kind("usage limit policy", plugin);
  }
  RETURN_IF_ERROR(parameters.finish());
  RETURN_IF_ERROR(limit.validate());
  return limit;
}

Result<BandOptions> band_options(const PriorityBandSpec& spec, const PickerConfig& config,
                                 FlowControlOptions& options) {
  BandOptions band;
  band.bytes_max = spec.bytes_max.value_or(band.bytes_max);
  band.requests_max = spec.requests_max.value_or(band.requests_max);
  band.request_ttl = spec.default_request_ttl;
  if (!spec.fairness_policy.empty()) {
    ASSIGN_OR_RETURN(band.fairness,
                     fairness_policy(plugin_of(config, spec.fairness_policy), options));
  }
  if (!spec.ordering_policy.empty()) {
    ASSIGN_OR_RETURN(band.ordering, ordering_policy(plugin_of(config, spec.ordering_policy)));
  }
  return band;
}

}  // namespace

Result<FlowControlOptions> flow_control_options(const PickerConfig& config) {
  const FlowControlSpec& spec = config.flow_control;
  FlowControlOptions options;
  options.bytes_max = spec.bytes_max.value_or(0);
  options.requests_max = spec.requests_max.value_or(0);
  options.request_ttl = spec.default_request_ttl.value_or(options.request_ttl);
  options.no_endpoint_ttl = spec.no_endpoint_request_ttl;
  if (spec.default_band) {
    ASSIGN_OR_RETURN(options.default_band, band_options(*spec.default_band, config, options));
  }
  if (spec.default_negative_band) {
    ASSIGN_OR_RETURN(options.default_negative_band,
                     band_options(*spec.default_negative_band, config, options));
  }
  for (const PriorityBandSpec& band : spec.bands) {
    ASSIGN_OR_RETURN(options.bands[band.priority], band_options(band, config, options));
  }
  if (!spec.usage_limit_policy.empty()) {
    ASSIGN_OR_RETURN(options.usage_limit, usage_limit(plugin_of(config, spec.usage_limit_policy)));
  }
  RETURN_IF_ERROR(options.validate());
  return options;
}

Result<SaturationOptions> saturation_options(const PickerConfig& config) {
  const std::string& name = config.flow_control.saturation_detector;
  if (name.empty()) return SaturationOptions(UtilizationOptions{});
  return saturation_options(plugin_of(config, name));
}

Result<SaturationOptions> saturation_options(const PluginSpec& detector) {
  ParameterReader parameters = flow_parameters_of(detector);
  SaturationOptions options;
  if (detector.type == "utilization-detector") {
    UtilizationOptions utilization;
    utilization.queue_depth_threshold = parameters.number("queueDepthThreshold", 5, {.min = 0});
    utilization.kv_usage_threshold =
        parameters.number("kvCacheUtilThreshold", 0.8, {.min = 0, .max = 1});
    utilization.stale_after =
        parameters.duration("metricsStalenessThreshold").value_or(utilization.stale_after);
    utilization.headroom = parameters.number("headroom", 0, {.min = 0});
    const std::string stale =
        parameters.one_of("stalenessPolicy", {"saturated", "lastKnown", "ignore"});
    utilization.stale = stale == "saturated"   ? StalePolicy::kSaturated
                        : stale == "lastKnown" ? StalePolicy::kLastKnown
                                               : StalePolicy::kIgnore;
    options = utilization;
  } else if (detector.type == "concurrency-detector") {
    ConcurrencyOptions concurrency;
    const std::string mode = parameters.one_of(parameters.has("mode") ? "mode" : "concurrencyMode",
                                               {"requests", "tokens", "hybrid"});
    concurrency.mode = mode == "requests" ? ConcurrencyMode::kRequests
                       : mode == "tokens" ? ConcurrencyMode::kTokens
                                          : ConcurrencyMode::kHybrid;
    concurrency.requests_max =
        static_cast<std::uint32_t>(positive(parameters, "maxConcurrency", 100, UINT32_MAX));
    concurrency.tokens_max =
        positive(parameters, "maxTokenConcurrency", 1'000'000, std::int64_t{1} << 53);
    concurrency.headroom = parameters.number("headroom", 0, {.min = 0});
    parameters.flag("failOpen", true);            // For the filter of that name.
    parameters.text("inFlightLoadProducerName");  // There is one.
    options = concurrency;
  } else {
    return wrong_kind("saturation detector", detector);
  }
  RETURN_IF_ERROR(parameters.finish());
  RETURN_IF_ERROR(validate(options));
  return options;
}

Result<ProbabilisticAdmitterOptions> probabilistic_admitter_options(const PluginSpec& admitter) {
  ParameterReader parameters = flow_parameters_of(admitter);
  ProbabilisticAdmitterOptions options;
  options.queue_depth_threshold = parameters.number("queueDepthThreshold", 5, {.min = 1e-9});
  options.kv_usage_threshold =
      parameters.number("kvCacheUtilThreshold", 0.8, {.min = 1e-9, .max = 1});
  options.power = parameters.number("power", 5, {.min = 0});
  options.k = parameters.number("k", 300, {.min = 0});
  RETURN_IF_ERROR(parameters.finish());
  return options;
}

}  // namespace rage::routing
