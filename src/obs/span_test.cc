#include "obs/span.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "obs/kept_spans_for_test.h"
#include "obs/tracer.h"

namespace rage::obs {
namespace {

using testing::ElementsAre;
using testing::Field;

TraceContext a_parent(bool sampled) {
  TraceContext parent{.sampled = sampled};
  parent.trace_id.fill(7);
  parent.span_id.fill(9);
  parent.state = "vendor=1";
  return parent;
}

// Without the right parents a trace is a heap of spans.
TEST(Span, AChildBelongsToWhatItsThreadWorksOn) {
  KeptSpans kept;
  const Tracer tracer({}, kept);
  {
    Span server = tracer.begin("POST /chat", SpanKind::kServer, a_parent(true));
    const SpanScope scope(server);
    ScopedSpan retrieve("retrieve");
    ScopedSpan embed("embed");
    embed->set("rows", 3U);
  }
  EXPECT_FALSE(current_span().context().has_value());
  const auto spans = kept.all();
  ASSERT_EQ(spans.size(), 3U);
  EXPECT_THAT(spans,
              ElementsAre(Field(&SpanRecord::name, "embed"), Field(&SpanRecord::name, "retrieve"),
                          Field(&SpanRecord::name, "POST /chat")));
  EXPECT_EQ(spans[0].parent, spans[1].context.span_id);
  EXPECT_EQ(spans[1].parent, spans[2].context.span_id);
  EXPECT_EQ(spans[2].parent, a_parent(true).span_id);
  for (const SpanRecord& span : spans) {
    EXPECT_EQ(span.context.trace_id, a_parent(true).trace_id);
    EXPECT_EQ(span.context.state, "vendor=1");
    EXPECT_LE(span.began, span.ended);
  }
  EXPECT_THAT(spans[0].attributes, ElementsAre(number_attribute("rows", 3)));
}

TEST(Span, AnotherThreadWorksOnItOnceTold) {
  KeptSpans kept;
  const Tracer tracer({}, kept);
  Span server = tracer.begin("POST /chat", SpanKind::kServer, std::nullopt);
  const SpanId asked = server.context()->span_id;
  std::jthread([&server] {
    const SpanScope scope(server);
    const ScopedSpan chat("chat", SpanKind::kClient);
  }).join();
  ASSERT_EQ(kept.all().size(), 1U);
  EXPECT_EQ(kept.all()[0].parent, asked);
}

// Where tracing is off here, a trace of others still goes through.
TEST(Span, WhatIsNotRecordedIsPassedOn) {
  const Tracer off;
  Span server = off.begin("POST /chat", SpanKind::kServer, a_parent(true));
  const SpanScope scope(server);
  const ScopedSpan chat("chat");
  EXPECT_FALSE(server.is_recorded());
  EXPECT_EQ(current_span().context(), a_parent(true));
  EXPECT_FALSE(off.begin("GET /", SpanKind::kServer, std::nullopt).context().has_value());
}

TEST(Span, WhatIsNotSampledTellsOthersSo) {
  KeptSpans kept;
  const Tracer tracer({}, kept);
  {
    Span server = tracer.begin("POST /chat", SpanKind::kServer, a_parent(false));
    const SpanScope scope(server);
    const ScopedSpan chat("chat");
    ASSERT_TRUE(current_span().context().has_value());
    EXPECT_FALSE(current_span().context()->sampled);
    EXPECT_EQ(current_span().context()->trace_id, a_parent(false).trace_id);
  }
  EXPECT_TRUE(kept.all().empty());
}

// A request must not be able to fill the memory of the service that tells about it.
TEST(Span, AttributesAreBounded) {
  KeptSpans kept;
  const Tracer tracer({}, kept);
  {
    Span span = tracer.begin("x", SpanKind::kInternal, std::nullopt);
    span.set("long", std::string(100'000, 'a'));
    span.set("long again", "short");
    span.set("long again", "other");  // Replaces.
    for (int i = 0; i < 100; ++i) span.set("key" + std::to_string(i), i);
  }
  const SpanRecord span = kept.all().at(0);
  EXPECT_EQ(span.attributes.size(), Span::kAttributesMax);
  EXPECT_EQ(span.attributes_dropped, 38U);
  EXPECT_EQ(std::get<std::string>(span.attributes[0].value).size(), Span::kTextBytesMax);
  EXPECT_EQ(std::get<std::string>(span.attributes[1].value), "other");
}

TEST(Span, AFailureHasAType) {
  KeptSpans kept;
  const Tracer tracer({}, kept);
  {
    Span span = tracer.begin("x", SpanKind::kInternal, std::nullopt);
    span.fail("UNAVAILABLE", "no connection");
    Span moved = std::move(span);
    moved.rename("y");
    moved.end();
    moved.end();
  }
  const auto spans = kept.all();
  ASSERT_EQ(spans.size(), 1U);
  EXPECT_EQ(spans[0].name, "y");
  EXPECT_TRUE(spans[0].failed);
  EXPECT_EQ(spans[0].failure, "no connection");
  EXPECT_EQ(std::get<std::string>(spans[0].attributes.at(0).value), "UNAVAILABLE");
}

// Two services that decide differently about one trace tell half of it.
TEST(Sampler, DecidesByTheParentOrByTheTrace) {
  TraceId low{};
  low[15] = 1;
  TraceId high{};
  high.fill(0xFF);
  EXPECT_TRUE(is_sampled({}, std::nullopt, high));
  EXPECT_TRUE(is_sampled({.ratio = 0}, a_parent(true), high));
  EXPECT_FALSE(is_sampled({.ratio = 1}, a_parent(false), low));
  EXPECT_TRUE(is_sampled({.parent_based = false, .ratio = 1}, a_parent(false), low));
  EXPECT_FALSE(is_sampled({.parent_based = false, .ratio = 0}, a_parent(true), low));
  EXPECT_TRUE(is_sampled({.ratio = 0.5}, std::nullopt, low));
  EXPECT_FALSE(is_sampled({.ratio = 0.5}, std::nullopt, high));
}

TEST(Sampler, TakesItsShareOfRandomTraces) {
  int sampled = 0;
  for (int i = 0; i < 4000; ++i) {
    sampled += is_sampled({.ratio = 0.25}, std::nullopt, random_trace_id()) ? 1 : 0;
  }
  EXPECT_GT(sampled, 800);  // 1000 expected; 7 standard deviations away.
  EXPECT_LT(sampled, 1200);
}

}  // namespace
}  // namespace rage::obs
