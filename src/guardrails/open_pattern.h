// What tells, at the end of a text that is still arriving, whether a match may have begun. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace rage::guardrails {

// What a decision about a match needs beyond the match itself.
enum class Lookahead { kNone, kOneCharacter };

// For a pattern of RE2, a pattern that matches at the end of a text wherever a match of `pattern`
// may have begun that more text could finish, lengthen or turn into another: the beginnings of
// its matches, and a little more. Before the leftmost of its matches everything is decided. None
// for what this reader does not know (\Q, \C, octal escapes, flags in the middle): such a pattern
// can only be looked for in a whole text.
std::optional<std::string> open_pattern(std::string_view pattern,
                                        Lookahead lookahead = Lookahead::kNone);

}  // namespace rage::guardrails
