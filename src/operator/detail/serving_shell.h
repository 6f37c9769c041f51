// Text in command lines of /bin/sh, and commands that say the same in another order.
#pragma once

#include <string>
#include <string_view>

#include "codec/json.h"

namespace rage::op::detail {

using codec::Json;

// One word of /bin/sh, whatever `text` holds: single-quoted unless it is plain.
std::string shell_word(std::string_view text);

// ["/bin/sh", "-c", script]
Json shell_command(std::string script);

// Both are argv lists. The same words, where neighbouring flags ("--...") may be in any order and
// the case of a model's id does not count: upstream writes its flags in random order and ids in
// lower case.
bool same_command(const Json& left, const Json& right);

}  // namespace rage::op::detail
