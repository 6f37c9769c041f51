// JSON values as YAML for people and for files under version control: block style, keys in the
// order they come, the same text for the same value. What it writes, parse_yaml() reads back.
#pragma once

#include <string>

#include "codec/json.h"

namespace rage::codec {

// Ends with a newline. Strings that YAML could take for something else are in double quotes; bytes
// that are not UTF-8 become U+FFFD.
std::string render_yaml(const Json& value);

}  // namespace rage::codec
