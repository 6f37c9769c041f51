#include "routing/usage_limit.h"

#include <gtest/gtest.h>

#include <vector>

namespace rage::routing {
namespace {

TEST(UsageLimit, CeilingsByPolicy) {
  using enum UsageLimitPolicy;
  const UsageLimitOptions kRank{
      .policy = kPriorityHoldback, .ceiling_min = 0.4, .ceiling_max = 0.9};
  UsageLimitOptions by_value = kRank;
  by_value.domain = HoldbackDomain::kValue;
  const UsageLimitOptions kSoft{.policy = kSoftReflective};
  const struct {
    UsageLimitOptions options;
    std::vector<std::int32_t> priorities;
    double saturation;
    std::vector<double> ceilings;
  } kCases[] = {
      {{}, {10, 0, -5}, 0.7, {1, 1, 1}},
      {{.threshold = 0.8}, {10, 0}, 0.7, {0.8, 0.8}},
      {kRank, {100, 1, 0}, 0.7, {0.9, 0.65, 0.4}},
      {kRank, {0}, 0.7, {0.9}},
      {by_value, {100, 50, 0}, 0.7, {0.9, 0.65, 0.4}},
      {by_value, {100, 10, 0}, 0.7, {0.9, 0.45, 0.4}},
      {by_value, {INT32_MAX, INT32_MIN}, 0.7, {0.9, 0.4}},
      {kSoft, {0}, 0.7, {1}},
      {kSoft, {1, 0}, 0.7, {1, 0.3}},
      {kSoft, {2, 1, 0}, 0.5, {1, 0.75, 0.5}},
      {kSoft, {1, 0}, 7, {1, 0}},
  };
  for (std::size_t i = 0; i < std::size(kCases); ++i) {
    const auto& test = kCases[i];
    for (std::size_t band = 0; band < test.ceilings.size(); ++band) {
      EXPECT_NEAR(ceiling(test.options, test.priorities, band, test.saturation),
                  test.ceilings[band], 1e-9)
          << "case " << i << ", band " << band;
    }
  }
}

TEST(UsageLimit, ASoftCeilingOpensTheMoreSeldomTheFullerThePool) {
  EXPECT_EQ(soft_ceiling_period(0), 1U);
  EXPECT_EQ(soft_ceiling_period(0.5), 1U);
  EXPECT_EQ(soft_ceiling_period(0.75), 3U);
  EXPECT_EQ(soft_ceiling_period(0.9), 9U);
  EXPECT_EQ(soft_ceiling_period(1), 0U);
  EXPECT_EQ(soft_ceiling_period(3), 0U);
}

TEST(UsageLimit, RefusesCeilingsOutOfRange) {
  EXPECT_TRUE(UsageLimitOptions{}.validate());
  EXPECT_FALSE(UsageLimitOptions{.threshold = 0}.validate());
  EXPECT_FALSE((UsageLimitOptions{.ceiling_min = 0.8, .ceiling_max = 0.7}.validate()));
  EXPECT_FALSE(UsageLimitOptions{.ceiling_max = 1.5}.validate());
}

}  // namespace
}  // namespace rage::routing
