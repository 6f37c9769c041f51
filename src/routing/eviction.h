// Which requests in flight make room for better ones (llm-d router, enableEviction). Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/clock.h"

namespace rage::routing {

// Value.
struct EvictionOptions {
  std::uint32_t evictions_max = 2;  // A decision.
  // What an eviction freed shows in the saturation so long after it was confirmed.
  std::chrono::milliseconds grace{500};
  // One that was not confirmed so long after it was asked for frees nothing any more.
  std::chrono::milliseconds confirmation_timeout{10'000};
};

// A request that was dispatched. The caller forgets it `grace` after it ended.
struct EvictionCandidate {
  std::uint64_t id = 0;
  std::int32_t priority = 0;
  SteadyTime dispatched_at = {};
  std::optional<SteadyTime> evicted_at = {};  // When we asked for its end.
  std::optional<SteadyTime> ended_at = {};
};

// Ids to evict, none that was asked before: only sheddable ones (priority below 0), of lower
// priority than what waits, the lowest priority and then the newest first. `blocked_priority` and
// `blocked_requests` are those of the band that its ceiling keeps waiting; evictions under way
// count against its requests.
std::vector<std::uint64_t> choose_evictions(std::span<const EvictionCandidate> in_flight,
                                            std::int32_t blocked_priority,
                                            std::uint64_t blocked_requests,
                                            const EvictionOptions& options, SteadyTime now);

}  // namespace rage::routing
