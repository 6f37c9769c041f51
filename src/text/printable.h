// Classes of characters as Python has them: what its repr() and its regular expressions go by.
#pragma once

namespace rage::text {

// Python's str.isprintable(): not a control, format, surrogate, private-use or unassigned code
// point, and no separator but the space.
bool is_printable(char32_t code_point);

// General category Cf, Co or Cn: formatting, private use, unassigned; what nobody sees.
bool is_invisible(char32_t code_point);
// A letter, a mark, a number or an underscore: what \w is in a regular expression of Unicode.
bool is_word_character(char32_t code_point);

}  // namespace rage::text
