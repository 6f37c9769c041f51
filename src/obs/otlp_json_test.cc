#include "obs/otlp_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <string>
#include <vector>

namespace rage::obs {
namespace {

using namespace std::chrono_literals;

SpanRecord a_span() {
  SpanRecord span;
  span.context.trace_id.fill(0x0A);
  span.context.span_id.fill(0xB0);
  span.context.sampled = true;
  span.name = "POST /chat";
  span.kind = SpanKind::kServer;
  span.began = WallTime(1738311300s + 5ns);
  span.ended = WallTime(1738311301s);
  return span;
}

// A collector refuses a whole batch for one field that is not as the protocol has it.
TEST(OtlpJson, IsWhatTheProtocolHas) {
  SpanRecord span = a_span();
  span.parent = SpanId{1, 2, 3, 4, 5, 6, 7, 8};
  span.context.state = "a=1";
  span.attributes = {{.key = "http.response.status_code", .value = std::int64_t{200}},
                     {.key = "stream", .value = true},
                     {.key = "ratio", .value = 0.5},
                     {.key = "model", .value = std::string("phi-4")},
                     {.key = "reasons", .value = std::vector<std::string>{"stop", "length"}}};
  span.attributes_dropped = 2;
  span.failed = true;
  span.failure = "broke \"off\"";
  const std::vector<Attribute> resource = {
      {.key = "service.name", .value = std::string("rage-rag")}};
  EXPECT_EQ(render_otlp_json(std::span(&span, 1), resource, "1.2"),
            R"({"resourceSpans":[{"resource":{"attributes":[)"
            R"({"key":"service.name","value":{"stringValue":"rage-rag"}}]},)"
            R"("scopeSpans":[{"scope":{"name":"rage","version":"1.2"},"spans":[)"
            R"({"traceId":"0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a","spanId":"b0b0b0b0b0b0b0b0",)"
            R"("parentSpanId":"0102030405060708","traceState":"a=1","name":"POST /chat","kind":2,)"
            R"("startTimeUnixNano":"1738311300000000005","endTimeUnixNano":"1738311301000000000",)"
            R"("attributes":[{"key":"http.response.status_code","value":{"intValue":"200"}},)"
            R"({"key":"stream","value":{"boolValue":true}},)"
            R"({"key":"ratio","value":{"doubleValue":0.5}},)"
            R"({"key":"model","value":{"stringValue":"phi-4"}},)"
            R"({"key":"reasons","value":{"arrayValue":{"values":[)"
            R"({"stringValue":"stop"},{"stringValue":"length"}]}}}],)"
            R"("droppedAttributesCount":2,"status":{"code":2,"message":"broke \"off\""}}]}]}]})");
}

TEST(OtlpJson, TheFirstSpanOfATraceHasNoParentAndSpansAreAList) {
  const std::vector<SpanRecord> spans = {a_span(), a_span()};
  const std::string json = render_otlp_json(spans, {}, "1");
  EXPECT_EQ(json.find("parentSpanId"), std::string::npos);
  EXPECT_NE(json.find(R"("attributes":[]},{"traceId")"), std::string::npos) << json;
}

TEST(OtlpJson, WhatIsNoTextOrNoNumberStillParses) {
  SpanRecord span = a_span();
  span.name = "a\x01\xFF";
  span.began = span.ended + 1s;  // The clock was set back.
  span.attributes = {{.key = "x", .value = std::nan("")}};
  const std::string json = render_otlp_json(std::span(&span, 1), {}, "1");
  EXPECT_NE(json.find(R"("name":"a\u0001\ufffd")"), std::string::npos) << json;
  EXPECT_NE(json.find(R"({"stringValue":"nan"})"), std::string::npos) << json;
  EXPECT_NE(json.find(R"("startTimeUnixNano":"1738311302000000000","endTimeUnixNano":"1738311302)"),
            std::string::npos)
      << json;
}

}  // namespace
}  // namespace rage::obs
