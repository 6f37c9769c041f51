// Dates and times of schedules: instants with an offset, wall clocks in Los Angeles (the rule of
// the United States since 2007; IANA's America/Los_Angeles), and how people write both. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace rage::cli {

struct WallClock {
  std::string date;  // "03/08/2026"
  std::string time;  // "14:30"
  bool operator==(const WallClock&) const = default;
};

// "2026-03-08T15:00:00-07:00", "...Z": seconds since the Unix epoch (RFC 3339). None: something
// else, an impossible date, or no offset.
std::optional<std::int64_t> parse_instant(std::string_view text);
// In the years 2007 to 9999; the hour that comes twice in November is written the same both times.
WallClock los_angeles_of(std::int64_t unix_seconds);
// None for the hour that there is not in the night of March; the first of the two in November.
std::optional<std::int64_t> instant_of(const WallClock& wall);

// "03/05/2026", "3/5/2026", "2026-03-05", "March 5, 2026": "03/05/2026". None: no such day.
std::optional<std::string> parse_date(std::string_view text);
// "9:05", "14:30", "2:30 PM", "2pm": "14:30". None: no time of a day.
std::optional<std::string> parse_time(std::string_view text);
// "Thursday, March 5, 2026"; the text itself if it is no date.
std::string day_in_words(const std::string& date);

}  // namespace rage::cli
