// Cron schedules in time zones. Pure. Source: Kubernetes, "CronJob" (robfig/cron's standard
// parser): five fields, names, steps, @hourly and its like.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "base/time_zone.h"

namespace rage::workloads {

// Value. Bit n of a field is set if n matches.
struct CronSchedule {
  std::uint64_t minutes = 0;
  std::uint64_t hours = 0;
  std::uint64_t days = 0;      // 1 to 31.
  std::uint64_t months = 0;    // 1 to 12.
  std::uint64_t weekdays = 0;  // 0 is Sunday.
  // A field that begins with "*" does not restrict; if both days and weekdays do, either is enough.
  bool any_day = false;
  bool any_weekday = false;

  bool matches_day(std::chrono::year_month_day day) const;
};

// kInvalidArgument says what is wrong. "@every" and "TZ=" are refused.
Result<CronSchedule> parse_cron(std::string_view text);

// The first tick after `after`; none within five years (a 30th of February). In the night in which
// clocks go forward, a time that does not exist is skipped; in the one in which they go back, a
// time that comes twice ticks twice: as in Kubernetes.
std::optional<WallTime> next_tick(const CronSchedule& schedule, const TimeZone& zone,
                                  WallTime after);
// The last tick after `after` and not after `now`.
std::optional<WallTime> last_tick(const CronSchedule& schedule, const TimeZone& zone,
                                  WallTime after, WallTime now);

}  // namespace rage::workloads
