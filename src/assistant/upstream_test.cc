#include "assistant/upstream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "assistant/fakes_for_test.h"
#include "obs/kept_spans_for_test.h"

namespace rage::assistant {
namespace {

using std::chrono::milliseconds;

struct UpstreamTest : testing::Test {
  FakeClock clock;
  ScriptedTransport transport;
  std::unique_ptr<Upstream> upstream =
      *Upstream::create(transport, clock, {.base_url = "http://gateway/rag", .api_key = "key"});
  const codec::Json body = {{"model", "m"}};
  std::string heard;
  const OnText hear = [this](std::string_view text) {
    heard += text;
    return true;
  };
};

net::HttpResponse a_refusal(int status) {
  return net::HttpResponse::json(status, R"({"error":{"message":"no"}})");
}

// A model that restarts costs the user a pause, not the answer.
TEST_F(UpstreamTest, AsksAgainAsOpenAisClientsDo) {
  transport.replies = {{.status = 0}, a_refusal(503), a_completion("\"Yes.\"")};
  const auto answer = upstream->complete({}, body);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->text, "Yes.");
  EXPECT_EQ(answer->model, "m-1");
  EXPECT_EQ(answer->grounding["mode"], "composed");
  ASSERT_EQ(transport.asked.size(), 3U);
  EXPECT_EQ(transport.asked[2].url, "http://gateway/rag/chat/completions");
  EXPECT_EQ(transport.asked[2].headers.find("x-stainless-retry-count"), "2");
  EXPECT_EQ(transport.asked[2].headers.find("authorization"), "Bearer key");
  ASSERT_EQ(clock.slept.size(), 2U);
  EXPECT_LE(clock.slept[0], milliseconds(500));
  EXPECT_GE(clock.slept[1], milliseconds(750));
}

// The page shows who answered: a model server says so with its models, a RAG service by itself.
TEST_F(UpstreamTest, SaysWhichModelStandsIn) {
  upstream = *Upstream::create(transport, clock,
                               {.base_url = "http://gateway/v1", .asks_for_stand_ins = true});
  transport.replies = {
      net::HttpResponse::json(200, R"({"model":"phi-4","choices":[{"message":{"content":"x"}}]})"),
      net::HttpResponse::json(
          200, R"({"data":[{"id":"phi-4","tags":["rage.dev/substituted-model=phi-4 -> small"]}]})"),
      a_completion("\"Composed.\"")};
  EXPECT_EQ(upstream->complete({}, body)->stand_in, "phi-4 -> small");
  EXPECT_EQ(transport.asked.at(1).url, "http://gateway/v1/models");
  EXPECT_EQ(upstream->complete({}, body)->stand_in, "");
  EXPECT_EQ(transport.asked.size(), 3U);
}

TEST_F(UpstreamTest, GivesUpAfterThreeTriesAndAtOnceWhereItIsNoUse) {
  transport.replies = {a_refusal(500)};
  EXPECT_EQ(upstream->complete({}, body).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(transport.asked.size(), 3U);
  for (const auto& [status, code] : {std::pair{400, ErrorCode::kInvalidArgument},
                                     {401, ErrorCode::kUnauthenticated},
                                     {404, ErrorCode::kNotFound}}) {
    transport.asked.clear();
    transport.replies = {a_refusal(status)};
    EXPECT_EQ(upstream->complete({}, body).error().code, code);
    EXPECT_EQ(transport.asked.size(), 1U) << status;
  }
}

TEST(UpstreamRules, WhenAndHowLong) {
  for (const int status : {408, 409, 429, 500, 503}) EXPECT_TRUE(is_worth_a_retry(status));
  for (const int status : {400, 401, 404, 422}) EXPECT_FALSE(is_worth_a_retry(status));
  EXPECT_EQ(retry_pause(0, std::nullopt, 0), milliseconds(500));
  EXPECT_EQ(retry_pause(9, std::nullopt, 0), milliseconds(8000));
  EXPECT_EQ(retry_pause(0, std::nullopt, 1), milliseconds(375));
  EXPECT_EQ(retry_pause(0, milliseconds(3000), 0.5), milliseconds(3000));
}

TEST_F(UpstreamTest, StreamsAndKeepsWhatCameBesides) {
  transport.replies = {a_stream({"One. ", "Two."})};
  const auto answer = upstream->stream({}, body, hear);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(heard, "One. Two.");
  EXPECT_EQ(answer->usage["completion_tokens"], 3);
  EXPECT_EQ(answer->grounding["mode"], "model");
}

// A broken-off answer must not look whole, and must not be said twice.
TEST_F(UpstreamTest, AStreamThatEndsEarlyIsAnErrorAndNotRepeated) {
  transport.replies = {a_stream({"One. "}, false)};
  EXPECT_EQ(upstream->stream({}, body, hear).error().code, ErrorCode::kDataLoss);
  EXPECT_EQ(heard, "One. ");
  EXPECT_EQ(transport.asked.size(), 1U);
}

// KAITO's engine refuses "stream"; the answer then comes whole.
TEST_F(UpstreamTest, AnUpstreamThatCannotStreamIsAskedForTheWhole) {
  transport.replies = {a_refusal(400), a_completion("\"Whole.\"")};
  ASSERT_TRUE(upstream->stream({}, body, hear));
  EXPECT_EQ(heard, "Whole.");
  EXPECT_EQ(transport.asked[1].body, R"({"model":"m"})");
}

// Who reads a trace must see one question with its pauses, not three unrelated requests.
TEST_F(UpstreamTest, InATraceAQuestionIsOneSpan) {
  obs::KeptSpans kept;
  const obs::Tracer tracer({}, kept);
  obs::Span server = tracer.begin("POST /chat", obs::SpanKind::kServer, std::nullopt);
  const obs::SpanScope scope(server);
  transport.replies = {a_refusal(503), a_completion("\"Yes.\"")};
  ASSERT_TRUE(upstream->complete({}, body));
  transport.replies = {a_refusal(400)};
  ASSERT_FALSE(upstream->complete({}, body));
  const auto spans = kept.all();
  ASSERT_EQ(spans.size(), 2U);
  const obs::SpanRecord& answered = spans[0];
  EXPECT_EQ(answered.name, "chat m");
  EXPECT_EQ(answered.kind, obs::SpanKind::kClient);
  EXPECT_EQ(answered.parent, server.context()->span_id);
  EXPECT_THAT(answered.attributes,
              testing::Contains(obs::number_attribute("http.request.resend_count", 1)));
  EXPECT_THAT(answered.attributes,
              testing::Contains(obs::text_attribute("gen_ai.response.model", "m-1")));
  EXPECT_TRUE(spans[1].failed);
  EXPECT_EQ(spans[1].failure, "");  // An upstream's words may quote the question.
}

}  // namespace
}  // namespace rage::assistant
