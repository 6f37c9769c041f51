// When a target is scraped next. Pure.
#pragma once

#include <chrono>
#include <cstdint>

#include "base/clock.h"

namespace rage::net::detail {

// The first time after `now` of target number `ordinal`: targets of one interval are spread evenly
// over it, however many there will be (multiples of the golden ratio).
SteadyTime first_due(SteadyTime epoch, SteadyTime now, std::chrono::nanoseconds interval,
                     std::uint64_t ordinal);

// The next multiple after a scrape that was due at `due`; those missed meanwhile are left out.
SteadyTime next_due(SteadyTime due, SteadyTime now, std::chrono::nanoseconds interval);

// After `failures` (>= 1) in a row. `random` in [0, 1) makes it up to 25 % shorter or longer.
std::chrono::nanoseconds backoff_delay(std::chrono::nanoseconds interval, std::uint32_t failures,
                                       std::chrono::nanoseconds delay_max, double random);

}  // namespace rage::net::detail
