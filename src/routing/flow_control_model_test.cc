#include <gtest/gtest.h>

#include <random>

#include "routing/flow_operations_for_test.h"

namespace rage::routing {
namespace {

// A request that is lost hangs its client; one dispatched twice is served twice; one out of order
// breaks a promise about priority or fairness.
TEST(FlowControlModel, DecidesWhatTheModelDecides) {
  const auto seed = static_cast<std::uint32_t>(::testing::UnitTest::GetInstance()->random_seed());
  for (std::uint32_t round = 0; round < 50; ++round) {
    std::mt19937_64 random(seed * 1000 + round);
    FlowOperations operations([&](std::uint64_t below) { return random() % below; });
    for (int i = 0; i < 200; ++i) {
      ASSERT_EQ(operations.step(), "") << "seed " << seed << ", round " << round << ", step " << i;
    }
    ASSERT_EQ(operations.finish(), "") << "seed " << seed << ", round " << round;
  }
}

}  // namespace
}  // namespace rage::routing
