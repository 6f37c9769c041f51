#include "operator/maintenance_window.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/strings.h"

namespace rage::op {
namespace {

using std::chrono::days;
using std::chrono::minutes;
using std::chrono::sys_days;

constexpr std::array<std::string_view, 12> kMonths = {"jan", "feb", "mar", "apr", "may", "jun",
                                                      "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<std::string_view, 7> kWeekdays = {"sun", "mon", "tue", "wed",
                                                       "thu", "fri", "sat"};
constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kDescriptors = {{
    {"@hourly", "0 * * * *"},
    {"@daily", "0 0 * * *"},
    {"@midnight", "0 0 * * *"},
    {"@weekly", "0 0 * * 0"},
    {"@monthly", "0 0 1 * *"},
    {"@yearly", "0 0 1 1 *"},
    {"@annually", "0 0 1 1 *"},
}};
constexpr std::chrono::seconds kDurationMax = days{366};

struct FieldRule {
  std::string_view what;
  unsigned first;
  unsigned last;
  std::span<const std::string_view> names = {};  // Of first, first + 1, ...
};

std::optional<unsigned> parse_value(std::string_view text, const FieldRule& rule) {
  for (std::size_t i = 0; i < rule.names.size(); ++i) {
    if (equals_ignoring_case(text, rule.names[i])) return rule.first + static_cast<unsigned>(i);
  }
  const auto number = parse_uint(text);
  if (!number || *number < rule.first || *number > rule.last) return std::nullopt;
  return static_cast<unsigned>(*number);
}

// "*", "5", "1-5", each also with "/2".
std::optional<std::uint64_t> parse_range(std::string_view text, const FieldRule& rule) {
  unsigned step = 1;
  const std::size_t slash = text.find('/');
  if (slash != std::string_view::npos) {
    const auto number = parse_uint(text.substr(slash + 1));
    if (!number || *number == 0 || *number > rule.last) return std::nullopt;
    step = static_cast<unsigned>(*number);
    text = text.substr(0, slash);
  }
  unsigned from = rule.first;
  unsigned to = rule.last;
  if (text != "*" && text != "?") {
    const std::size_t dash = text.find('-');
    const auto low = parse_value(text.substr(0, dash), rule);
    if (!low) return std::nullopt;
    from = *low;
    if (dash != std::string_view::npos) {
      const auto high = parse_value(text.substr(dash + 1), rule);
      if (!high || *high < from) return std::nullopt;
      to = *high;
    } else if (slash == std::string_view::npos) {
      to = from;  // "5/10" runs to the end, "5" is one value.
    }
  }
  std::uint64_t bits = 0;
  for (unsigned value = from; value <= to; value += step) bits |= std::uint64_t{1} << value;
  return bits;
}

Result<std::uint64_t> parse_field(std::string_view text, const FieldRule& rule) {
  std::uint64_t bits = 0;
  for (const std::string_view part : split(text, ',')) {
    const auto range = parse_range(part, rule);
    if (!range) return fail(ErrorCode::kInvalidArgument, "{}: '{}'", rule.what, text);
    bits |= *range;
  }
  return bits;
}

std::vector<std::string_view> fields_of(std::string_view text) {
  std::vector<std::string_view> fields;
  while (!(text = trim(text)).empty()) {
    const auto end = std::ranges::find_if(text, is_ascii_space);
    const auto length = static_cast<std::size_t>(end - text.begin());
    fields.push_back(text.substr(0, length));
    text.remove_prefix(length);
  }
  return fields;
}

bool is_any(std::string_view field) {
  return field == "*" || field == "?";
}

bool has(std::uint64_t bits, unsigned value) {
  return ((bits >> value) & 1U) != 0;
}

// The last tick of `day` at or before `limit`.
std::optional<WallTime> last_tick(const CronSchedule& schedule, sys_days day, WallTime limit) {
  for (unsigned minute = 24 * 60; minute-- > 0;) {
    if (!has(schedule.hours, minute / 60) || !has(schedule.minutes, minute % 60)) continue;
    const WallTime tick = day + minutes{minute};
    if (tick <= limit) return tick;
  }
  return std::nullopt;
}

}  // namespace

bool CronSchedule::matches_day(std::chrono::year_month_day day) const {
  if (!has(months, static_cast<unsigned>(day.month()))) return false;
  const bool day_matches = has(days, static_cast<unsigned>(day.day()));
  const std::chrono::weekday weekday{sys_days{day}};
  const bool weekday_matches = has(weekdays, weekday.c_encoding());
  if (any_day || any_weekday) return day_matches && weekday_matches;
  return day_matches || weekday_matches;
}

Result<CronSchedule> parse_cron(std::string_view text) {
  text = trim(text);
  const auto* descriptor =
      std::ranges::find_if(kDescriptors, [&](const auto& entry) { return entry.first == text; });
  if (descriptor != kDescriptors.end()) text = descriptor->second;
  const auto fields = fields_of(text);
  if (fields.size() != 5) {
    return fail(ErrorCode::kInvalidArgument,
                "a schedule has five fields: minute, hour, day of month, month, day of week");
  }
  CronSchedule schedule{.any_day = is_any(fields[2]), .any_weekday = is_any(fields[4])};
  ASSIGN_OR_RETURN(schedule.minutes, parse_field(fields[0], {"minute", 0, 59}));
  ASSIGN_OR_RETURN(schedule.hours, parse_field(fields[1], {"hour", 0, 23}));
  ASSIGN_OR_RETURN(schedule.days, parse_field(fields[2], {"day of month", 1, 31}));
  ASSIGN_OR_RETURN(schedule.months, parse_field(fields[3], {"month", 1, 12, kMonths}));
  ASSIGN_OR_RETURN(schedule.weekdays, parse_field(fields[4], {"day of week", 0, 7, kWeekdays}));
  if (has(schedule.weekdays, 7)) schedule.weekdays |= 1;  // Sunday is 0 and, for cron(5), also 7.
  return schedule;
}

std::optional<WallTime> next_tick(const CronSchedule& schedule, WallTime after) {
  constexpr days kSearched{5 * 366};
  const auto first_day = std::chrono::floor<days>(after);
  for (auto day = first_day; day < first_day + kSearched; day += days{1}) {
    if (!schedule.matches_day(day)) continue;
    for (unsigned minute = 0; minute < 24 * 60; ++minute) {
      if (!has(schedule.hours, minute / 60) || !has(schedule.minutes, minute % 60)) continue;
      const WallTime tick = day + minutes{minute};
      if (tick > after) return tick;
    }
  }
  return std::nullopt;
}

bool is_open(const apis::MaintenanceWindow& window, WallTime now) {
  const auto schedule = parse_cron(window.schedule);
  if (!schedule || window.duration < std::chrono::seconds{0}) return false;
  const WallTime earliest = now - std::min(window.duration, kDurationMax);
  const auto first_day = std::chrono::floor<days>(earliest);
  for (auto day = std::chrono::floor<days>(now); day >= first_day; day -= days{1}) {
    if (!schedule->matches_day(day)) continue;
    const auto tick = last_tick(*schedule, day, now);
    if (tick) return *tick >= earliest;
  }
  return false;
}

}  // namespace rage::op
