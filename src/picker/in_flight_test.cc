// An eviction ends somebody's request: only a sheddable one, once, and never a request that has
// ended meanwhile.
#include "picker/detail/in_flight.h"

#include <gtest/gtest.h>

#include <vector>

namespace rage::picker::detail {
namespace {

using namespace std::chrono_literals;

const Refusal kEvicted{.status = 429, .code_name = "x", .message = "evicted"};

TEST(InFlightRequests, TellsTheLeastImportantOnceAndNotThoseThatEnded) {
  InFlightRequests requests({.evictions_max = 1});
  std::vector<std::string> told;
  const SteadyTime now(1h);
  const auto add = [&](std::int32_t priority, const char* name) {
    const auto id = requests.add(priority, now);
    requests.on_eviction(id, [&told, name](const Refusal& refusal) {
      told.push_back(name + std::to_string(refusal.status));
    });
    return id;
  };
  add(-1, "one ");
  const auto least = add(-5, "least ");
  const auto ended = add(-9, "ended ");
  requests.remove(ended, now);
  EXPECT_EQ(requests.evict_for(0, 10, kEvicted, now), 1);
  EXPECT_EQ(told, std::vector<std::string>{"least 429"});
  requests.remove(least, now);
  EXPECT_EQ(requests.evict_for(0, 10, kEvicted, now + 1s), 1);
  EXPECT_EQ(requests.evict_for(0, 10, kEvicted, now + 2s), 0) << "nobody is left to be told";
  EXPECT_EQ(told, (std::vector<std::string>{"least 429", "one 429"}));
}

// The picker may decide between the pick and the moment its caller has set up its stream.
TEST(InFlightRequests, ALateCallbackHearsOfAnEarlyEviction) {
  InFlightRequests requests({});
  const auto id = requests.add(-1, SteadyTime(1h));
  EXPECT_EQ(requests.evict_for(0, 1, kEvicted, SteadyTime(1h)), 1);
  int calls = 0;
  requests.on_eviction(id, [&](const Refusal&) {
    ++calls;
    requests.remove(id, SteadyTime(1h));  // As a stream does that ends itself.
  });
  EXPECT_EQ(calls, 1);
}

TEST(InFlightRequests, ForgetsWhatEvictionsFreedAfterTheirGrace) {
  InFlightRequests requests({.grace = 500ms});
  const SteadyTime now(1h);
  const auto id = requests.add(-1, now);
  EXPECT_EQ(requests.evict_for(0, 1, kEvicted, now), 1);
  requests.remove(id, now);
  EXPECT_EQ(requests.size(), 1);
  EXPECT_EQ(requests.evict_for(0, 1, kEvicted, now + 501ms), 0);
  EXPECT_EQ(requests.size(), 0);
}

}  // namespace
}  // namespace rage::picker::detail
