// Who waits, who goes next and who is refused when the pool is saturated: fair queues per flow in
// priority bands (llm-d router). Pure: time and saturation come in as values.
//
// The highest band with something waiting is served first, and it alone: while it is closed by its
// ceiling, nothing of a lower band passes, be there room or not (head of line across bands).
// Nothing here has a timer: call dispatch() after each enqueue(), each end of a request and each
// new measurement, until it returns none; call expire() at next_expiry().
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "routing/flow_options.h"

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
  SteadyTime arrived_at = {};
  // The client's wish, above 0: it shortens the band's TTL, and sets one if the band has none.
  std::optional<std::chrono::milliseconds> ttl = {};
  std::optional<SteadyTime> slo_deadline = {};  // For edf and slo-deadline ordering.
};

enum class FlowOutcome {
  kDispatched,
  kRejectedCapacity,     // 429 rejected-saturated
  kRejectedNoEndpoints,  // 503 rejected-no-endpoints: no capacity, and no endpoint either.
  kEvictedTtl,           // 429 rejected-ttl-expired; 503 when the pool is empty
  kEvictedCancelled,     // 503 rejected-context-cancelled
  kShuttingDown,         // 503 rejected-shutting-down
};

struct FlowDecision {
  std::uint64_t id = 0;
  FlowOutcome outcome = FlowOutcome::kDispatched;
  std::chrono::milliseconds waited{0};
  std::optional<std::chrono::seconds> retry_after = {};  // With every refusal.
  bool operator==(const FlowDecision&) const = default;
};

// What the dispatcher knows when it decides.
struct PoolState {
  double saturation = 0;  // >= 1: full.
  bool has_endpoints = true;
};

// For metrics and for evictions; the highest priority first.
struct BandStatus {
  std::int32_t priority = 0;
  std::uint64_t requests = 0;  // Waiting.
  std::uint64_t bytes = 0;
  std::uint64_t requests_max = 0;  // 0: no limit.
  std::uint64_t bytes_max = 0;
  std::uint64_t idle_flows = 0;  // Remembered, with nothing waiting.
  bool operator==(const BandStatus&) const = default;
};

// One flow that has something waiting.
struct FlowStatus {
  FlowKey flow;
  std::uint64_t requests = 0;
  std::uint64_t bytes = 0;
  bool operator==(const FlowStatus&) const = default;
};

// Value-like resource. One thread (the caller locks).
class FlowController {
 public:
  virtual ~FlowController() = default;
  // A refusal at once, or none: it waits now.
  virtual std::optional<FlowDecision> enqueue(QueuedRequest request, const PoolState& pool,
                                              SteadyTime now) = 0;
  // The next to be dispatched, if the ceilings allow one. Call again after accounting for it.
  // Does not look at time: call expire() first.
  virtual std::optional<FlowDecision> dispatch(const PoolState& pool, SteadyTime now) = 0;
  // Those whose time is over. It runs from their arrival or, if later, from when the pool became
  // empty or stopped being so.
  virtual std::vector<FlowDecision> expire(const PoolState& pool, SteadyTime now) = 0;
  virtual std::optional<FlowDecision> cancel(std::uint64_t id, SteadyTime now) = 0;
  virtual std::vector<FlowDecision> drain(SteadyTime now) = 0;  // All: kShuttingDown.
  // When expire() has something to do next; none: nothing waits with an end.
  virtual std::optional<SteadyTime> next_expiry() const = 0;
  virtual std::uint64_t waiting_requests() const = 0;
  virtual std::uint64_t waiting_bytes() const = 0;

  // What a flow was given, for program-aware fairness; output tokens count twice. To be told in
  // parts: input when it is dispatched, output as it comes or at the end.
  virtual void add_service(const FlowKey& /*flow*/, std::uint64_t /*input_tokens*/,
                           std::uint64_t /*output_tokens*/, SteadyTime /*now*/) {}
  virtual std::vector<BandStatus> bands() const { return {}; }
  virtual std::vector<FlowStatus> flows() const { return {}; }  // In no particular order.
};

// `options` must be valid. Logarithmic in what waits, but for the change between an empty pool and
// one that is not, which gives each request a new deadline.
std::unique_ptr<FlowController> make_flow_controller(FlowControlOptions options);

}  // namespace rage::routing
