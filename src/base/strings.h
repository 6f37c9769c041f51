// Small string functions on ASCII; Unicode lives in the room `text`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rage {

std::string_view trim(std::string_view text);  // ASCII white space.
std::string to_lower_ascii(std::string_view text);
bool equals_ignoring_case(std::string_view a, std::string_view b);           // ASCII.
std::vector<std::string_view> split(std::string_view text, char separator);  // Keeps empty parts.
std::string join(const std::vector<std::string>& parts, std::string_view separator);
bool is_ascii_space(char c);
bool is_ascii_digit(char c);
bool is_ascii_alpha(char c);

// Whole text, no sign, no space: "42". None on anything else or on overflow.
std::optional<std::uint64_t> parse_uint(std::string_view text);
std::optional<double> parse_double(std::string_view text);

// Random UUID, version 4 (RFC 9562), lower case with dashes.
std::string random_uuid();

}  // namespace rage
