#include "simulator/adapter_slots.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rage::simulator {
namespace {

using testing::ElementsAre;
using Use = AdapterSlots::Use;

TEST(AdapterSlots, LoadsOnceAndKeepsWhatIsIdle) {
  AdapterSlots slots(2);
  EXPECT_EQ(slots.acquire("sql"), Use::kLoaded);
  slots.release("sql");
  EXPECT_EQ(slots.acquire("sql"), Use::kReady);
  EXPECT_THAT(slots.in_use(), ElementsAre("sql"));
}

TEST(AdapterSlots, RefusesWhenAllAreInUse) {
  AdapterSlots slots(1);
  slots.acquire("sql");
  EXPECT_FALSE(slots.has_room_for("chat"));
  EXPECT_TRUE(slots.has_room_for("sql"));
  EXPECT_TRUE(slots.has_room_for(""));
  slots.release("sql");
  EXPECT_EQ(slots.acquire("chat"), Use::kLoaded);
}

TEST(AdapterSlots, OverwritesTheLongestUnused) {
  AdapterSlots slots(2);
  for (const char* name : {"a", "b", "a"}) {
    slots.acquire(name);
    slots.release(name);
  }
  slots.acquire("c");
  EXPECT_EQ(slots.acquire("a"), Use::kReady);
}

TEST(AdapterSlots, NoneMeansNoLimitAndNoLoading) {
  AdapterSlots slots(0);
  EXPECT_EQ(slots.acquire("a"), Use::kReady);
  EXPECT_TRUE(slots.has_room_for("b"));
}

}  // namespace
}  // namespace rage::simulator
