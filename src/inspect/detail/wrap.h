// Text broken into lines for a terminal.
#pragma once

#include <string>
#include <string_view>

namespace rage::inspect::detail {

// Words in lines of at most `columns` bytes, each indented; ends with a newline. A longer word has
// a line of its own.
std::string wrapped(std::string_view text, std::size_t indent, std::size_t columns);

}  // namespace rage::inspect::detail
