#include "cli/schedule_time.h"

#include <gtest/gtest.h>

#include <tuple>

namespace rage::cli {
namespace {

// In the night to Sunday clocks go forward: an hour's error there sends people to an empty room.
TEST(ScheduleTime, LosAngelesThroughTheYear) {
  struct Case {
    const char* instant;
    WallClock wall;
  };
  const Case cases[] = {
      {"2026-03-07T18:15:00-08:00", {"03/07/2026", "18:15"}},
      {"2026-03-08T15:00:00-07:00", {"03/08/2026", "15:00"}},
      {"2026-03-08T09:59:59Z", {"03/08/2026", "01:59"}},  // The last second of standard time.
      {"2026-03-08T10:00:00Z", {"03/08/2026", "03:00"}},
      {"2026-11-01T08:30:00Z", {"11/01/2026", "01:30"}},  // Twice.
      {"2026-11-01T09:30:00Z", {"11/01/2026", "01:30"}},
      {"2026-11-01T10:00:00Z", {"11/01/2026", "02:00"}},
      {"2026-07-01T00:30:00.5+00:00", {"06/30/2026", "17:30"}},
      {"2027-03-14T10:00:00Z", {"03/14/2027", "03:00"}},
      {"2026-01-01T07:00:00Z", {"12/31/2025", "23:00"}},
  };
  for (const Case& c : cases) {
    const auto instant = parse_instant(c.instant);
    ASSERT_TRUE(instant) << c.instant;
    EXPECT_EQ(los_angeles_of(*instant), c.wall) << c.instant;
  }
  EXPECT_EQ(instant_of({"03/08/2026", "02:30"}), std::nullopt);  // There is no such time.
  EXPECT_EQ(instant_of({"03/08/2026", "03:00"}), parse_instant("2026-03-08T10:00:00Z"));
  EXPECT_EQ(instant_of({"11/01/2026", "01:30"}), parse_instant("2026-11-01T08:30:00Z"));
  EXPECT_EQ(instant_of({"03/05/2026", "10:00"}), parse_instant("2026-03-05T10:00:00-08:00"));
}

TEST(ScheduleTime, WhatIsNoInstant) {
  for (const char* text : {"", "2026-03-08", "2026-03-08T15:00:00", "2026-02-30T15:00:00Z",
                           "2026-03-08T25:00:00Z", "2026-03-08T15:00:00+7", "soon"}) {
    EXPECT_FALSE(parse_instant(text)) << text;
  }
}

TEST(ScheduleTime, DatesAndTimesAsPeopleWriteThem) {
  for (const auto& [text, date] : {std::pair{"03/05/2026", "03/05/2026"},
                                   {"3/5/2026", "03/05/2026"},
                                   {"2026-03-05", "03/05/2026"},
                                   {"March 5, 2026", "03/05/2026"}}) {
    EXPECT_EQ(parse_date(text), date) << text;
  }
  for (const char* text : {"", "13/05/2026", "02/29/2026", "Mar 5", "5 March 2026", "a/b/c"}) {
    EXPECT_FALSE(parse_date(text)) << text;
  }
  for (const auto& [text, time] : {std::pair{"9:05", "09:05"},
                                   {"14:30", "14:30"},
                                   {"2:30 PM", "14:30"},
                                   {"12:00 a.m.", "00:00"},
                                   {"2pm", "14:00"},
                                   {"12:15pm", "12:15"}}) {
    EXPECT_EQ(parse_time(text), time) << text;
  }
  for (const char* text : {"", "24:00", "9:60", "noon", "9", "13:00 pm", "0:30 am"}) {
    EXPECT_FALSE(parse_time(text)) << text;
  }
  EXPECT_EQ(day_in_words("03/05/2026"), "Thursday, March 5, 2026");
}

}  // namespace
}  // namespace rage::cli
