#include "routing/eviction.h"

#include <algorithm>
#include <tuple>

namespace rage::routing {
namespace {

// Its room is about to become visible.
bool under_way(const EvictionCandidate& request, const EvictionOptions& options, SteadyTime now) {
  if (!request.evicted_at) return false;
  if (request.ended_at) return now < *request.ended_at + options.grace;
  return now < *request.evicted_at + options.confirmation_timeout;
}

}  // namespace

std::vector<std::uint64_t> choose_evictions(std::span<const EvictionCandidate> in_flight,
                                            std::int32_t blocked_priority,
                                            std::uint64_t blocked_requests,
                                            const EvictionOptions& options, SteadyTime now) {
  std::vector<const EvictionCandidate*> victims;
  std::uint64_t pending = 0;
  for (const EvictionCandidate& request : in_flight) {
    if (under_way(request, options, now)) ++pending;
    const bool sheddable = request.priority < 0 && request.priority < blocked_priority;
    if (sheddable && !request.evicted_at && !request.ended_at) victims.push_back(&request);
  }
  if (pending >= blocked_requests) return {};
  const std::uint64_t wanted =
      std::min<std::uint64_t>(blocked_requests - pending, options.evictions_max);
  const auto count = static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(wanted, victims.size()));
  std::partial_sort(victims.begin(), victims.begin() + count, victims.end(),
                    [](const EvictionCandidate* a, const EvictionCandidate* b) {
                      return std::tuple(a->priority, b->dispatched_at, b->id) <
                             std::tuple(b->priority, a->dispatched_at, a->id);
                    });
  std::vector<std::uint64_t> ids;
  for (auto victim = victims.begin(); victim != victims.begin() + count; ++victim) {
    ids.push_back((*victim)->id);
  }
  return ids;
}

}  // namespace rage::routing
