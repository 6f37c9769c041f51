// RFC 6750, section 2.1: the token of an Authorization header.
#pragma once

#include <optional>
#include <string_view>

namespace rage::net {

// Without the scheme, whose case does not matter, and the white space around it; borrows.
// None: another scheme, or nothing after it. It may still be empty: "Bearer  ". Pure.
std::optional<std::string_view> bearer_token(std::string_view authorization);

}  // namespace rage::net
