#include "obs/trace_context.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/sha256.h"

namespace rage::obs {
namespace {

constexpr const char* kGood = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

// A context that is not understood as others meant it would join or split traces at random.
TEST(TraceContext, ReadsWhatTheStandardShows) {
  const auto context = parse_trace_context(kGood, "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7");
  ASSERT_TRUE(context.has_value());
  EXPECT_EQ(to_hex(context->trace_id), "0af7651916cd43dd8448eb211c80319c");
  EXPECT_EQ(to_hex(context->span_id), "b7ad6b7169203331");
  EXPECT_TRUE(context->sampled);
  EXPECT_FALSE(context->random);
  EXPECT_EQ(context->state, "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7");
  EXPECT_EQ(render_traceparent(*context), kGood);
}

TEST(TraceContext, RefusesWhatIsNotWellFormed) {
  for (const std::string bad :
       {"", "00", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",    // Upper case.
        "00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01",    // No digit.
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",    // No trace.
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",    // No span.
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",  // Version 00 has no more.
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",    // Not a version.
        "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01x",
        "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319-b7ad6b71692033310-01"}) {
    EXPECT_EQ(parse_trace_context(bad, ""), std::nullopt) << bad;
  }
}

TEST(TraceContext, ReadsLaterVersionsAndAnswersInOurs) {
  const auto context =
      parse_trace_context("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03-what-comes", "");
  ASSERT_TRUE(context.has_value());
  EXPECT_EQ(render_traceparent(*context),
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03");
}

TEST(TraceContext, FlagsThatNobodyKnowsAreNotPassedOn) {
  const auto context =
      parse_trace_context("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-fc", "");
  ASSERT_TRUE(context.has_value());
  EXPECT_FALSE(context->sampled);
  EXPECT_EQ(render_traceparent(*context),
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00");
}

std::string state_of(const std::string& tracestate) {
  const auto context = parse_trace_context(kGood, tracestate);
  return context ? context->state : "no context";
}

// A bad `tracestate` must not cost the trace, and none may put a line break into our requests.
TEST(TraceContext, AStateThatIsNotWellFormedIsLeftOut) {
  EXPECT_EQ(state_of("a=1 , ,b@c=2"), "a=1,b@c=2");
  for (const std::string bad : {"a", "=1", "a=", "A=1", "a=1\r\nx: y", "a=1,b", "a=\x7f"}) {
    EXPECT_EQ(state_of(bad), "") << bad;
  }
  std::string many = "k0=v";
  for (int i = 1; i < 33; ++i) many += ",k" + std::to_string(i) + "=v";
  EXPECT_EQ(state_of(many), "");
}

TEST(TraceContext, OfALongStateTheLastMembersAreLeftOut) {
  const std::string first = "a=" + std::string(250, 'x');
  const std::string second = "b=" + std::string(250, 'x');
  EXPECT_EQ(state_of(first + "," + second + ",c=1234567890,d=1"), first + "," + second);
}

TEST(TraceContext, IdsDiffer) {
  EXPECT_NE(random_trace_id(), random_trace_id());
  EXPECT_NE(random_span_id(), random_span_id());
}

}  // namespace
}  // namespace rage::obs
