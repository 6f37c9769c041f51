// Filters by what an endpoint has to do.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "routing/detail/plugins.h"

namespace rage::routing::detail {
namespace {

enum class Metric { kActiveRequests, kRunningRequests, kWaitingQueue, kKvCacheUtilization };

double value_of(Metric metric, const Endpoint& endpoint) {
  switch (metric) {
    case Metric::kActiveRequests:
      return endpoint.in_flight.requests;
    case Metric::kRunningRequests:
      return endpoint.metrics.running;
    case Metric::kWaitingQueue:
      return endpoint.metrics.waiting;
    case Metric::kKvCacheUtilization:
      return endpoint.metrics.kv_usage;
  }
  return 0;
}

struct Condition {
  Metric metric;
  double max;
};

Condition read_condition(ParameterReader& reader) {
  const std::string metric = reader.one_of(
      "metric", {"active-requests", "running-requests", "waiting-queue", "kv-cache-utilization"});
  if (!reader.has("metric")) reader.refuse("metric", "is missing");
  if (!reader.has("maxValue")) reader.refuse("maxValue", "is missing");
  return {.metric = metric == "active-requests"    ? Metric::kActiveRequests
                    : metric == "running-requests" ? Metric::kRunningRequests
                    : metric == "waiting-queue"    ? Metric::kWaitingQueue
                                                   : Metric::kKvCacheUtilization,
          .max = reader.number("maxValue", 0)};
}

// A filter of either kind, as `fallbackOnEmpty` says.
template <class F>
Plugin filter_with_fallback(bool fallback, F keep) {
  return {.filter = fallback ? prefer_if(std::move(keep)) : keep_if(std::move(keep))};
}

bool compare(double value, std::string_view op, double with) {
  if (op == "LessThan") return value < with;
  if (op == "LessThanOrEqual") return value <= with;
  if (op == "GreaterThan") return value > with;
  if (op == "GreaterThanOrEqual") return value >= with;
  if (op == "Equal") return value == with;
  return value != with;
}

struct Affinity {
  double threshold;
  double exploration;
  double penalty_ms_max;  // 0: stick always.
  double tokens_per_second;
};

double prefill_ms(const Affinity& affinity, const Endpoint& endpoint) {
  return static_cast<double>(endpoint.in_flight.tokens) / affinity.tokens_per_second * 1000;
}

void stick(const Affinity& affinity, Cycle& cycle, Candidates& kept) {
  if (kept.size() <= 1) return;
  if (affinity.exploration > 0 && cycle.random.unit() < affinity.exploration) return;
  Candidates sticky;
  double sticky_ms = std::numeric_limits<double>::infinity();
  double other_ms = std::numeric_limits<double>::infinity();
  for (const std::uint32_t i : kept) {
    const bool sticks =
        cycle.prefix.blocks_total > 0 && cycle.matched_share(i) >= affinity.threshold;
    if (sticks) sticky.push_back(i);
    double& best = sticks ? sticky_ms : other_ms;
    best = std::min(best, prefill_ms(affinity, cycle.endpoints[i]));
  }
  if (sticky.empty()) return;
  // Waiting for the cache would cost more than doing without.
  if (affinity.penalty_ms_max > 0 && sticky_ms - other_ms > affinity.penalty_ms_max) return;
  kept = std::move(sticky);
}

}  // namespace

Plugin utilization_filter(ParameterReader& parameters) {
  std::vector<Condition> conditions;
  for (ParameterReader& item : parameters.children("conditions")) {
    conditions.push_back(read_condition(item));
  }
  if (conditions.empty()) parameters.refuse("conditions", "at least one is needed");
  return filter_with_fallback(
      parameters.flag("fallbackOnEmpty", false), [=](const Cycle&, const Endpoint& endpoint) {
        return std::ranges::all_of(conditions, [&](const Condition& condition) {
          return value_of(condition.metric, endpoint) <= condition.max;
        });
      });
}

Plugin endpoint_attribute_filter(ParameterReader& parameters) {
  const std::string attribute = parameters.text("attribute");
  if (attribute.empty()) parameters.refuse("attribute", "is missing");
  parameters.one_of("producer", {"core-metrics-extractor", ""});
  const bool keep_missing = parameters.one_of("onMissing", {"Pass", "Fail"}) == "Pass";
  ParameterReader algorithm = parameters.child("algorithm");
  const bool is_range = algorithm.one_of("type", {"threshold", "range"}) == "range";
  ParameterReader threshold = algorithm.child("threshold");
  const std::string op = threshold.one_of("operator", {"LessThan", "LessThanOrEqual", "GreaterThan",
                                                       "GreaterThanOrEqual", "Equal", "NotEqual"});
  const NumberLimits any{.min = std::numeric_limits<double>::lowest()};
  const double value = threshold.number("value", 0, any);
  if (!is_range && !(threshold.has("operator") && threshold.has("value"))) {
    algorithm.refuse("threshold", "needs operator and value");
  }
  ParameterReader range = algorithm.child("range");
  const double min = range.number("min", 0, any);
  const double max = range.number("max", 0, any);
  if (is_range && !(range.has("min") && range.has("max") && min <= max)) {
    algorithm.refuse("range", "needs min and max, in this order");
  }
  return filter_with_fallback(parameters.flag("fallbackOnEmpty", false),
                              [=](const Cycle&, const Endpoint& endpoint) {
                                const auto at = endpoint.metrics.custom.find(attribute);
                                if (at == endpoint.metrics.custom.end()) return keep_missing;
                                if (is_range) return min <= at->second && at->second <= max;
                                return compare(at->second, op, value);
                              });
}

Plugin prefix_cache_affinity_filter(ParameterReader& parameters) {
  const Affinity affinity{
      .threshold = parameters.number("affinityThreshold", 0.8, {.max = 1}),
      .exploration = parameters.number("explorationProbability", 0, {.max = 1}),
      .penalty_ms_max = parameters.number("maxTTFTPenaltyMs", 18000),
      .tokens_per_second = parameters.number("peakPrefillThroughput", 15928, {.min = 1}),
  };
  parameters.one_of("ttftSource", {"prefillThroughput"});
  parameters.text("prefixMatchInfoProducerName");
  parameters.text("inFlightLoadProducerName");
  return {.filter = [=](Cycle& cycle, Candidates& kept) { stick(affinity, cycle, kept); }};
}

// All saturated: none is better off than the others, so all stay.
Plugin utilization_detector_filter(ParameterReader& parameters) {
  const double queue = parameters.number("queueDepthThreshold", 5, {.min = 1e-9});
  const double kv = parameters.number("kvCacheUtilThreshold", 0.8, {.min = 1e-9});
  const double headroom = parameters.number("headroom", 0);
  const auto stale =
      parameters.duration("metricsStalenessThreshold").value_or(std::chrono::milliseconds(200));
  return {.filter = prefer_if([=](const Cycle& cycle, const Endpoint& endpoint) {
            const EndpointMetrics& metrics = endpoint.metrics;
            if (!metrics.updated_at || cycle.now - *metrics.updated_at > stale) return false;
            return std::max(metrics.waiting / queue, metrics.kv_usage / kv) < 1 + headroom;
          })};
}

Plugin concurrency_detector_filter(ParameterReader& parameters) {
  const std::string mode = parameters.one_of(parameters.has("mode") ? "mode" : "concurrencyMode",
                                             {"requests", "tokens", "hybrid"});
  const double requests = parameters.number("maxConcurrency", 100, {.min = 1});
  const double tokens = parameters.number("maxTokenConcurrency", 1e6, {.min = 1});
  const double limit = 1 + parameters.number("headroom", 0);
  return {.filter = prefer_if([=](const Cycle&, const Endpoint& endpoint) {
            const double busy = endpoint.in_flight.requests / requests;
            const double full = static_cast<double>(endpoint.in_flight.tokens) / tokens;
            return (mode == "tokens" || busy < limit) && (mode == "requests" || full < limit);
          })};
}

}  // namespace rage::routing::detail
