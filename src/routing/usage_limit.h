// Up to which saturation of the pool a band of requests may be dispatched (llm-d router,
// usage limit policies). Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/error.h"

namespace rage::routing {

enum class UsageLimitPolicy {
  kStatic,            // One ceiling for all.
  kPriorityHoldback,  // From `ceiling_max` for the highest band down to `ceiling_min`.
  kSoftReflective,    // Band i of n has 1 - i * saturation / (n - 1).
};

// What the ceilings between the two ends are proportional to.
enum class HoldbackDomain { kRank, kValue };

// Value.
struct UsageLimitOptions {
  UsageLimitPolicy policy = UsageLimitPolicy::kStatic;
  double threshold = 1.0;  // kStatic.
  HoldbackDomain domain = HoldbackDomain::kRank;
  double ceiling_min = 0;  // kPriorityHoldback.
  double ceiling_max = 1.0;

  Result<void> validate() const;  // kInvalidArgument.
  bool operator==(const UsageLimitOptions&) const = default;
};

// A band is closed when the saturation is at its ceiling or above. `priorities` are those of all
// bands, the highest first; `index` is the band's place there.
double ceiling(const UsageLimitOptions& options, std::span<const std::int32_t> priorities,
               std::size_t index, double saturation);

// A soft ceiling that was reached lets one in so many calls pass; 0: none.
std::uint64_t soft_ceiling_period(double saturation);

}  // namespace rage::routing
