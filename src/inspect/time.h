// Times as the API server writes them, and ages as kubectl prints them.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace rage::inspect {

// "2026-01-31T08:15:00Z", with a fraction, too; none for anything else.
std::optional<WallTime> parse_time(std::string_view text);

// "5s", "3m10s", "47m", "5h2m", "31h", "4d3h", "200d": two digits of what matters.
std::string human_duration(std::chrono::seconds duration);

// How long ago that was; "<unknown>" if `text` is no time.
std::string age_of(std::string_view text, WallTime now);

}  // namespace rage::inspect
