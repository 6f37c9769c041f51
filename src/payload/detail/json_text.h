// The lexical level of JSON, shared by what reads whole bodies and what reads them in pieces.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace rage::payload::detail {

// Containers open at once: the same limit wherever this room reads JSON.
constexpr int kDepthMax = 64;

constexpr bool is_json_space(char c) {
  return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

// Appends what stands between the quotes of a string, unescaped. A lone surrogate becomes U+FFFD:
// JSON.stringify() writes one where a program cut an emoji in two. Null `out`: checks only.
// False: an escape that JSON has not. Does not look for quotes, control characters or bad UTF-8.
bool append_unescaped(std::string_view raw, std::string* out);

// "-0.5e+7": a whole number as RFC 8259 writes it, of any size.
bool is_json_number(std::string_view token);

// With its quotes; bytes that are not UTF-8 become U+FFFD.
std::string quote_json(std::string_view text);

// How many bytes at the start of `bytes` are plain in a string: ASCII, no quote, no backslash, no
// control character.
std::size_t plain_prefix(std::string_view bytes);

// How many of the first bytes of `bytes` are decimal digits.
std::size_t digit_prefix(std::string_view bytes);

}  // namespace rage::payload::detail
