// How full a pool is, and who is turned away for it (llm-d router, saturation detectors).
// Pure functions of endpoints. 0: idle, 1 and above: full.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string_view>
#include <variant>

#include "base/clock.h"
#include "base/error.h"
#include "routing/endpoint.h"

namespace rage::routing {

// What metrics that are too old, or never came, stand for.
enum class StalePolicy {
  kSaturated,  // 1: nothing is sent blindly.
  kLastKnown,  // What they said; 1 if they never came.
  kIgnore,     // The endpoint does not count; 1 if none is left.
};

// utilization-detector: the greater of both ratios, what the servers themselves report.
struct UtilizationOptions {
  double queue_depth_threshold = 5;
  double kv_usage_threshold = 0.8;
  std::chrono::milliseconds stale_after{200};
  StalePolicy stale = StalePolicy::kSaturated;
  double headroom = 0;  // Share above 1 that an endpoint may reach before filters drop it.
  bool operator==(const UtilizationOptions&) const = default;
};

enum class ConcurrencyMode { kRequests, kTokens, kHybrid };  // Hybrid: the greater of the two.

// concurrency-detector: what we have in flight there; needs no metrics and is never late.
struct ConcurrencyOptions {
  ConcurrencyMode mode = ConcurrencyMode::kRequests;
  std::uint32_t requests_max = 100;  // An endpoint.
  std::uint64_t tokens_max = 1'000'000;
  double headroom = 0;
  bool operator==(const ConcurrencyOptions&) const = default;
};

// Value.
using SaturationOptions = std::variant<UtilizationOptions, ConcurrencyOptions>;
Result<void> validate(const SaturationOptions& options);  // kInvalidArgument.

bool is_stale(const EndpointMetrics& metrics, std::chrono::milliseconds stale_after,
              SteadyTime now);

// Of one endpoint. Never NaN, never negative.
double utilization(const Endpoint& endpoint, const SaturationOptions& options, SteadyTime now);
// For filters: as full as the detector lets it become.
bool is_full(const Endpoint& endpoint, const SaturationOptions& options, SteadyTime now);

// Of a pool: the mean over its endpoints; 1 if there are none.
double saturation(std::span<const Endpoint> endpoints, const SaturationOptions& options,
                  SteadyTime now);

// The part an endpoint plays, by its label llm-d.ai/role; without the label it decodes.
enum class Stage { kDecode, kPrefill, kEncode };
std::string_view name_of(Stage stage);  // "decode", ...
bool serves(const Endpoint& endpoint, Stage stage);

// A pool whose stages run on different endpoints is as full as the fullest stage. Equals
// saturation() if there are no roles.
double staged_saturation(std::span<const Endpoint> endpoints, const SaturationOptions& options,
                         SteadyTime now);

// Without flow control: a full pool turns away what is sheddable (priority below 0).
bool admits_without_queue(std::int32_t priority, double saturation);

// probabilistic-admitter: turns sheddable requests away the more often the fuller the pool is.
struct ProbabilisticAdmitterOptions {
  double queue_depth_threshold = 5;
  double kv_usage_threshold = 0.8;
  double power = 5;
  double k = 300;
};
double rejection_probability(std::span<const Endpoint> endpoints,
                             const ProbabilisticAdmitterOptions& options);
// `random` is uniform in [0, 1).
bool admits(std::int32_t priority, std::span<const Endpoint> endpoints,
            const ProbabilisticAdmitterOptions& options, double random);

}  // namespace rage::routing
