#include "inspect/time.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"

namespace rage::inspect {
namespace {

using std::chrono::seconds;

// `text` starts with `size` digits, then `mark`; both are taken off.
std::optional<int> take_number(std::string_view& text, std::size_t size, char mark) {
  if (text.size() <= size || text[size] != mark) return std::nullopt;
  const auto number = parse_uint(text.substr(0, size));
  text.remove_prefix(size + 1);
  return number ? std::optional(static_cast<int>(*number)) : std::nullopt;
}

}  // namespace

std::optional<WallTime> parse_time(std::string_view text) {
  if (!text.ends_with('Z')) return std::nullopt;
  const auto year = take_number(text, 4, '-');
  const auto month = take_number(text, 2, '-');
  const auto day = take_number(text, 2, 'T');
  const auto hour = take_number(text, 2, ':');
  const auto minute = take_number(text, 2, ':');
  const std::size_t end = std::min(text.find_first_of(".Z"), text.size());
  const auto second = parse_uint(text.substr(0, end));
  if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours(*hour) + std::chrono::minutes(*minute) +
         seconds(*second);
}

std::string human_duration(seconds duration) {
  const std::int64_t s = duration.count();
  if (s < -1) return "<invalid>";
  if (s < 120) return fmt::format("{}s", std::max<std::int64_t>(s, 0));
  const auto two = [](std::int64_t whole, char unit, std::int64_t rest, char rest_unit) {
    return rest == 0 ? fmt::format("{}{}", whole, unit)
                     : fmt::format("{}{}{}{}", whole, unit, rest, rest_unit);
  };
  const std::int64_t m = s / 60;
  const std::int64_t h = m / 60;
  const std::int64_t d = h / 24;
  if (m < 10) return two(m, 'm', s % 60, 's');
  if (m < 180) return fmt::format("{}m", m);
  if (h < 8) return two(h, 'h', m % 60, 'm');
  if (h < 48) return fmt::format("{}h", h);
  if (d < 8) return two(d, 'd', h % 24, 'h');
  if (d < 730) return fmt::format("{}d", d);
  if (d < 2920) return two(d / 365, 'y', d % 365, 'd');
  return fmt::format("{}y", d / 365);
}

std::string age_of(std::string_view text, WallTime now) {
  const auto time = parse_time(text);
  if (!time) return "<unknown>";
  return human_duration(std::chrono::duration_cast<seconds>(now - *time));
}

}  // namespace rage::inspect
