// The guardrails policy on every path of the chat endpoint.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "guardrails/reply_guard.h"
#include "ragserver/service_fixture.h"

namespace rage::ragserver {
namespace {

using codec::Json;
using testing::HasSubstr;
using testing::Not;

// The text of a source, so that one is near.
constexpr const char* kGuardedQuestion = "Ann is at ann@example.com, whoever asks.";
constexpr const char* kRedact = "scanners: [{type: sensitive}]\n";
constexpr const char* kBlock = "scanners: [{type: sensitive, action: block}]\n";

struct GuardrailsTest : ServiceFixture {
  void hold_to(const std::string& policy) {
    ASSERT_TRUE(write_file_atomically(path, policy));
    guardrails = *guardrails::OutputGuardrails::create(
        {.enabled = true, .policy = path, .hot_reload = false}, clock);
    service = std::make_unique<RagService>(
        *collections, &llm,
        RagServiceOptions{
            .chat = {.answer_mode = rag::AnswerMode::kModel, .grounding = rag::GroundingMode::kOff},
            .guardrails = guardrails.get()});
  }
  RecordingWriter ask(const Json& more = Json::object()) {
    Json body = {{"model", "m"}, {"messages", {{{"role", "user"}, {"content", kGuardedQuestion}}}}};
    body.update(more);
    return post(kChatPath, body);
  }
  void answer(const Json& message) {
    const Json completion = {
        {"id", "up-1"},
        {"choices", {{{"index", 0}, {"finish_reason", "stop"}, {"message", message}}}}};
    llm.reply = {.status = 200, .content_type = "application/json", .body = completion.dump()};
  }
  std::string metrics() { return call("GET", "/metrics").body; }

  std::filesystem::path path = directory->path() / "policy.yaml";
  SystemClock clock;
  std::unique_ptr<guardrails::OutputGuardrails> guardrails;
};

TEST_F(GuardrailsTest, ThePassedThroughReplyIsHeldToThePolicy) {
  hold_to(kRedact);
  answer({{"role", "assistant"}, {"content", "ann@example.com"}, {"reasoning_content", "a@b.cc"}});
  const auto reply = ask();
  ASSERT_EQ(reply.status, 200) << reply.body;
  EXPECT_EQ(reply.json()["id"], "up-1");
  EXPECT_EQ(reply.json()["choices"][0]["message"]["content"], "<EMAIL>");
  EXPECT_EQ(reply.json()["choices"][0]["message"]["reasoning_content"], "<EMAIL>");
  EXPECT_THAT(metrics(), HasSubstr("response_actions_total{final_action=\"redact\"} 1"));
}

// The original fails with 500 once a message of the request is a list of parts.
TEST_F(GuardrailsTest, WhatIsAskedMayHaveParts) {
  hold_to(kRedact);
  answer({{"role", "assistant"}, {"content", "ann@example.com"}});
  const Json parts = Json::array({{{"type", "text"}, {"text", "Be brief."}}});
  const auto reply =
      ask({{"messages",
            {{{"role", "system"}, {"content", parts}}, {{"role", "user"}, {"content", parts}}}}});
  ASSERT_EQ(reply.status, 200) << reply.body;
  EXPECT_EQ(reply.json()["choices"][0]["message"]["content"], "<EMAIL>");
}

TEST_F(GuardrailsTest, ABlockedReplySaysTheBlockMessage) {
  hold_to(kBlock);
  answer({{"role", "assistant"}, {"content", "ann@example.com"}});
  const auto reply = ask();
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.json()["choices"][0]["message"]["content"], guardrails::kBlockMessage);
}

TEST_F(GuardrailsTest, WhatCannotBeScannedIsAnError) {
  hold_to(kRedact);
  llm.reply.body = R"({"id": "x", "text": "ann@example.com"})";
  const auto reply = ask();
  EXPECT_EQ(reply.status, 500);
  EXPECT_EQ(reply.json()["detail"], guardrails::kScanFailed);
  EXPECT_THAT(metrics(), HasSubstr("rag_chat_requests_total{status=\"failure\"} 1"));
  EXPECT_THAT(metrics(), HasSubstr("response_actions_total{final_action=\"fail_closed\"} 1"));
  llm.reply = {.status = 429, .content_type = "application/json", .body = "slow down"};
  EXPECT_EQ(ask().status, 429);
}

TEST_F(GuardrailsTest, GroundedAnswersAndTheirSourcesAreHeldToThePolicy) {
  hold_to(kRedact);
  index("people", {{{"text", kGuardedQuestion}}});
  llm.pieces = {"Ann is at ann@", "example.com. "};
  const Json more = {{"index_name", "people"}, {"grounding_mode", "off"}};
  const auto reply = ask(more);
  ASSERT_EQ(reply.status, 200) << reply.body;
  EXPECT_EQ(reply.json()["choices"][0]["message"]["content"], "Ann is at <EMAIL>. ");
  const std::string source = "Ann is at <EMAIL>, whoever asks.";
  EXPECT_EQ(reply.json()["source_nodes"][0]["text"], source);
  Json streaming = more;
  streaming["stream"] = true;
  const auto stream = ask(streaming);
  EXPECT_EQ(stream.events().back()["source_nodes"][0]["text"], source);
  std::string text;
  for (const Json& event : stream.events()) {
    text += event["choices"][0]["delta"].value("content", "");
  }
  EXPECT_EQ(text, "Ann is at <EMAIL>. ");
  EXPECT_THAT(stream.body, HasSubstr("data: [DONE]"));
}

// A blocked stream is a whole reply: the model is left, the client sees an end.
TEST_F(GuardrailsTest, ABlockedStreamEndsAndTheModelIsLeft) {
  hold_to(kBlock);
  llm.reply = {.status = 200,
               .content_type = "text/event-stream",
               .body =
                   "data: {\"id\":\"s1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":"
                   "\"a@b.cc and\"}}]}\n\n"};
  llm.broken = true;
  const auto passed = ask({{"stream", true}});
  EXPECT_EQ(passed.status, 200);
  EXPECT_FALSE(passed.aborted);
  EXPECT_EQ(passed.events().back()["choices"][0]["finish_reason"], "content_filter");
  EXPECT_THAT(passed.body, testing::EndsWith("data: [DONE]\n\n"));
  index("people", {{{"text", kGuardedQuestion}}});
  llm.pieces = {"It is a@b.cc. ", "More. "};
  const auto grounded =
      ask({{"index_name", "people"}, {"grounding_mode", "off"}, {"stream", true}});
  EXPECT_THAT(grounded.body, HasSubstr("content_filter"));
  EXPECT_THAT(grounded.body, Not(HasSubstr("More")));
  EXPECT_THAT(metrics(), HasSubstr("rag_chat_requests_total{status=\"success\"} 2"));
}

TEST_F(GuardrailsTest, AStreamThatBreaksOffStillLooksBroken) {
  hold_to(kRedact);
  llm.reply = {.status = 200,
               .content_type = "text/event-stream",
               .body = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hm\"}}]}\n\n"};
  llm.broken = true;
  EXPECT_TRUE(ask({{"stream", true}}).aborted);
}

TEST_F(GuardrailsTest, APolicyWithoutScannersChangesNoByte) {
  hold_to("scanners: []");
  answer({{"role", "assistant"}, {"content", "ann@example.com"}});
  EXPECT_THAT(ask().body, HasSubstr("ann@example.com"));
}

TEST_F(GuardrailsTest, SaysWhatIsInForce) {
  EXPECT_EQ(call("GET", "/guardrails/policy").json(), Json({{"enabled", false}}));
  hold_to(kBlock);
  const Json described = call("GET", "/guardrails/policy").json();
  EXPECT_EQ(described["enabled"], true);
  EXPECT_EQ(described["scanners"][0]["type"], "sensitive");
  EXPECT_EQ(described["scanners"][0]["action"], "block");
  EXPECT_TRUE(described["problem"].is_null());
  EXPECT_TRUE(call("GET", "/health").json()["detail"].is_null());
  ASSERT_TRUE(write_file_atomically(path, "scanners: 5"));
  guardrails->look();
  EXPECT_THAT(call("GET", "/guardrails/policy").json()["problem"].get<std::string>(),
              HasSubstr("must be a list"));
  EXPECT_THAT(call("GET", "/health").json()["detail"].get<std::string>(),
              HasSubstr("last good one is in force"));
  EXPECT_EQ(call("GET", "/health").status, 200);
}

}  // namespace
}  // namespace rage::ragserver
