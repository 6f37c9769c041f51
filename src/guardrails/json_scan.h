// The JSON objects in a text. Pure.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace rage::guardrails {

// Every outermost {...} whose braces balance, braces in quotes aside where that makes them balance.
// Linear but for text of many braces that never close.
std::vector<std::string_view> find_objects(std::string_view text);

// An object of JSON. `mended`: or what a careless writer makes of one: single quotes, names without
// quotes, commas too many or forgotten, comments, True, False and None.
enum class Leniency { kStrict, kMended };
bool is_object(std::string_view text, Leniency leniency);

}  // namespace rage::guardrails
