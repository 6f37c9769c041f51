#include <gmock/gmock.h>

#include <set>

#include "routing/scheduler_for_test.h"

namespace rage::routing {
namespace {

constexpr int kDraws = 20000;

// Scores are 1 - usage: what the pods' shares of the picks are.
std::vector<double> shares(std::string_view picker, const std::vector<Endpoint>& endpoints,
                           std::uint64_t seed) {
  const auto scheduler = scheduler_of(
      config_of("- type: kv-cache-utilization-scorer\n- type: " + std::string(picker) + "\n"),
      seed);
  std::vector<double> shares(endpoints.size());
  for (int i = 0; i < kDraws; ++i) {
    const Schedule schedule = schedule_or_fail(*scheduler, {}, endpoints);
    shares[schedule.primary.endpoints.front()] += 1.0 / kDraws;
  }
  return shares;
}

void expect_near(const std::vector<double>& actual, const std::vector<double>& expected) {
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(actual[i], expected[i], 0.015) << "pod " << i + 1;  // Over four deviations.
  }
}

TEST(WeightedRandomPicker, FirstPicksAreProportionalToScores) {
  const std::vector<Endpoint> endpoints = endpoints_with({{0, .2}, {0, .8}, {0, 1}, {0, .6}});
  expect_near(shares("weighted-random-picker", endpoints, 7), {0.8 / 1.4, 0.2 / 1.4, 0, 0.4 / 1.4});
}

TEST(WeightedRandomPicker, WithoutScoresAllAreEqual) {
  expect_near(shares("weighted-random-picker", endpoints_with({{0, 1}, {0, 1}}), 7), {0.5, 0.5});
}

TEST(RandomPicker, DoesNotLookAtScores) {
  expect_near(shares("random-picker", endpoints_with({{0, 0}, {0, .9}, {0, 1}}), 7),
              {1.0 / 3, 1.0 / 3, 1.0 / 3});
}

// Always the first of equals would send everything to one pod while all are idle.
TEST(MaxScorePicker, EqualsShareEqually) {
  expect_near(shares("max-score-picker", endpoints_with({{0, .1}, {0, .5}, {0, .1}, {0, .1}}), 7),
              {1.0 / 3, 0, 1.0 / 3, 1.0 / 3});
}

TEST(MaxScorePicker, ListIsOrdered) {
  const auto scheduler =
      scheduler_of(config_of("- type: kv-cache-utilization-scorer\n"
                             "- {type: max-score-picker, parameters: {maxNumOfEndpoints: 3}}\n"));
  const auto endpoints = endpoints_with({{0, .9}, {0, .1}, {0, .5}, {0, .5}});
  std::set<std::size_t> second;
  for (int i = 0; i < 100; ++i) {
    const ProfileResult result = schedule_or_fail(*scheduler, {}, endpoints).primary;
    ASSERT_EQ(result.endpoints.size(), 3U);
    EXPECT_EQ(result.endpoints[0], 1U);
    EXPECT_THAT(result.scores, testing::ElementsAre(0.9, 0.5, 0.5));
    second.insert(result.endpoints[1]);
  }
  EXPECT_EQ(second, (std::set<std::size_t>{2, 3}));
}

TEST(WeightedRandomPicker, NoFallbackWithoutScore) {
  const auto scheduler = scheduler_of(
      config_of("- type: kv-cache-utilization-scorer\n"
                "- {type: weighted-random-picker, parameters: {maxNumOfEndpoints: 9}}\n"));
  const auto endpoints = endpoints_with({{0, .9}, {0, 1}, {0, .5}});
  EXPECT_EQ(schedule_or_fail(*scheduler, {}, endpoints).primary.endpoints.size(), 2U);
}

TEST(Pickers, TheSameSeedDecidesTheSame) {
  const auto endpoints = endpoints_with(std::vector<Load>(50));
  const auto picks = [&](std::uint64_t seed) {
    const auto scheduler = scheduler_of(config_of("- type: queue-scorer\n"), seed);
    std::vector<std::size_t> picked;
    for (int i = 0; i < 20; ++i) {
      picked.push_back(schedule_or_fail(*scheduler, {}, endpoints).primary.endpoints[0]);
    }
    return picked;
  };
  EXPECT_EQ(picks(3), picks(3));
  EXPECT_NE(picks(3), picks(4));
}

}  // namespace
}  // namespace rage::routing
