#include "routing/eviction.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "routing/now_for_test.h"

namespace rage::routing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Ids = std::vector<std::uint64_t>;

EvictionCandidate running(std::uint64_t id, std::int32_t priority, seconds since) {
  return {.id = id, .priority = priority, .dispatched_at = kNow - since};
}

EvictionCandidate evicted(std::uint64_t id, milliseconds since) {
  return {
      .id = id, .priority = -1, .dispatched_at = kNow - seconds(60), .evicted_at = kNow - since};
}

// Work that was paid for must never be thrown away for other work.
TEST(ChooseEvictions, OnlySheddableOfLowerPriorityTheNewestFirst) {
  const std::vector<EvictionCandidate> in_flight = {
      running(1, 0, seconds(1)),  running(2, 5, seconds(1)),  running(3, -1, seconds(1)),
      running(4, -2, seconds(9)), running(5, -2, seconds(3)), running(6, -1, seconds(2))};
  const struct {
    const char* what;
    std::int32_t blocked_priority;
    std::uint64_t blocked_requests;
    std::uint32_t evictions_max;
    Ids ids;
  } kCases[] = {
      {"two at most", 10, 100, 2, {5, 4}},         {"no more than wait", 10, 1, 2, {5}},
      {"all there are", 10, 100, 9, {5, 4, 3, 6}}, {"not equals", -1, 100, 9, {5, 4}},
      {"not better ones", -2, 100, 9, {}},         {"nothing waits", 10, 0, 9, {}},
  };
  for (const auto& test : kCases) {
    EXPECT_EQ(choose_evictions(in_flight, test.blocked_priority, test.blocked_requests,
                               {.evictions_max = test.evictions_max}, kNow),
              test.ids)
        << test.what;
  }
}

// An eviction takes a while to show. Without patience the whole pool would be emptied for one.
TEST(ChooseEvictions, WaitsForThoseUnderWay) {
  EvictionCandidate ended = evicted(1, seconds(3));
  ended.ended_at = kNow - milliseconds(400);
  EvictionCandidate long_ended = ended;
  long_ended.ended_at = kNow - milliseconds(500);
  const struct {
    const char* what;
    EvictionCandidate first;
    Ids ids;
  } kCases[] = {{"asked for", evicted(1, seconds(9)), {}},
                {"not confirmed in time", evicted(1, seconds(10)), {2}},
                {"ended, not seen yet", ended, {}},
                {"ended and seen", long_ended, {2}}};
  for (const auto& test : kCases) {
    EXPECT_EQ(choose_evictions(std::vector{test.first, running(2, -1, seconds(1))}, 0, 1, {}, kNow),
              test.ids)
        << test.what;
  }
}

}  // namespace
}  // namespace rage::routing
