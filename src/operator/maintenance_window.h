// When an upgrade may start: a cron schedule in UTC, and for how long after each of its ticks.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "apis/inference_set.h"
#include "base/clock.h"
#include "base/error.h"

namespace rage::op {

// Value. Bit n of a field is set if n matches.
struct CronSchedule {
  std::uint64_t minutes = 0;
  std::uint64_t hours = 0;
  std::uint64_t days = 0;      // 1 to 31.
  std::uint64_t months = 0;    // 1 to 12.
  std::uint64_t weekdays = 0;  // 0 is Sunday.
  // A field written as "*" does not restrict; if both days and weekdays do, either is enough.
  bool any_day = false;
  bool any_weekday = false;

  bool matches_day(std::chrono::year_month_day day) const;
};

// Five fields, as cron(5) and Go's robfig/cron read them: lists, ranges, steps, names of months and
// weekdays, and @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually.
Result<CronSchedule> parse_cron(std::string_view text);

// The first tick after `after`; none within five years (a 30th of February).
std::optional<WallTime> next_tick(const CronSchedule& schedule, WallTime after);

// The schedule ticked at most `duration` ago (a year at most). A bad schedule is never open.
bool is_open(const apis::MaintenanceWindow& window, WallTime now);

}  // namespace rage::op
