// Text broken into lines for a terminal.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace rage::inspect::detail {

inline constexpr std::size_t kColumns = 100;  // Of what is written for a person.

// Words in lines of at most `columns` bytes, each indented; ends with a newline. A longer word has
// a line of its own.
std::string wrapped(std::string_view text, std::size_t indent, std::size_t columns);

}  // namespace rage::inspect::detail
