// RFC 9110, section 10.2.3: how long a server asks to be left alone.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "net/http.h"

namespace rage::net {

// None without the header, for a date, and for more than `seconds_max`: a back-off of one's own
// will do then. Pure.
std::optional<std::chrono::milliseconds> retry_after(const Headers& headers,
                                                     std::uint64_t seconds_max = 24 * 3600);

}  // namespace rage::net
