// Strings within JSON. Private to the room.
#pragma once

#include <string>
#include <string_view>

namespace rage::obs::detail {

// Without quotes. Control characters are escaped, bytes that are not UTF-8 become U+FFFD.
void append_escaped(std::string& out, std::string_view text);
void append_quoted(std::string& out, std::string_view text);

}  // namespace rage::obs::detail
