// How requests wait when the pool is saturated: bands of priority, fairness between flows, order
// within a flow, ceilings and limits (llm-d router, flowControl of EndpointPickerConfig).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "routing/usage_limit.h"

namespace rage::routing {

// Which flow of a band is served next.
enum class FairnessPolicy {
  kGlobalStrict,  // Flows do not matter: the band is one queue.
  kRoundRobin,    // Each flow in turn. One that becomes active joins at the end.
  kProgramAware,  // Least attained service first; see FlowController::add_service().
};

// Which request of a flow is served next. Ties: the one that arrived, then was queued, first.
enum class OrderingPolicy {
  kFcfs,
  kEdf,          // The earlier of the end of its TTL and its SLO; without either it is last.
  kSloDeadline,  // Its SLO; without one it is last.
};

inline constexpr std::chrono::hours kTtlMax{24 * 365};

// Value. A band is all that waits with one priority.
struct BandOptions {
  std::uint64_t bytes_max = 1'000'000'000;  // Of request bodies; 0: no limit.
  std::uint64_t requests_max = 5000;        // 0: no limit.
  FairnessPolicy fairness = FairnessPolicy::kGlobalStrict;
  OrderingPolicy ordering = OrderingPolicy::kFcfs;
  // None: FlowControlOptions::request_ttl. 0: requests wait without end.
  std::optional<std::chrono::milliseconds> request_ttl = {};
  bool operator==(const BandOptions&) const = default;
};

// Value.
struct FlowControlOptions {
  std::uint64_t bytes_max = 0;  // Over all bands; 0: no limit.
  std::uint64_t requests_max = 0;
  std::chrono::milliseconds request_ttl{std::chrono::seconds(60)};  // 0: no end.
  // While the pool has no endpoint. None: as if it had; 0: no end.
  std::optional<std::chrono::milliseconds> no_endpoint_ttl = {};
  std::map<std::int32_t, BandOptions> bands = {};         // By priority.
  BandOptions default_band = {};                          // For priorities that `bands` lacks.
  std::optional<BandOptions> default_negative_band = {};  // None: default_band.
  UsageLimitOptions usage_limit = {};

  // Bands made from a template go when nothing waited there so long.
  std::chrono::milliseconds idle_band_ttl{std::chrono::minutes(10)};
  std::size_t bands_max = 256;  // One more: its requests are refused.
  // Attained service of flows that have nothing waiting is remembered so long, for so many.
  std::chrono::milliseconds idle_flow_ttl{std::chrono::hours(1)};
  std::size_t idle_flows_max = 10'000;                                   // A band.
  std::chrono::milliseconds service_half_life{std::chrono::minutes(1)};  // At least a second.

  // Retry-After is what waits before the request, divided by the rate of dispatches of the last
  // ten seconds or so, within these bounds. Nothing was dispatched: the maximum.
  std::chrono::seconds retry_after_min{1};
  std::chrono::seconds retry_after_max{30};

  const BandOptions& band(std::int32_t priority) const;
  Result<void> validate() const;  // kInvalidArgument.
  bool operator==(const FlowControlOptions&) const = default;
};

// The header x-llm-d-inference-ttl, a duration as Go writes it ("1m30s", "500ms"), for
// QueuedRequest::ttl. None unless it is above 0.
std::optional<std::chrono::milliseconds> parse_request_ttl(std::string_view header);

}  // namespace rage::routing
