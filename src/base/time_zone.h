// What a clock on the wall says somewhere. Source: RFC 9636 (TZif), POSIX TZ strings.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"

namespace rage {

// Value. Seconds east of UTC, through the year, from the rules of a TZ string.
struct ZoneRule {
  // The day on which it begins, and how long after that day's midnight.
  struct Turn {
    enum class Form { kWeekday, kJulian, kZeroBased };  // Mm.w.d, Jn, n
    Form form = Form::kWeekday;
    int month = 1;
    int week = 1;  // 5 is the last one.
    int day = 0;   // Of the week, 0 is Sunday; or of the year.
    std::int64_t seconds = 7200;
  };
  std::int64_t standard = 0;
  std::int64_t summer = 0;
  std::optional<Turn> to_summer = std::nullopt;  // None: there is no summer time.
  Turn to_standard = {};
};

// "PST8PDT,M3.2.0,M11.1.0". kInvalidArgument otherwise.
Result<ZoneRule> parse_zone_rule(std::string_view text);

// Value.
class TimeZone final {
 public:
  TimeZone() = default;  // UTC.
  // "America/Los_Angeles", from `folder`; "" and "UTC" need no file. kInvalidArgument: no such name
  // can be; kNotFound: there is no such zone here.
  static Result<TimeZone> load(const std::string& folder, const std::string& name);
  // The bytes of a TZif file, version 1 to 4. kDataLoss otherwise.
  static Result<TimeZone> parse(std::string_view bytes);
  // Of parse_zone_rule(), for all times.
  static Result<TimeZone> of_rule(std::string_view text);

  // East of UTC.
  std::chrono::seconds offset_at(WallTime time) const;
  // When a clock there shows `wall`: the first time, if it does so twice; if it never does, when it
  // would have, had it not been put forward.
  WallTime instant_of(std::chrono::local_seconds wall) const;

 private:
  struct Transition {
    std::int64_t from = 0;  // Unix seconds.
    std::int64_t offset = 0;
  };
  std::int64_t first_offset_ = 0;
  std::vector<Transition> transitions_;  // Ascending.
  std::optional<ZoneRule> rule_;         // After the last of them.
};

}  // namespace rage
