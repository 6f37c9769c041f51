// Durations as Go writes and meta/v1 Duration reads them: "4h", "1h30m", "250ms".
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace rage::apis::detail {

// Whole seconds, rounded towards zero. None: not a duration, or beyond about 290 years.
std::optional<std::chrono::seconds> parse_go_duration(std::string_view text);

}  // namespace rage::apis::detail
