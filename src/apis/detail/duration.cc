#include "apis/detail/duration.h"

#include <array>
#include <cmath>
#include <string>
#include <utility>

#include "base/strings.h"

namespace rage::apis::detail {
namespace {

constexpr double kSecondsMax = 9e9;  // What 63 bits of nanoseconds hold, about.

// Longest first: "m" is a prefix of "ms".
constexpr std::array<std::pair<std::string_view, double>, 8> kUnits = {{{"ns", 1e-9},
                                                                        {"us", 1e-6},
                                                                        {"\u00b5s", 1e-6},
                                                                        {"\u03bcs", 1e-6},
                                                                        {"ms", 1e-3},
                                                                        {"s", 1},
                                                                        {"m", 60},
                                                                        {"h", 3600}}};

std::optional<double> take_number(std::string_view& text) {
  std::size_t end = 0;
  while (end < text.size() && (is_ascii_digit(text[end]) || text[end] == '.')) ++end;
  const std::string digits(text.substr(0, end));
  if (digits.empty() || digits == ".") return std::nullopt;
  text.remove_prefix(end);
  return parse_double("0" + digits);  // Go takes ".5h" as well.
}

std::optional<double> take_unit(std::string_view& text) {
  for (const auto& [name, seconds] : kUnits) {
    if (text.starts_with(name)) {
      text.remove_prefix(name.size());
      return seconds;
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::chrono::seconds> parse_go_duration(std::string_view text) {
  double sign = 1;
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) {
    if (text.front() == '-') sign = -1;
    text.remove_prefix(1);
  }
  if (text == "0") return std::chrono::seconds{0};  // The one number without a unit.
  if (text.empty()) return std::nullopt;
  double total = 0;
  while (!text.empty()) {
    const std::optional<double> number = take_number(text);
    if (!number) return std::nullopt;
    const std::optional<double> unit = take_unit(text);
    if (!unit) return std::nullopt;
    total += *number * *unit;
    if (!(total <= kSecondsMax)) return std::nullopt;
  }
  // A hair above, because 0.1 s times ten parts must not read as nothing less than a second.
  return std::chrono::seconds{static_cast<std::int64_t>(std::trunc(sign * (total + 1e-9)))};
}

}  // namespace rage::apis::detail
