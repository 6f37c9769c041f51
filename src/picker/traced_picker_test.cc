#include "picker/traced_picker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <utility>

#include "base/sha256.h"
#include "obs/kept_spans_for_test.h"

namespace rage::picker {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

constexpr const char* kTraceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

class Answering final : public EndpointPicker {
 public:
  explicit Answering(PickOutcome outcome) : outcome_(std::move(outcome)) {}
  std::unique_ptr<PickTicket> pick(PickRequest, std::function<void(PickOutcome)> done) override {
    done(outcome_);
    return nullptr;
  }
  bool ready() const override { return true; }
  void begin_drain() override {}

 private:
  const PickOutcome outcome_;
};

PickOutcome ask(const obs::Tracer& tracer, PickOutcome outcome, net::Headers headers) {
  Answering answering(std::move(outcome));
  TracedPicker picker(answering, tracer);
  std::optional<PickOutcome> got;
  (void)picker.pick({.headers = std::move(headers)},
                    [&](PickOutcome picked) { got = std::move(picked); });
  return got.value();
}

// Behind another proxy the picker's place in a trace is between it and the model server.
TEST(TracedPicker, APickIsASpanAndTheServerHangsBelow) {
  obs::KeptSpans kept;
  const obs::Tracer tracer({}, kept);
  const PickOutcome got =
      ask(tracer, {.pick = Pick{.destinations = {"10.0.0.1:8000"}, .model = "phi"}},
          {{"traceparent", kTraceparent}, {"tracestate", "a=1"}});
  const auto spans = kept.all();
  ASSERT_EQ(spans.size(), 1U);
  EXPECT_EQ(to_hex(*spans[0].parent), "b7ad6b7169203331");
  EXPECT_THAT(spans[0].attributes,
              Contains(obs::text_attribute("rage.pick.endpoint", "10.0.0.1:8000")));
  EXPECT_THAT(got.pick->request_headers,
              ElementsAre(Pair("traceparent", obs::render_traceparent(spans[0].context)),
                          Pair("tracestate", "a=1")));
}

TEST(TracedPicker, ARefusalIsAFailure) {
  obs::KeptSpans kept;
  const obs::Tracer tracer({}, kept);
  const PickOutcome got =
      ask(tracer, {.refusal = Refusal{.status = 429, .code_name = "TooManyRequests"}}, {});
  EXPECT_EQ(got.refusal->status, 429);
  ASSERT_EQ(kept.all().size(), 1U);
  EXPECT_TRUE(kept.all()[0].failed);
  EXPECT_EQ(kept.all()[0].parent, std::nullopt);
}

TEST(TracedPicker, WithTracingOffHeadersStayAsTheyAre) {
  const obs::Tracer off;
  const PickOutcome got =
      ask(off, {.pick = Pick{.destinations = {"10.0.0.1:8000"}}}, {{"traceparent", kTraceparent}});
  EXPECT_THAT(got.pick->request_headers, IsEmpty());
}

}  // namespace
}  // namespace rage::picker
