// Base64 as Secrets hold it (RFC 4648, section 4).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace rage::node::detail {

// Line breaks are skipped; none if anything else is wrong.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace rage::node::detail
