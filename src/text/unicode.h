// UTF-8 by hand where ICU would be slow or too much.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace rage::text {

inline constexpr char32_t kReplacement = 0xFFFD;

bool is_valid_utf8(std::string_view text);
// Invalid bytes become U+FFFD (one for each maximal subpart, Unicode 15 section 3.9).
std::string to_valid_utf8(std::string_view text);
// Decodes the code point at `at` and moves `at` past it; kReplacement for an invalid byte.
char32_t next_code_point(std::string_view text, std::size_t& at);
void append_utf8(std::string& out, char32_t code_point);
// The property White_Space of Unicode 15.
bool is_white_space(char32_t code_point);
std::size_t count_code_points(std::string_view text);
// The first `code_points_max` code points; the whole text if it has no more.
std::string_view take_code_points(std::string_view text, std::size_t code_points_max);

}  // namespace rage::text
