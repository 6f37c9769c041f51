// Query parameters without allocation, read as application/x-www-form-urlencoded.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace rage::gatewayapi::detail {

// The value, still encoded, of the first parameter of that name; `name` is not encoded. A parameter
// without '=' has the value "".
std::optional<std::string_view> find_first_parameter(std::string_view query, std::string_view name);

// Whether `encoded` decodes to `text`: '+' is a space, "%41" an 'A'; a bad escape stands for
// itself.
bool decodes_to(std::string_view encoded, std::string_view text);
std::string decode_parameter(std::string_view encoded);

}  // namespace rage::gatewayapi::detail
