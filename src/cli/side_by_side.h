// Two texts in two columns, for a terminal; one above the other where it is too narrow.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "codec/json.h"

namespace rage::cli {

// Lines of at most `width` columns, broken at spaces where possible. A code point counts as one
// column.
std::vector<std::string> wrap(std::string_view text, std::size_t width);

std::string side_by_side(std::string_view left_title, std::string_view left,
                         std::string_view right_title, std::string_view right,
                         std::size_t columns = 100);

// "Sources\n  [1] title  url" of a chat completion's grounding; empty if it cites nothing.
std::string render_sources(const codec::Json& completion);

}  // namespace rage::cli
