#include "workloads/cron.h"

#include <gmock/gmock.h>

#include "workloads/plan.h"

namespace rage::workloads {
namespace {

using namespace std::chrono_literals;

// What tzdata says of America/Los_Angeles today, as the footer of its file.
TimeZone zone_of(const std::string& rule) {
  std::string file(44, '\0');
  file.replace(0, 5, "TZif2");
  const auto header = [](std::string block) {
    block[39] = 1;  // One type.
    block[43] = 4;  // Characters.
    return block;
  };
  const std::string types("\0\0\0\0\0\0UTC\0", 10);
  const std::string bytes = header(file) + types + header(file) + types + "\n" + rule + "\n";
  auto zone = TimeZone::parse(bytes);
  EXPECT_TRUE(zone);
  return zone ? *zone : TimeZone();
}
const char* const kLosAngeles = "PST8PDT,M3.2.0,M11.1.0";

WallTime time_of(const char* text) {
  return parse_time(text).value();
}
std::string next(const char* schedule, const char* after, const TimeZone& zone = {}) {
  const auto parsed = parse_cron(schedule);
  if (!parsed) return parsed.error().message;
  const auto tick = next_tick(*parsed, zone, time_of(after));
  return tick ? render_time(*tick) : "never";
}

TEST(Cron, NextTickTable) {
  struct Case {
    const char* schedule;
    const char* after;
    const char* want;
  };
  for (const Case& each : {
           Case{"* * * * *", "2026-01-01T00:00:30Z", "2026-01-01T00:01:00Z"},
           Case{"30 14 * * *", "2026-01-01T14:30:00Z", "2026-01-02T14:30:00Z"},
           Case{"*/15 9-17 * * mon-fri", "2026-01-02T17:50:00Z", "2026-01-05T09:00:00Z"},
           Case{"0 0 1,15 * *", "2026-01-02T00:00:00Z", "2026-01-15T00:00:00Z"},
           Case{"0 0 13 * fri", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"},
           Case{"0 0 */2 * fri", "2026-01-01T00:00:00Z", "2026-01-09T00:00:00Z"},
           Case{"5/20 * * * *", "2026-01-01T00:06:00Z", "2026-01-01T00:25:00Z"},
           Case{"0 0 29 feb ?", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z"},
           Case{"0 0 30 2 *", "2026-01-01T00:00:00Z", "never"},
           Case{"@weekly", "2026-01-01T00:00:00Z", "2026-01-04T00:00:00Z"},
           Case{"@yearly", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"},
       }) {
    EXPECT_EQ(next(each.schedule, each.after), each.want) << each.schedule;
  }
}

TEST(Cron, WhatIsWrongIsSaid) {
  for (const auto& [schedule, part] : std::initializer_list<std::pair<const char*, const char*>>{
           {"", "five fields"},
           {"* * * *", "has 4"},
           {"60 * * * *", "out of range"},
           {"* * 0 * *", "out of range"},
           {"* * * * 7", "out of range"},
           {"5-1 * * * *", "ends before"},
           {"*/0 * * * *", "step"},
           {"x * * * *", "\"x\" as minute"},
           {"@every 1h", "five fields"},
           {"TZ=UTC 0 0 * * *", "time zone"}}) {
    const auto parsed = parse_cron(schedule);
    ASSERT_FALSE(parsed) << schedule;
    EXPECT_THAT(parsed.error().message, testing::HasSubstr(part));
  }
}

// The demo's index is built at 14:30 in Los Angeles, winter and summer.
TEST(Cron, TheHourStaysThroughTheYear) {
  const TimeZone zone = zone_of(kLosAngeles);
  EXPECT_EQ(next("30 14 * * *", "2026-01-10T00:00:00Z", zone), "2026-01-10T22:30:00Z");
  EXPECT_EQ(next("30 14 * * *", "2026-07-10T00:00:00Z", zone), "2026-07-10T21:30:00Z");
}

// On 8 March 2026 there is no 2:30 in Los Angeles, on 1 November 1:30 comes twice.
TEST(Cron, NightsInWhichClocksChange) {
  const TimeZone zone = zone_of(kLosAngeles);
  EXPECT_EQ(next("30 2 * * *", "2026-03-07T12:00:00Z", zone), "2026-03-09T09:30:00Z");
  EXPECT_EQ(next("30 3 * * *", "2026-03-07T12:00:00Z", zone), "2026-03-08T10:30:00Z");
  EXPECT_EQ(next("30 1 * * *", "2026-11-01T00:00:00Z", zone), "2026-11-01T08:30:00Z");
  EXPECT_EQ(next("30 1 * * *", "2026-11-01T08:30:00Z", zone), "2026-11-01T09:30:00Z");
  EXPECT_EQ(next("30 1 * * *", "2026-11-01T09:30:00Z", zone), "2026-11-02T09:30:00Z");
  // Every hour stays every hour.
  EXPECT_EQ(next("0 * * * *", "2026-03-08T09:30:00Z", zone), "2026-03-08T10:00:00Z");
  EXPECT_EQ(next("0 * * * *", "2026-11-01T08:30:00Z", zone), "2026-11-01T09:00:00Z");
}

TEST(Cron, TheLastTickIsFoundHoweverLongAgo) {
  const auto last = [](const char* schedule, const char* after, const char* now) {
    const auto tick = last_tick(*parse_cron(schedule), {}, time_of(after), time_of(now));
    return tick ? render_time(*tick) : "never";
  };
  EXPECT_EQ(last("* * * * *", "2020-01-01T00:00:00Z", "2026-01-01T00:00:30Z"),
            "2026-01-01T00:00:00Z");
  EXPECT_EQ(last("0 0 1 * *", "2020-01-01T00:00:00Z", "2026-01-20T00:00:00Z"),
            "2026-01-01T00:00:00Z");
  EXPECT_EQ(last("0 0 29 2 *", "2020-03-01T00:00:00Z", "2026-01-20T00:00:00Z"),
            "2024-02-29T00:00:00Z");
  EXPECT_EQ(last("0 0 * * *", "2026-01-01T00:00:00Z", "2026-01-01T12:00:00Z"), "never");
}

TEST(ZoneRule, Table) {
  struct Case {
    const char* rule;
    const char* time;
    int hours;
  };
  for (const Case& each : {
           Case{"UTC0", "2026-01-01T00:00:00Z", 0},
           Case{"<-03>3", "2026-01-01T00:00:00Z", -3},
           Case{kLosAngeles, "2026-03-08T09:59:59Z", -8},
           Case{kLosAngeles, "2026-03-08T10:00:00Z", -7},
           Case{kLosAngeles, "2026-11-01T08:59:59Z", -7},
           Case{kLosAngeles, "2026-11-01T09:00:00Z", -8},
           Case{"CET-1CEST,M3.5.0,M10.5.0/3", "2026-03-29T01:00:00Z", 2},
           Case{"CET-1CEST,M3.5.0,M10.5.0/3", "2026-10-25T01:00:00Z", 1},
           // The south: summer over the new year.
           Case{"AEST-10AEDT,M10.1.0,M4.1.0/3", "2026-01-01T00:00:00Z", 11},
           Case{"AEST-10AEDT,M10.1.0,M4.1.0/3", "2026-07-01T00:00:00Z", 10},
           Case{"XXX0YYY,J60/0,J300/0", "2028-03-01T00:00:00Z", 1},  // Leap years have a J60.
           Case{"XXX0YYY,59/0,299/0", "2028-02-29T00:00:00Z", 1},
       }) {
    EXPECT_EQ(zone_of(each.rule).offset_at(time_of(each.time)), std::chrono::hours(each.hours))
        << each.rule << " " << each.time;
  }
  for (const char* bad : {"", "X0", "PST", "PST8PDT", "PST8PDT,M13.2.0,M11.1.0", "PST8PDT,M3.2.0",
                          "PST8PDT,M3.2.0,M11.1.0,", "PST999", "<PST8"}) {
    EXPECT_FALSE(parse_zone_rule(bad)) << bad;
  }
}

TEST(TimeZone, BadFilesAndNamesAreRefused) {
  for (const char* name : {"../etc/passwd", "/etc/localtime", "America//X", "a b", "."}) {
    const auto zone = TimeZone::load("/usr/share/zoneinfo", name);
    ASSERT_FALSE(zone) << name;
    EXPECT_EQ(zone.error().code, ErrorCode::kInvalidArgument) << name;
  }
  const auto unknown = TimeZone::load("/nowhere", "Mars/Olympus");
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().message, testing::HasSubstr("unknown time zone Mars/Olympus"));
  EXPECT_FALSE(TimeZone::parse("TZif"));
  EXPECT_FALSE(TimeZone::parse(std::string(44, 'x')));
  EXPECT_EQ(TimeZone::load("/nowhere", "UTC")->offset_at(time_of("2026-01-01T00:00:00Z")), 0s);
}

}  // namespace
}  // namespace rage::workloads
