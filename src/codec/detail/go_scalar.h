// How Go's encoders order keys and write numbers.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "codec/json.h"

namespace rage::codec::detail {

enum class KeyOrder { kBytes, kNatural };
std::vector<std::string> sorted_keys(const Json& object, KeyOrder order);

// Of the YAML encoder: letters after everything else, runs of digits by their value.
bool natural_less(std::string_view a, std::string_view b);

// The shortest text that reads back as `value`; an exponent only below 1e-6 and from 1e21 on.
std::string go_number(double value);

// Whether a reader of YAML 1.1 takes the plain text for a string.
bool reads_as_string(const std::string& text);

}  // namespace rage::codec::detail
