// Base64 (RFC 4648) of Kubernetes' Secrets.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace rage::gatewayapi::detail {

// None if it is not base64; line ends are skipped.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace rage::gatewayapi::detail
