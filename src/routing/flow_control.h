// Who waits, who goes next and who is refused when the pool is saturated: fair queues per flow in
// priority bands (spec of llm-d's router, section 11). Pure: time and saturation come in as values.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"

namespace rage::routing {

struct FlowKey {
  std::string fairness_id = "default-flow";
  std::int32_t priority = 0;
  auto operator<=>(const FlowKey&) const = default;
};

struct QueuedRequest {
  std::uint64_t id = 0;  // The caller's; unique among those in the queue.
  FlowKey flow;
  std::uint64_t bytes = 0;
  SteadyTime arrived_at;
  std::optional<std::chrono::milliseconds> ttl = {};  // None: the band's default.
  std::optional<SteadyTime> slo_deadline = {};        // For edf and slo-deadline ordering.
};

enum class FlowOutcome {
  kDispatched,
  kRejectedCapacity,     // 429 rejected-saturated
  kRejectedNoEndpoints,  // 503 rejected-no-endpoints
  kEvictedTtl,           // 429 rejected-ttl-expired; 503 when the pool is empty
  kEvictedCancelled,     // 503 rejected-context-cancelled
  kShuttingDown,         // 503 rejected-shutting-down
};

struct FlowDecision {
  std::uint64_t id = 0;
  FlowOutcome outcome = FlowOutcome::kDispatched;
  std::chrono::milliseconds waited{0};
  std::optional<std::chrono::seconds> retry_after = {};  // With every refusal.
};

// What the dispatcher knows when it decides.
struct PoolState {
  double saturation = 0;  // >= 1: full.
  bool has_endpoints = true;
};

// Value-like resource. One thread (the caller locks).
class FlowController {
 public:
  virtual ~FlowController() = default;
  // A refusal at once, or none: it waits now.
  virtual std::optional<FlowDecision> enqueue(QueuedRequest request, const PoolState& pool,
                                              SteadyTime now) = 0;
  // The next to be dispatched, if the ceilings allow one. Call again after accounting for it.
  virtual std::optional<FlowDecision> dispatch(const PoolState& pool, SteadyTime now) = 0;
  // Those whose time is over.
  virtual std::vector<FlowDecision> expire(const PoolState& pool, SteadyTime now) = 0;
  virtual std::optional<FlowDecision> cancel(std::uint64_t id, SteadyTime now) = 0;
  virtual std::vector<FlowDecision> drain(SteadyTime now) = 0;  // All: kShuttingDown.
  // When expire() has something to do next; none: nothing waits.
  virtual std::optional<SteadyTime> next_expiry() const = 0;
  virtual std::uint64_t waiting_requests() const = 0;
  virtual std::uint64_t waiting_bytes() const = 0;
};

}  // namespace rage::routing
