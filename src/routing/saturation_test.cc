#include "routing/saturation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "routing/now_for_test.h"

namespace rage::routing {
namespace {

using std::chrono::milliseconds;

Endpoint server(double waiting, double kv_usage, milliseconds age = milliseconds(0)) {
  Endpoint endpoint;
  endpoint.metrics = {.waiting = waiting, .kv_usage = kv_usage, .updated_at = kNow - age};
  return endpoint;
}

Endpoint busy(std::uint32_t requests, std::uint64_t tokens, std::string role = {}) {
  Endpoint endpoint;
  endpoint.in_flight = {.requests = requests, .tokens = tokens};
  if (!role.empty()) endpoint.labels["llm-d.ai/role"] = std::move(role);
  return endpoint;
}

TEST(Saturation, UtilizationIsTheMeanOfTheWorseOfBoth) {
  const struct {
    const char* what;
    std::vector<Endpoint> endpoints;
    double saturation;
  } kCases[] = {{"no endpoint is full", {}, 1},
                {"idle", {server(0, 0)}, 0},
                {"the queue", {server(5, 0.4)}, 1},
                {"the cache", {server(1, 0.4)}, 0.5},
                {"the mean", {server(10, 0), server(0, 0)}, 1},
                {"never scraped", {Endpoint{}}, 1},
                {"old", {server(0, 0, milliseconds(201))}, 1},
                {"just not old", {server(0, 0, milliseconds(200))}, 0},
                {"no number", {server(std::nan(""), 0)}, 1},
                {"negative", {server(-5, -1)}, 0}};
  for (const auto& test : kCases) {
    EXPECT_DOUBLE_EQ(saturation(test.endpoints, UtilizationOptions{}, kNow), test.saturation)
        << test.what;
  }
}

TEST(Saturation, WhatStaleMetricsStandFor) {
  const std::vector<Endpoint> endpoints = {server(0, 0.4), server(0, 0, milliseconds(900)),
                                           Endpoint{}};
  const auto with = [&](StalePolicy policy) {
    return saturation(endpoints, UtilizationOptions{.stale = policy}, kNow);
  };
  EXPECT_DOUBLE_EQ(with(StalePolicy::kSaturated), 2.5 / 3);
  EXPECT_DOUBLE_EQ(with(StalePolicy::kLastKnown), 1.5 / 3);
  EXPECT_DOUBLE_EQ(with(StalePolicy::kIgnore), 0.5);
  EXPECT_DOUBLE_EQ(
      saturation(std::vector{Endpoint{}}, UtilizationOptions{.stale = StalePolicy::kIgnore}, kNow),
      1);
}

TEST(Saturation, ConcurrencyCountsWhatWeSent) {
  const std::vector<Endpoint> endpoints = {busy(100, 0), busy(0, 500'000)};
  const struct {
    ConcurrencyMode mode;
    double saturation;
  } kCases[] = {{ConcurrencyMode::kRequests, 0.5},
                {ConcurrencyMode::kTokens, 0.25},
                {ConcurrencyMode::kHybrid, 0.75}};
  for (const auto& test : kCases) {
    EXPECT_DOUBLE_EQ(saturation(endpoints, ConcurrencyOptions{.mode = test.mode}, kNow),
                     test.saturation);
  }
  EXPECT_DOUBLE_EQ(saturation({}, ConcurrencyOptions{}, kNow), 1);
}

TEST(Saturation, FiltersLetAnEndpointBurst) {
  const Endpoint full = busy(110, 0);
  EXPECT_TRUE(is_full(full, ConcurrencyOptions{}, kNow));
  EXPECT_FALSE(is_full(full, ConcurrencyOptions{.headroom = 0.2}, kNow));
  EXPECT_TRUE(is_full(busy(120, 0), ConcurrencyOptions{.headroom = 0.2}, kNow));
  EXPECT_FALSE(is_full(server(4.9, 0), UtilizationOptions{}, kNow));
}

// Two full prefill servers stop everything, however idle ten decoders are.
TEST(Saturation, OfStagesIsThatOfTheFullest) {
  const struct {
    const char* what;
    std::vector<Endpoint> endpoints;
    double saturation;
  } kCases[] = {
      {"none", {}, 1},
      {"without roles", {busy(50, 0), busy(0, 0)}, 0.25},
      {"prefill full", {busy(100, 0, "prefill"), busy(0, 0, "decode"), busy(0, 0)}, 1},
      {"decode full", {busy(0, 0, "prefill"), busy(200, 0, "decode"), busy(0, 0)}, 1},
      {"one for both", {busy(100, 0, "both"), busy(0, 0, "prefill")}, 1},
      {"encode", {busy(90, 0, "encode"), busy(0, 0, "prefill-decode")}, 0.9},
      {"a role of tomorrow", {busy(30, 0, "draft")}, 0.3},
  };
  for (const auto& test : kCases) {
    EXPECT_DOUBLE_EQ(staged_saturation(test.endpoints, ConcurrencyOptions{}, kNow), test.saturation)
        << test.what;
  }
}

TEST(Saturation, RolesOfEndpoints) {
  const struct {
    const char* role;
    const char* stages;  // First letters.
  } kCases[] = {{"", "d"},
                {"decode", "d"},
                {"prefill", "p"},
                {"both", "dp"},
                {"prefill-decode", "dp"},
                {"encode", "e"},
                {"encode-prefill", "pe"},
                {"encode-prefill-decode", "dpe"},
                {"encode-decode", ""}};
  for (const auto& test : kCases) {
    std::string stages;
    for (const Stage stage : {Stage::kDecode, Stage::kPrefill, Stage::kEncode}) {
      if (serves(busy(0, 0, test.role), stage)) stages += name_of(stage).front();
    }
    EXPECT_EQ(stages, test.stages) << test.role;
  }
}

TEST(Saturation, WithoutFlowControlOnlySheddableRequestsAreTurnedAway) {
  EXPECT_TRUE(admits_without_queue(0, 5));
  EXPECT_TRUE(admits_without_queue(-1, 0.99));
  EXPECT_FALSE(admits_without_queue(-1, 1));
}

TEST(ProbabilisticAdmitter, TurnsAwayTheMoreTheFuller) {
  const ProbabilisticAdmitterOptions kDefaults;
  const struct {
    std::vector<Endpoint> endpoints;
    double probability;
  } kCases[] = {{{}, 0},
                {{server(0, 0)}, 0},
                {{server(1, 0)}, 300 * std::pow(0.2, 5)},
                {{server(0, 0.16), server(1, 0)}, 300 * std::pow(0.2, 5)},
                {{server(1.7, 0)}, 1},
                {{Endpoint{}}, 1}};
  for (const auto& test : kCases) {
    EXPECT_NEAR(rejection_probability(test.endpoints, kDefaults), test.probability, 1e-12);
  }
  const std::vector<Endpoint> some = {server(1, 0)};  // 0.096
  EXPECT_TRUE(admits(0, some, kDefaults, 0));
  EXPECT_FALSE(admits(-1, some, kDefaults, 0.09));
  EXPECT_TRUE(admits(-1, some, kDefaults, 0.1));
  EXPECT_TRUE(admits(-1, {}, kDefaults, 0));
}

TEST(SaturationOptions, RefusesLimitsOutOfRange) {
  EXPECT_TRUE(validate(UtilizationOptions{}));
  EXPECT_TRUE(validate(ConcurrencyOptions{}));
  EXPECT_FALSE(validate(UtilizationOptions{.queue_depth_threshold = 0}));
  EXPECT_FALSE(validate(UtilizationOptions{.kv_usage_threshold = 1.5}));
  EXPECT_FALSE(validate(UtilizationOptions{.headroom = -1}));
  EXPECT_FALSE(validate(ConcurrencyOptions{.requests_max = 0}));
}

}  // namespace
}  // namespace rage::routing
