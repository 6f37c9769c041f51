// Text forms of time in the Gateway API and in Kubernetes' metadata.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace rage::gatewayapi {

// GEP-2257: one to four parts of one to five digits and h, m, s or ms: "1h30m", "500ms", "0s".
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

// RFC 3339, in whole seconds since the epoch: "2024-05-01T08:00:00Z", "...T08:00:00.5+02:00".
std::optional<std::int64_t> parse_timestamp(std::string_view text);

}  // namespace rage::gatewayapi
