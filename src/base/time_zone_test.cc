#include "base/time_zone.h"

#include <gtest/gtest.h>

namespace rage {
namespace {

using std::chrono::local_days;
using std::chrono::sys_days;
using namespace std::chrono_literals;
using std::chrono::March;

// The conference's last day is the one on which the clocks go forward: an hour's mistake there
// sends people to a room that is empty.
TEST(TimeZone, TheNightInWhichTheClocksGoForward) {
  const auto zone = TimeZone::of_rule("PST8PDT,M3.2.0,M11.1.0");
  ASSERT_TRUE(zone);
  EXPECT_EQ(zone->instant_of(local_days(2026y / March / 7) + 10h),
            WallTime(sys_days(2026y / March / 7) + 18h));
  EXPECT_EQ(zone->instant_of(local_days(2026y / March / 8) + 10h),
            WallTime(sys_days(2026y / March / 8) + 17h));
  // Half past two never comes; half past one in November comes twice.
  EXPECT_EQ(zone->instant_of(local_days(2026y / March / 8) + 2h + 30min),
            WallTime(sys_days(2026y / March / 8) + 10h + 30min));
  EXPECT_EQ(zone->instant_of(local_days(2026y / std::chrono::November / 1) + 1h + 30min),
            WallTime(sys_days(2026y / std::chrono::November / 1) + 8h + 30min));
  EXPECT_FALSE(TimeZone::of_rule("Mars"));
}

}  // namespace
}  // namespace rage
