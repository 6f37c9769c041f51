#include "cli/schedule_time.h"

#include <fmt/format.h>

#include <array>
#include <chrono>

#include "base/strings.h"

namespace rage::cli {
namespace {

using std::chrono::day;
using std::chrono::month;
using std::chrono::sys_days;
using std::chrono::year;
using std::chrono::year_month_day;
using Seconds = std::chrono::sys_seconds;
using namespace std::chrono_literals;

constexpr std::array<std::string_view, 12> kMonths{"January",   "February", "March",    "April",
                                                   "May",       "June",     "July",     "August",
                                                   "September", "October",  "November", "December"};
constexpr std::array<std::string_view, 7> kWeekdays{"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                    "Thursday", "Friday", "Saturday"};

constexpr auto kStandard = -8h;
constexpr auto kDaylight = -7h;

// Exactly `text`, as digits.
std::optional<int> number(std::string_view text, std::size_t digits_min, std::size_t digits_max) {
  if (text.size() < digits_min || text.size() > digits_max) return std::nullopt;
  const auto value = parse_uint(text);
  return value ? std::optional(static_cast<int>(*value)) : std::nullopt;
}

std::optional<year_month_day> date_of(std::optional<int> y, std::optional<int> m,
                                      std::optional<int> d) {
  if (!y || !m || !d) return std::nullopt;
  const year_month_day date{year(*y), month(static_cast<unsigned>(*m)),
                            day(static_cast<unsigned>(*d))};
  return date.ok() ? std::optional(date) : std::nullopt;
}

std::optional<year_month_day> read_date(std::string_view text) {
  text = trim(text);
  if (const auto parts = split(text, '/'); parts.size() == 3) {
    return date_of(number(parts[2], 4, 4), number(parts[0], 1, 2), number(parts[1], 1, 2));
  }
  if (const auto parts = split(text, '-'); parts.size() == 3) {
    return date_of(number(parts[0], 4, 4), number(parts[1], 2, 2), number(parts[2], 2, 2));
  }
  const std::size_t space = text.find(' ');
  const std::size_t comma = text.find(',');
  if (space == std::string_view::npos || comma == std::string_view::npos || comma < space) {
    return std::nullopt;
  }
  for (std::size_t i = 0; i < kMonths.size(); ++i) {
    if (!equals_ignoring_case(text.substr(0, space), kMonths[i])) continue;
    return date_of(number(trim(text.substr(comma + 1)), 4, 4), static_cast<int>(i + 1),
                   number(trim(text.substr(space, comma - space)), 1, 2));
  }
  return std::nullopt;
}

std::string render_date(const year_month_day& date) {
  return fmt::format("{:02}/{:02}/{:04}", static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()), static_cast<int>(date.year()));
}

// Minutes since midnight; None: no time of a day.
std::optional<int> read_time(std::string_view text) {
  std::string lower = to_lower_ascii(trim(text));
  std::erase(lower, '.');
  std::optional<int> noon;  // What am and pm add to an hour of 1 to 12.
  if (lower.ends_with("am") || lower.ends_with("pm")) {
    noon = lower.ends_with("pm") ? 12 : 0;
    lower.resize(lower.size() - 2);
  }
  const std::string_view clock = trim(lower);
  const std::size_t colon = clock.find(':');
  if (colon == std::string_view::npos && !noon) return std::nullopt;
  auto hour = number(clock.substr(0, colon), 1, 2);
  const auto minute =
      colon == std::string_view::npos ? std::optional(0) : number(clock.substr(colon + 1), 2, 2);
  if (!hour || !minute || *minute > 59) return std::nullopt;
  if (noon) {
    if (*hour < 1 || *hour > 12) return std::nullopt;
    hour = *hour % 12 + *noon;
  }
  return *hour > 23 ? std::nullopt : std::optional(*hour * 60 + *minute);
}

std::string render_minutes(int minutes) {
  return fmt::format("{:02}:{:02}", minutes / 60, minutes % 60);
}

// Daylight time begins at 2:00 standard time on March's second Sunday and ends at 2:00 daylight
// time on November's first.
bool is_daylight(Seconds instant) {
  const year_month_day today{std::chrono::floor<std::chrono::days>(instant + kStandard)};
  const auto sunday = [&](month m, unsigned which) {
    return sys_days(today.year() / m / std::chrono::Sunday[which]);
  };
  const Seconds begin = sunday(std::chrono::March, 2) + 2h - kStandard;
  const Seconds end = sunday(std::chrono::November, 1) + 2h - kDaylight;
  return instant >= begin && instant < end;
}

}  // namespace

std::optional<std::int64_t> parse_instant(std::string_view text) {
  text = trim(text);
  if (text.size() < 20 || (text[10] != 'T' && text[10] != 't' && text[10] != ' ')) {
    return std::nullopt;
  }
  const auto date = read_date(text.substr(0, 10));
  const auto minutes = read_time(text.substr(11, 5));
  const auto second = number(text.substr(17, 2), 2, 2);
  if (!date || !minutes || text[16] != ':' || !second || *second > 60) return std::nullopt;
  std::string_view rest = text.substr(19);
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    while (!rest.empty() && is_ascii_digit(rest.front())) rest.remove_prefix(1);
  }
  std::chrono::minutes offset{0};
  if (rest != "Z" && rest != "z") {
    const auto away = rest.size() == 6 ? read_time(rest.substr(1)) : std::nullopt;
    if (!away || (rest[0] != '+' && rest[0] != '-')) return std::nullopt;
    offset = std::chrono::minutes(rest[0] == '-' ? -*away : *away);
  }
  const Seconds instant =
      sys_days(*date) + std::chrono::minutes(*minutes) + std::chrono::seconds(*second) - offset;
  return instant.time_since_epoch().count();
}

WallClock los_angeles_of(std::int64_t unix_seconds) {
  const Seconds instant{std::chrono::seconds(unix_seconds)};
  const Seconds local = instant + (is_daylight(instant) ? kDaylight : kStandard);
  const sys_days midnight = std::chrono::floor<std::chrono::days>(local);
  const auto minutes = std::chrono::floor<std::chrono::minutes>(local - midnight).count();
  return {.date = render_date(midnight), .time = render_minutes(static_cast<int>(minutes))};
}

std::optional<std::int64_t> instant_of(const WallClock& wall) {
  const auto date = read_date(wall.date);
  const auto minutes = read_time(wall.time);
  if (!date || !minutes) return std::nullopt;
  const Seconds local = sys_days(*date) + std::chrono::minutes(*minutes);
  for (const auto offset : {kDaylight, kStandard}) {
    const std::int64_t instant = (local - offset).time_since_epoch().count();
    if (los_angeles_of(instant) ==
        WallClock{.date = render_date(*date), .time = render_minutes(*minutes)}) {
      return instant;
    }
  }
  return std::nullopt;
}

std::optional<std::string> parse_date(std::string_view text) {
  const auto date = read_date(text);
  return date ? std::optional(render_date(*date)) : std::nullopt;
}

std::optional<std::string> parse_time(std::string_view text) {
  const auto minutes = read_time(text);
  return minutes ? std::optional(render_minutes(*minutes)) : std::nullopt;
}

std::string day_in_words(const std::string& text) {
  const auto date = read_date(text);
  if (!date) return text;
  const std::chrono::weekday weekday{sys_days(*date)};
  return fmt::format("{}, {} {}, {}", kWeekdays[weekday.c_encoding()],
                     kMonths[static_cast<unsigned>(date->month()) - 1],
                     static_cast<unsigned>(date->day()), static_cast<int>(date->year()));
}

}  // namespace rage::cli
