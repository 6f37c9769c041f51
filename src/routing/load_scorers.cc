// Scorers by what an endpoint has to do: what it reported, or what we have in flight there.
#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "routing/detail/plugins.h"

namespace rage::routing::detail {
namespace {

// The least loaded has 1, the most loaded 0; all have 1 when they are equal.
template <class F>
Plugin lowest_is_best(F value_of) {
  return {.score = [=](const Cycle& cycle, std::span<const std::uint32_t> candidates,
                       std::span<double> scores) {
    double min = std::numeric_limits<double>::infinity();
    double max = -min;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      scores[i] = value_of(cycle.endpoints[candidates[i]]);
      min = std::min(min, scores[i]);
      max = std::max(max, scores[i]);
    }
    for (double& score : scores) score = max > min ? (max - score) / (max - min) : 1;
  }};
}

struct Attribute {
  std::string key;
  bool lower_is_better;
  std::optional<std::pair<double, double>> range;  // None: that of the candidates.
};

void score_attribute(const Attribute& attribute, const Cycle& cycle,
                     std::span<const std::uint32_t> candidates, std::span<double> scores) {
  const auto value_of = [&](std::uint32_t i) -> std::optional<double> {
    const auto& custom = cycle.endpoints[i].metrics.custom;
    const auto at = custom.find(attribute.key);
    return at == custom.end() ? std::nullopt : std::optional(at->second);
  };
  double min = std::numeric_limits<double>::infinity();
  double max = -min;
  for (const std::uint32_t i : candidates) {
    const auto value = value_of(i);
    if (!value) continue;
    min = std::min(min, *value);
    max = std::max(max, *value);
  }
  if (attribute.range) std::tie(min, max) = *attribute.range;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const auto value = value_of(candidates[i]);
    if (!value) continue;  // Stays 0.
    const double share = max > min ? std::clamp((*value - min) / (max - min), 0.0, 1.0) : 1;
    scores[i] = max > min && attribute.lower_is_better ? 1 - share : share;
  }
}

}  // namespace

Plugin queue_scorer(ParameterReader&) {
  return lowest_is_best([](const Endpoint& endpoint) { return endpoint.metrics.waiting; });
}

Plugin running_requests_scorer(ParameterReader&) {
  return lowest_is_best([](const Endpoint& endpoint) { return endpoint.metrics.running; });
}

Plugin kv_cache_utilization_scorer(ParameterReader&) {
  return {.score = score_each([](const Cycle& cycle, std::uint32_t i) {
            return 1 - cycle.endpoints[i].metrics.kv_usage;
          })};
}

Plugin load_aware_scorer(ParameterReader& parameters) {
  const double threshold = parameters.number("threshold", 128, {.min = 1e-9});
  return {.score = score_each([=](const Cycle& cycle, std::uint32_t i) {
            const double waiting = std::max(0.0, cycle.endpoints[i].metrics.waiting);
            return 0.5 * (1 - std::min(waiting, threshold) / threshold);
          })};
}

Plugin active_request_scorer(ParameterReader& parameters) {
  const double idle = parameters.number("idleThreshold", 0);
  const double busy_max = parameters.number("maxBusyScore", 1, {.max = 1});
  parameters.duration("requestTimeout");  // Of old: requests are counted until they end.
  return {.score = [=](const Cycle& cycle, std::span<const std::uint32_t> candidates,
                       std::span<double> scores) {
    double max = 0;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      scores[i] = cycle.endpoints[candidates[i]].in_flight.requests;
      max = std::max(max, scores[i]);
    }
    for (double& score : scores) {
      score = score <= idle ? 1 : (max - score) / max * busy_max;
    }
  }};
}

Plugin token_load_scorer(ParameterReader& parameters) {
  const double threshold = parameters.number("queueThresholdTokens", 4194304, {.min = 1});
  return {.score = score_each([=](const Cycle& cycle, std::uint32_t i) {
            const auto waiting = static_cast<double>(cycle.endpoints[i].in_flight.tokens) +
                                 static_cast<double>(cycle.uncached_tokens(i));
            return 1 - std::min(waiting, threshold) / threshold;
          })};
}

Plugin endpoint_attribute_scorer(ParameterReader& parameters) {
  Attribute attribute{.key = parameters.text("attributeKey"), .lower_is_better = true, .range = {}};
  if (attribute.key.empty()) parameters.refuse("attributeKey", "is missing");
  ParameterReader algorithm = parameters.child("algorithm");
  attribute.lower_is_better =
      algorithm.one_of("type", {"linear_lower_is_better", "linear_higher_is_better"}) ==
      "linear_lower_is_better";
  ParameterReader normalization = algorithm.child("normalization");
  normalization.child("adaptiveRange");
  if (normalization.has("fixedRange")) {
    ParameterReader fixed = normalization.child("fixedRange");
    const NumberLimits any{.min = std::numeric_limits<double>::lowest()};
    attribute.range = {fixed.number("min", 0, any), fixed.number("max", 0, any)};
    if (attribute.range->first >= attribute.range->second) {
      fixed.refuse("min", "must be less than max");
    }
    if (normalization.has("adaptiveRange")) fixed.refuse("min", "one kind of range at a time");
  }
  return {.score = [=](const Cycle& cycle, std::span<const std::uint32_t> candidates,
                       std::span<double> scores) {
    score_attribute(attribute, cycle, candidates, scores);
  }};
}

}  // namespace rage::routing::detail
