#include "routing/saturation.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "base/check.h"

namespace rage::routing {
namespace {

constexpr std::string_view kRoleLabel = "llm-d.ai/role";

// What came over the wire may be anything; what is no number is taken for full.
double sound(double ratio) {
  return std::isfinite(ratio) ? std::max(ratio, 0.0) : 1.0;
}

double reported(const EndpointMetrics& metrics, double queue_threshold, double kv_threshold) {
  return std::max(sound(metrics.waiting / queue_threshold), sound(metrics.kv_usage / kv_threshold));
}

// None: the endpoint does not count.
std::optional<double> ratio(const Endpoint& endpoint, const UtilizationOptions& options,
                            SteadyTime now) {
  if (is_stale(endpoint.metrics, options.stale_after, now)) {
    switch (options.stale) {
      case StalePolicy::kSaturated:
        return 1.0;
      case StalePolicy::kIgnore:
        return std::nullopt;
      case StalePolicy::kLastKnown:
        if (!endpoint.metrics.updated_at) return 1.0;
        break;
    }
  }
  return reported(endpoint.metrics, options.queue_depth_threshold, options.kv_usage_threshold);
}

std::optional<double> ratio(const Endpoint& endpoint, const ConcurrencyOptions& options,
                            SteadyTime /*now*/) {
  const double requests = static_cast<double>(endpoint.in_flight.requests) / options.requests_max;
  const double tokens =
      static_cast<double>(endpoint.in_flight.tokens) / static_cast<double>(options.tokens_max);
  switch (options.mode) {
    case ConcurrencyMode::kRequests:
      return requests;
    case ConcurrencyMode::kTokens:
      return tokens;
    case ConcurrencyMode::kHybrid:
      return std::max(requests, tokens);
  }
  UNREACHABLE();
}

std::optional<double> ratio(const Endpoint& endpoint, const SaturationOptions& options,
                            SteadyTime now) {
  return std::visit([&](const auto& detector) { return ratio(endpoint, detector, now); }, options);
}

// Mean over what counts of `endpoints`; none if nothing does.
template <class Counts>
std::optional<double> mean(std::span<const Endpoint> endpoints, const SaturationOptions& options,
                           SteadyTime now, Counts counts) {
  double sum = 0;
  std::size_t count = 0;
  for (const Endpoint& endpoint : endpoints) {
    if (!counts(endpoint)) continue;
    const std::optional<double> one = ratio(endpoint, options, now);
    if (!one) continue;
    sum += *one;
    ++count;
  }
  if (count == 0) return std::nullopt;
  return sum / static_cast<double>(count);
}

std::string_view role_of(const Endpoint& endpoint) {
  const auto label = endpoint.labels.find(kRoleLabel);
  return label == endpoint.labels.end() ? std::string_view() : std::string_view(label->second);
}

}  // namespace

Result<void> validate(const SaturationOptions& options) {
  const auto positive = [](double value) { return value > 0 && std::isfinite(value); };
  const auto* utilization = std::get_if<UtilizationOptions>(&options);
  const auto* concurrency = std::get_if<ConcurrencyOptions>(&options);
  const double headroom = utilization != nullptr ? utilization->headroom : concurrency->headroom;
  bool sound = headroom >= 0 && std::isfinite(headroom);
  if (utilization != nullptr) {
    sound = sound && positive(utilization->queue_depth_threshold) &&
            positive(utilization->kv_usage_threshold) && utilization->kv_usage_threshold <= 1 &&
            utilization->stale_after.count() > 0;
  } else {
    sound = sound && concurrency->requests_max > 0 && concurrency->tokens_max > 0;
  }
  if (sound) return {};
  return fail(ErrorCode::kInvalidArgument, "saturation detector: a limit is out of range");
}

bool is_stale(const EndpointMetrics& metrics, std::chrono::milliseconds stale_after,
              SteadyTime now) {
  return !metrics.updated_at || now - *metrics.updated_at > stale_after;
}

double utilization(const Endpoint& endpoint, const SaturationOptions& options, SteadyTime now) {
  return ratio(endpoint, options, now).value_or(1);
}

bool is_full(const Endpoint& endpoint, const SaturationOptions& options, SteadyTime now) {
  const double headroom =
      std::visit([](const auto& detector) { return detector.headroom; }, options);
  return utilization(endpoint, options, now) >= 1 + headroom;
}

double saturation(std::span<const Endpoint> endpoints, const SaturationOptions& options,
                  SteadyTime now) {
  return mean(endpoints, options, now, [](const Endpoint&) { return true; }).value_or(1);
}

std::string_view name_of(Stage stage) {
  switch (stage) {
    case Stage::kDecode:
      return "decode";
    case Stage::kPrefill:
      return "prefill";
    case Stage::kEncode:
      return "encode";
  }
  UNREACHABLE();
}

bool serves(const Endpoint& endpoint, Stage stage) {
  const std::string_view role = role_of(endpoint);
  const bool all = role == "encode-prefill-decode";
  const bool both = role == "both" || role == "prefill-decode";
  switch (stage) {
    case Stage::kDecode:
      return all || both || role == "decode" || !endpoint.labels.contains(kRoleLabel);
    case Stage::kPrefill:
      return all || both || role == "prefill" || role == "encode-prefill";
    case Stage::kEncode:
      return all || role == "encode" || role == "encode-prefill";
  }
  UNREACHABLE();
}

double staged_saturation(std::span<const Endpoint> endpoints, const SaturationOptions& options,
                         SteadyTime now) {
  constexpr std::array kStages = {Stage::kDecode, Stage::kPrefill, Stage::kEncode};
  std::optional<double> fullest;
  for (const Stage stage : kStages) {
    const auto in_stage = [stage](const Endpoint& endpoint) { return serves(endpoint, stage); };
    if (std::none_of(endpoints.begin(), endpoints.end(), in_stage)) continue;
    const double full = mean(endpoints, options, now, in_stage).value_or(1);
    fullest = std::max(full, fullest.value_or(0));
  }
  // Roles that we do not know make no stage.
  return fullest ? *fullest : saturation(endpoints, options, now);
}

bool admits_without_queue(std::int32_t priority, double saturation) {
  return priority >= 0 || saturation < 1;
}

double rejection_probability(std::span<const Endpoint> endpoints,
                             const ProbabilisticAdmitterOptions& options) {
  if (endpoints.empty()) return 0;
  double sum = 0;
  for (const Endpoint& endpoint : endpoints) {
    sum += endpoint.metrics.updated_at ? reported(endpoint.metrics, options.queue_depth_threshold,
                                                  options.kv_usage_threshold)
                                       : 1.0;
  }
  const double full = sum / static_cast<double>(endpoints.size());
  return std::min(std::pow(full, options.power) * options.k, 1.0);
}

bool admits(std::int32_t priority, std::span<const Endpoint> endpoints,
            const ProbabilisticAdmitterOptions& options, double random) {
  return priority >= 0 || random >= rejection_probability(endpoints, options);
}

}  // namespace rage::routing
