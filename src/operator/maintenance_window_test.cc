#include "operator/maintenance_window.h"

#include <gtest/gtest.h>

#include "operator/plan.h"

namespace rage::op {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

struct WindowCase {
  const char* schedule;
  std::chrono::seconds duration;
  const char* now;
  bool open;
};

class Window : public testing::TestWithParam<WindowCase> {};

TEST_P(Window, IsOpenAsCronSays) {
  const WindowCase& test = GetParam();
  const auto now = parse_time(test.now);
  ASSERT_TRUE(now);
  EXPECT_EQ(is_open({.schedule = test.schedule, .duration = test.duration}, *now), test.open)
      << test.schedule << " at " << test.now;
}

INSTANTIATE_TEST_SUITE_P(
    Schedules, Window,
    testing::Values(
        WindowCase{"0 2 * * *", hours{4}, "2026-03-05T01:59:59Z", false},
        WindowCase{"0 2 * * *", hours{4}, "2026-03-05T02:00:00Z", true},
        WindowCase{"0 2 * * *", hours{4}, "2026-03-05T06:00:00Z", true},  // Both ends belong to it.
        WindowCase{"0 2 * * *", hours{4}, "2026-03-05T06:00:01Z", false},
        WindowCase{"0 23 * * *", hours{4}, "2026-03-05T01:30:00Z", true},      // Past midnight.
        WindowCase{"30 22 * * fri", hours{60}, "2026-03-08T23:00:00Z", true},  // Over a weekend.
        WindowCase{"30 22 * * 5", hours{4}, "2026-03-05T23:00:00Z", false},    // A Thursday.
        WindowCase{"0 0 * * 7", hours{1}, "2026-03-08T00:30:00Z", true},       // 7 is Sunday too.
        WindowCase{"*/15 9-17/4 * * *", minutes{1}, "2026-03-05T13:45:30Z", true},
        WindowCase{"*/15 9-17/4 * * *", minutes{1}, "2026-03-05T14:45:30Z", false},
        WindowCase{"0 0 1,15 * mon", hours{1}, "2026-03-15T00:10:00Z", true},  // Either is enough.
        WindowCase{"0 0 1,15 * mon", hours{1}, "2026-03-09T00:10:00Z", true},
        WindowCase{"0 0 1,15 * mon", hours{1}, "2026-03-10T00:10:00Z", false},
        WindowCase{"0 0 29 feb *", hours{1}, "2028-02-29T00:10:00Z", true},
        WindowCase{"@monthly", hours{4}, "2026-03-01T03:00:00Z", true},
        WindowCase{"@daily", hours{4}, "2026-03-05T05:00:00Z", false},
        WindowCase{"nonsense", hours{4}, "2026-03-05T05:00:00Z", false},
        WindowCase{"* * * * *", minutes{-1}, "2026-03-05T05:00:00Z", false}));

TEST(Cron, RefusesWhatIsNoSchedule) {
  for (const char* text :
       {"", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *",
        "* * * 13 *", "* * * * 8", "5-1 * * * *", "*/0 * * * *", "a * * * *", "1, * * * *",
        "-1 * * * *", "1--2 * * * *", "* * * foo *", "@never"}) {
    EXPECT_FALSE(parse_cron(text)) << text;
  }
}

// A status that promises a run at the wrong time sends people looking for what is not broken.
TEST(Cron, NamesTheNextTick) {
  const auto next = [](const char* schedule, const char* after) {
    const auto parsed = parse_cron(schedule);
    const auto tick = next_tick(*parsed, *parse_time(after));
    return tick ? render_time(*tick) : std::string("never");
  };
  EXPECT_EQ(next("0 3 * * *", "2026-03-05T02:59:59Z"), "2026-03-05T03:00:00Z");
  EXPECT_EQ(next("0 3 * * *", "2026-03-05T03:00:00Z"), "2026-03-06T03:00:00Z");
  EXPECT_EQ(next("*/5 * * * *", "2026-12-31T23:56:00Z"), "2027-01-01T00:00:00Z");
  EXPECT_EQ(next("0 0 29 2 *", "2026-03-05T00:00:00Z"), "2028-02-29T00:00:00Z");
  EXPECT_EQ(next("0 0 30 2 *", "2026-03-05T00:00:00Z"), "never");
  EXPECT_EQ(next("@hourly", "2026-03-05T10:30:00Z"), "2026-03-05T11:00:00Z");
}

}  // namespace
}  // namespace rage::op
