// When tests take place.
#pragma once

#include <chrono>

#include "base/clock.h"

namespace rage::routing {

inline constexpr SteadyTime kNow = SteadyTime(std::chrono::hours(1000));

}  // namespace rage::routing
