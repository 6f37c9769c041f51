#include "simulator/failure.h"

#include <gtest/gtest.h>

#include <vector>

namespace rage::simulator {
namespace {

using FailureKind = Failure::Kind;

TEST(Failure, IsRead) {
  const std::vector<std::pair<std::string_view, Failure>> cases = {
      {"status:503", {FailureKind::kStatus, 503}},
      {"reset-before-headers", {FailureKind::kResetBeforeHeaders, 0}},
      {"reset-mid-stream", {FailureKind::kResetMidStream, 3}},
      {"reset-mid-stream:0", {FailureKind::kResetMidStream, 0}},
      {"hang", {FailureKind::kHang, 0}},
      {"hang-mid-stream:17", {FailureKind::kHangMidStream, 17}},
  };
  for (const auto& [text, expected] : cases) {
    const auto failure = parse_failure(text);
    ASSERT_TRUE(failure) << text;
    EXPECT_EQ(*failure, expected) << text;
  }
}

TEST(Failure, NonsenseIsRefused) {
  for (const std::string_view text :
       {"", "status", "status:200", "status:600", "status:-1", "status:503x", "hang:1", "explode",
        "reset-mid-stream:", "reset-mid-stream:99999999", "Hang"}) {
    EXPECT_FALSE(parse_failure(text)) << text;
  }
}

TEST(FailureRule, HasAProbability) {
  EXPECT_EQ(parse_failure_rule("hang")->probability, 1);
  EXPECT_EQ(parse_failure_rule("status:500@0.25")->probability, 0.25);
  for (const std::string_view text : {"hang@", "hang@2", "hang@-1", "hang@nan", "@0.5"}) {
    EXPECT_FALSE(parse_failure_rule(text)) << text;
  }
}

TEST(FailureRule, TheDrawPicksByWeight) {
  const std::vector<FailureRule> rules = {{{FailureKind::kHang, 0}, 0.25},
                                          {{FailureKind::kStatus, 500}, 0.5}};
  EXPECT_EQ(draw_failure(rules, 0.0)->kind, FailureKind::kHang);
  EXPECT_EQ(draw_failure(rules, 0.25)->kind, FailureKind::kStatus);
  EXPECT_EQ(draw_failure(rules, 0.74)->kind, FailureKind::kStatus);
  EXPECT_FALSE(draw_failure(rules, 0.75));
  EXPECT_FALSE(draw_failure({}, 0.0));
}

}  // namespace
}  // namespace rage::simulator
