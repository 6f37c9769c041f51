// What a trace tells of a request: who asked, what was picked, what was tried, in which order.
#include "base/sha256.h"
#include "gateway/fake_picker_for_test.h"
#include "gateway/gateway_fixture.h"
#include "obs/kept_spans_for_test.h"

namespace rage::gateway {
namespace {

using obs::number_attribute;
using obs::SpanRecord;
using obs::text_attribute;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kTraceparent =
    "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"
    "tracestate: a=1\r\n";
constexpr const char* kUnsampled =
    "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00\r\n";

class Trace : public GatewayFixture {
 protected:
  void SetUp() override { options_.tracer = &tracer_; }
  void TearDown() override { gateway_.reset(); }  // Before what it uses.

  // All that was told, once nothing runs any more.
  std::vector<SpanRecord> spans() {
    gateway_.reset();
    return kept_.all();
  }
  static std::string traceparent_of(const SpanRecord& span) {
    return "traceparent: " + obs::render_traceparent(span.context) + "\r\n";
  }

  obs::KeptSpans kept_;
  obs::Tracer tracer_{{}, kept_};
};

// Somebody looks for the slow hop: each has its own span, below the caller's.
TEST_F(Trace, ShowsThePickAndEachAttempt) {
  TestUpstream dead([](RawStream& stream) { stream.close(); });
  TestUpstream upstream(echoing());
  const auto picker = std::make_shared<FakePicker>([&](const picker::PickRequest&) {
    return picker::PickOutcome{.pick =
                                   picker::Pick{.destinations = {dead.text(), upstream.text()}}};
  });
  route("/", to_pool("pool"));
  pool("pool", {.picker = picker});
  start();
  const std::string reply =
      ask(post("/v1/completions", R"({"model":"phi","prompt":"hush"})", kTraceparent));
  const auto all = spans();
  ASSERT_EQ(all.size(), 4U);
  const SpanRecord& pick = all[0];
  const SpanRecord& failed = all[1];
  const SpanRecord& attempt = all[2];
  const SpanRecord& request = all[3];
  EXPECT_EQ(to_hex(*request.parent), "b7ad6b7169203331");
  for (const SpanRecord* below : {&pick, &failed, &attempt}) {
    EXPECT_EQ(below->parent, request.context.span_id) << below->name;
  }
  EXPECT_EQ(request.kind, obs::SpanKind::kServer);
  EXPECT_EQ(attempt.kind, obs::SpanKind::kClient);
  EXPECT_EQ(pick.name, "pick endpoint");
  EXPECT_THAT(pick.attributes, Contains(text_attribute("rage.pick.endpoint", dead.text())));
  EXPECT_TRUE(failed.failed);
  EXPECT_FALSE(attempt.failed);
  EXPECT_THAT(attempt.attributes, Contains(number_attribute("http.response.status_code", 200)));
  EXPECT_THAT(request.attributes, Contains(number_attribute("rage.gateway.retries", 1)));
  EXPECT_THAT(request.attributes, Contains(text_attribute("rage.gateway.route", "ns/route")));
  EXPECT_THAT(request.attributes, Contains(text_attribute("gen_ai.request.model", "phi")));
  // The upstream and the picker hang below what asked them.
  EXPECT_THAT(reply, HasSubstr(traceparent_of(attempt)));
  EXPECT_THAT(reply, HasSubstr("tracestate: a=1\r\n"));
  EXPECT_THAT(reply, Not(HasSubstr("b7ad6b7169203331")));
  const auto asked = picker->requests.with([](auto& requests) { return requests.at(0); });
  EXPECT_EQ(asked.headers.find("traceparent"), obs::render_traceparent(pick.context));
}

TEST_F(Trace, ARefusalIsAFailure) {
  const auto picker = std::make_shared<FakePicker>([](const picker::PickRequest&) {
    return picker::PickOutcome{
        .refusal = picker::Refusal{.status = 503, .code_name = "ServiceUnavailable"}};
  });
  route("/", to_pool("pool"));
  pool("pool", {.picker = picker});
  start();
  (void)ask(post("/v1/completions", R"({"model":"phi"})"));
  const auto all = spans();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_THAT(all[0].attributes, Contains(text_attribute("error.type", "ServiceUnavailable")));
  EXPECT_TRUE(all[1].failed);
  EXPECT_THAT(all[1].attributes, Contains(number_attribute("http.response.status_code", 503)));
  EXPECT_EQ(all[1].parent, std::nullopt);
}

TEST_F(Trace, WhatIsNotSampledIsPassedOnAndNotTold) {
  TestUpstream upstream(echoing());
  serve({upstream.address()});
  start();
  EXPECT_THAT(ask(post("/", "x", kUnsampled)),
              HasSubstr("traceparent: 00-0af7651916cd43dd8448eb211c80319c-"));
  EXPECT_TRUE(spans().empty());
}

// A gateway without a collector is no reason to break others' traces.
TEST_F(Trace, WithTracingOffTheHeadersPassAsTheyCame) {
  const obs::Tracer off;
  options_.tracer = &off;
  TestUpstream upstream(echoing());
  serve({upstream.address()});
  start();
  EXPECT_THAT(ask(post("/", "x", kTraceparent)), HasSubstr(kTraceparent));
  EXPECT_TRUE(spans().empty());
}

}  // namespace
}  // namespace rage::gateway
