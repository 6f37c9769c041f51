#include "routing/usage_limit.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace rage::routing {
namespace {

bool is_share(double value) {
  return value >= 0 && value <= 1;  // False for NaN.
}

double holdback_ceiling(const UsageLimitOptions& options, std::span<const std::int32_t> priorities,
                        std::size_t index) {
  const double range = options.ceiling_max - options.ceiling_min;
  if (priorities.size() < 2) return options.ceiling_max;
  if (options.domain == HoldbackDomain::kRank) {
    const auto steps = static_cast<double>(priorities.size() - 1);
    return options.ceiling_max - static_cast<double>(index) * range / steps;
  }
  const double highest = priorities.front();
  const double lowest = priorities.back();
  if (highest <= lowest) return options.ceiling_max;
  return options.ceiling_min + (priorities[index] - lowest) / (highest - lowest) * range;
}

}  // namespace

Result<void> UsageLimitOptions::validate() const {
  if (!(threshold > 0)) {
    return fail(ErrorCode::kInvalidArgument, "usage limit: the threshold must be positive");
  }
  if (!is_share(ceiling_min) || !is_share(ceiling_max) || ceiling_min > ceiling_max) {
    return fail(ErrorCode::kInvalidArgument,
                "usage limit: need 0 <= minCeiling <= maxCeiling <= 1");
  }
  return {};
}

double ceiling(const UsageLimitOptions& options, std::span<const std::int32_t> priorities,
               std::size_t index, double saturation) {
  DCHECK(index < priorities.size());
  switch (options.policy) {
    case UsageLimitPolicy::kStatic:
      return options.threshold;
    case UsageLimitPolicy::kPriorityHoldback:
      return holdback_ceiling(options, priorities, index);
    case UsageLimitPolicy::kSoftReflective: {
      if (priorities.size() < 2) return 1;
      const double share = static_cast<double>(index) / static_cast<double>(priorities.size() - 1);
      return 1 - share * std::clamp(saturation, 0.0, 1.0);
    }
  }
  UNREACHABLE();
}

std::uint64_t soft_ceiling_period(double saturation) {
  if (!(saturation < 1)) return 0;
  const double period = std::round(std::max(saturation, 0.0) / (1 - saturation));
  return static_cast<std::uint64_t>(std::clamp(period, 1.0, 1e6));
}

}  // namespace rage::routing
