// Names made of a user's name and our suffix stay within what a DNS label allows.
#pragma once

#include <string>
#include <string_view>

namespace rage::op::detail {

// At most 63 bytes: a prefix that is too long is cut, and a hash of it keeps the name unique.
std::string bounded_name(std::string_view prefix, std::string_view suffix);

// Five letters and digits that stand for `text`, as generateName would make them up.
std::string short_hash(std::string_view text);

}  // namespace rage::op::detail
