#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

#include "base/strings.h"
#include "codec/detail/yaml_scalar.h"

namespace rage::codec::detail {
namespace {

// "no", "No" or "NO", but not "nO".
bool is_word(std::string_view text, std::string_view lower) {
  if (!equals_ignoring_case(text, lower)) return false;
  const auto is_lower = [](char c) { return c < 'A' || c > 'Z'; };
  const auto is_upper = [](char c) { return c < 'a' || c > 'z'; };
  const std::string_view tail = text.substr(std::min<std::size_t>(1, text.size()));
  return std::ranges::all_of(tail, is_lower) || std::ranges::all_of(text, is_upper);
}

template <std::size_t N>
bool is_one_of(std::string_view text, const std::array<std::string_view, N>& words) {
  return std::ranges::any_of(words, [&](std::string_view word) { return is_word(text, word); });
}

// "0x1f", "0o17", "017", "0b1", "42" with the sign taken off.
std::optional<std::uint64_t> magnitude(std::string_view digits) {
  int base = 10;
  if (digits.size() > 1 && digits.front() == '0') {
    const char mark = static_cast<char>(digits[1] | 0x20);
    base = mark == 'x' ? 16 : mark == 'b' ? 2 : 8;
    digits.remove_prefix(mark == 'x' || mark == 'b' || mark == 'o' ? 2 : 1);
  }
  std::uint64_t value = 0;
  const char* end = digits.data() + digits.size();
  const auto [stopped, error] = std::from_chars(digits.data(), end, value, base);
  if (digits.empty() || error != std::errc() || stopped != end) return std::nullopt;
  return value;
}

std::optional<Json> integer(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  const auto value = magnitude(text);
  if (!value) return std::nullopt;
  constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (!negative) {
    return *value <= kMax ? Json(static_cast<std::int64_t>(*value)) : Json(*value);
  }
  if (*value > kMax + 1) return std::nullopt;
  return Json(static_cast<std::int64_t>(~*value + 1));
}

// A JSON encoder writes 1.0 as 1, and only that is an integer to the API server.
Json number(double value) {
  constexpr double kExact = 9007199254740992.0;  // 2^53
  if (std::abs(value) <= kExact && value == std::trunc(value)) {
    return static_cast<std::int64_t>(value);
  }
  return value;
}

std::optional<Json> decimal(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto is_number_character = [](char c) {
    return is_ascii_digit(c) || c == '.' || c == '-' || c == '+' || c == 'e' || c == 'E';
  };
  if (!std::ranges::all_of(text, is_number_character)) return std::nullopt;
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stopped != end) return std::nullopt;
  return number(value);
}

}  // namespace

std::optional<Json> resolve_plain_scalar(const std::string& text) {
  constexpr std::array<std::string_view, 2> kNull{"~", "null"};
  constexpr std::array<std::string_view, 4> kTrue{"true", "yes", "on", "y"};
  constexpr std::array<std::string_view, 4> kFalse{"false", "no", "off", "n"};
  constexpr std::array<std::string_view, 3> kInfinity{".inf", "+.inf", "-.inf"};
  if (text.empty() || is_one_of(text, kNull)) return Json(nullptr);
  if (is_one_of(text, kTrue)) return Json(true);
  if (is_one_of(text, kFalse)) return Json(false);
  const std::string lower = to_lower_ascii(text);
  if (lower == ".nan" || std::ranges::find(kInfinity, lower) != kInfinity.end()) {
    return std::nullopt;
  }
  const char first = text.front();
  if (first == '.') return decimal(text).value_or(Json(text));
  if (!is_ascii_digit(first) && first != '+' && first != '-') return Json(text);
  std::string plain = text;
  std::erase(plain, '_');
  if (auto value = integer(plain)) return value;
  return decimal(plain).value_or(Json(text));
}

}  // namespace rage::codec::detail
