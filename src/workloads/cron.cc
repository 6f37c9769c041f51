#include "workloads/cron.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "base/strings.h"

namespace rage::workloads {
namespace {

using std::chrono::days;
using std::chrono::floor;
using std::chrono::hours;
using std::chrono::minutes;

constexpr auto kHorizon = days(5 * 366);

struct Field {
  const char* name;
  std::uint64_t least;
  std::uint64_t most;
  std::array<std::string_view, 12> names;  // Of `least` and on; empty: numbers alone.
};

constexpr Field kMinutes{"minute", 0, 59, {}};
constexpr Field kHours{"hour", 0, 23, {}};
constexpr Field kDays{"day of the month", 1, 31, {}};
constexpr Field kMonths{
    "month",
    1,
    12,
    {"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}};
constexpr Field kWeekdays{
    "day of the week", 0, 6, {"sun", "mon", "tue", "wed", "thu", "fri", "sat"}};

std::optional<std::uint64_t> read_value(std::string_view text, const Field& field) {
  if (const auto number = parse_uint(text)) return number;
  if (text.empty()) return std::nullopt;
  const auto found = std::ranges::find(field.names, std::string_view(to_lower_ascii(text)));
  if (found == field.names.end()) return std::nullopt;
  return field.least + static_cast<std::uint64_t>(found - field.names.begin());
}

// "*", "5", "1-5", each with "/step".
Result<std::uint64_t> read_range(std::string_view text, const Field& field) {
  const auto bad = [&](const char* why) {
    return fail(ErrorCode::kInvalidArgument, "\"{}\" as {}: {}", text, field.name, why);
  };
  const std::size_t slash = text.find('/');
  const std::string_view range = text.substr(0, slash);
  std::uint64_t step = 1;
  if (slash != std::string_view::npos) {
    const auto stated = parse_uint(text.substr(slash + 1));
    if (!stated || *stated == 0) return bad("the step must be a positive number");
    step = *stated;
  }
  std::uint64_t from = field.least;
  std::uint64_t to = field.most;
  if (range != "*" && range != "?") {
    const std::size_t dash = range.find('-');
    const auto first = read_value(range.substr(0, dash), field);
    if (!first) return bad("not a number or name");
    from = *first;
    to = slash == std::string_view::npos ? from : field.most;  // "5/15" goes on to the end.
    if (dash != std::string_view::npos) {
      const auto last = read_value(range.substr(dash + 1), field);
      if (!last) return bad("not a number or name");
      to = *last;
    }
  }
  if (from < field.least || to > field.most) return bad("out of range");
  if (from > to) return bad("the range ends before it begins");
  std::uint64_t bits = 0;
  for (std::uint64_t value = from; value <= to; value += std::min(step, std::uint64_t{64})) {
    bits |= std::uint64_t{1} << value;
  }
  return bits;
}

Result<std::uint64_t> read_field(std::string_view text, const Field& field) {
  std::uint64_t bits = 0;
  for (const std::string_view part : split(text, ',')) {
    ASSIGN_OR_RETURN(const std::uint64_t more, read_range(part, field));
    bits |= more;
  }
  return bits;
}

bool is_any(std::string_view field) {
  return field.starts_with('*') || field.starts_with('?');
}

std::string_view expand(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kNames{{
      {"@yearly", "0 0 1 1 *"},
      {"@annually", "0 0 1 1 *"},
      {"@monthly", "0 0 1 * *"},
      {"@weekly", "0 0 * * 0"},
      {"@daily", "0 0 * * *"},
      {"@midnight", "0 0 * * *"},
      {"@hourly", "0 * * * *"},
  }};
  const auto found = std::ranges::find(kNames, text, [](const auto& entry) { return entry.first; });
  return found == kNames.end() ? text : found->second;
}

}  // namespace

bool CronSchedule::matches_day(std::chrono::year_month_day day) const {
  if (((months >> static_cast<unsigned>(day.month())) & 1) == 0) return false;
  const bool by_day = ((days >> static_cast<unsigned>(day.day())) & 1) != 0;
  const std::chrono::weekday weekday{std::chrono::sys_days(day)};
  const bool by_weekday = ((weekdays >> weekday.c_encoding()) & 1) != 0;
  return any_day || any_weekday ? by_day && by_weekday : by_day || by_weekday;
}

Result<CronSchedule> parse_cron(std::string_view text) {
  text = trim(text);
  if (text.starts_with("TZ=") || text.starts_with("CRON_TZ=")) {
    return fail(ErrorCode::kInvalidArgument,
                "\"{}\": put the time zone into the field for it, not into the schedule", text);
  }
  std::vector<std::string_view> fields;
  for (const std::string_view field : split(expand(text), ' ')) {
    if (!field.empty()) fields.push_back(field);
  }
  if (fields.size() != 5) {
    return fail(ErrorCode::kInvalidArgument,
                "\"{}\": a schedule has five fields (minute, hour, day, month, weekday), this has "
                "{}",
                text, fields.size());
  }
  CronSchedule schedule;
  ASSIGN_OR_RETURN(schedule.minutes, read_field(fields[0], kMinutes));
  ASSIGN_OR_RETURN(schedule.hours, read_field(fields[1], kHours));
  ASSIGN_OR_RETURN(schedule.days, read_field(fields[2], kDays));
  ASSIGN_OR_RETURN(schedule.months, read_field(fields[3], kMonths));
  ASSIGN_OR_RETURN(schedule.weekdays, read_field(fields[4], kWeekdays));
  schedule.any_day = is_any(fields[2]);
  schedule.any_weekday = is_any(fields[4]);
  return schedule;
}

std::optional<WallTime> next_tick(const CronSchedule& schedule, const TimeZone& zone,
                                  WallTime after) {
  const auto end = after + kHorizon;
  WallTime time = floor<minutes>(after) + minutes(1);
  while (time < end) {
    const auto offset = zone.offset_at(time);
    const auto local = floor<minutes>(time + offset);
    const auto day = floor<days>(local);
    const auto hour = floor<hours>(local - day);
    const auto minute = local - day - hour;
    minutes skip(0);
    if (!schedule.matches_day(std::chrono::year_month_day(day))) {
      skip = days(1) - (local - day);
    } else if (((schedule.hours >> hour.count()) & 1) == 0) {
      skip = hours(1) - minute;
    } else if (((schedule.minutes >> minute.count()) & 1) == 0) {
      skip = minutes(1);
    } else {
      return time;
    }
    // Over a change of the clocks, step by step.
    if (skip > minutes(1) && zone.offset_at(time + skip) != offset) skip = minutes(1);
    time += skip;
  }
  return std::nullopt;
}

std::optional<WallTime> last_tick(const CronSchedule& schedule, const TimeZone& zone,
                                  WallTime after, WallTime now) {
  std::optional<WallTime> last;
  // Looks back further and further, so that a schedule of every minute costs no walk over a year.
  for (const auto window :
       {hours(1), hours(24), hours(24 * 32), hours(24 * 366), hours(24 * 1830)}) {
    const WallTime from = std::max<WallTime>(after, now - window);
    for (auto tick = next_tick(schedule, zone, from); tick && *tick <= now;
         tick = next_tick(schedule, zone, *tick)) {
      last = tick;
    }
    if (last || from == after) return last;
  }
  return last;
}

}  // namespace rage::workloads
