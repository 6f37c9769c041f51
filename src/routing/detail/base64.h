// Base64 of RFC 4648 with padding, as session tokens have it.
#pragma once

#include <string>
#include <string_view>

namespace rage::routing::detail {

std::string base64_encode(std::string_view bytes);

}  // namespace rage::routing::detail
