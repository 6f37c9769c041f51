#include "guardrails/reply_guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rage::guardrails {
namespace {

using codec::Json;

std::shared_ptr<const Policy> policy_with_action(const std::string& action) {
  return *load_policy("scanners:\n- {type: sensitive, action: " + action + "}\n");
}

Json completion(const Json& message) {
  return {{"id", "chatcmpl-555-123-4567"},
          {"model", "m"},
          {"choices",
           {{{"index", 0},
             {"finish_reason", "stop"},
             {"logprobs", {{"content", {{{"token", "a@b.cc"}}}}}},
             {"message", message}}}},
          {"usage", {{"total_tokens", 9}}}};
}

Json guarded(const std::string& action, const Json& message, const Json& more = Json::object()) {
  Json reply = completion(message);
  reply.update(more);
  Outcome outcome;
  const auto shown = guard_completion(*policy_with_action(action), reply, outcome);
  EXPECT_TRUE(shown);
  return shown ? *shown : Json();
}

// KAITO's service scans the content alone; what it thought, called and cited says the same things.
TEST(GuardCompletion, LooksAtEverythingThatIsSaid) {
  const Json call = {
      {"id", "c1"},
      {"type", "function"},
      {"function",
       {{"name", "mail"}, {"arguments", R"({"to": "ann\u0040b.cc", "card": 4111111111111111})"}}}};
  const Json reply = guarded(
      "redact",
      {{"role", "assistant"},
       {"content", "ask a@b.cc"},
       {"reasoning_content", "a@b.cc knows"},
       {"refusal", nullptr},
       {"tool_calls", {call}}},
      {{"source_nodes", {{{"doc_id", "5551234567-1"}, {"text", "by a@b.cc"}, {"score", 0.5}}}},
       {"grounding", {{"question", "a@b.cc?"}, {"citations", {{{"title", "a@b.cc"}}}}}}});
  const Json& message = reply["choices"][0]["message"];
  EXPECT_EQ(message["content"], "ask <EMAIL>");
  EXPECT_EQ(message["reasoning_content"], "<EMAIL> knows");
  EXPECT_EQ(message["tool_calls"][0]["function"]["arguments"],
            R"({"to":"<EMAIL>","card":<CREDIT_CARD>})");
  EXPECT_TRUE(reply["choices"][0]["logprobs"].is_null());
  EXPECT_EQ(reply["source_nodes"][0]["text"], "by <EMAIL>");
  EXPECT_EQ(reply["source_nodes"][0]["doc_id"], "5551234567-1");
  EXPECT_EQ(reply["grounding"]["citations"][0]["title"], "<EMAIL>");
  EXPECT_EQ(reply["grounding"]["question"], "a@b.cc?");
  EXPECT_EQ(reply["id"], "chatcmpl-555-123-4567");
  EXPECT_EQ(reply["usage"]["total_tokens"], 9);
}

TEST(GuardCompletion, ABlockedMessageSaysNothingElse) {
  const Json reply = guarded(
      "block", {{"role", "assistant"}, {"content", "fine"}, {"reasoning_content", "a@b.cc"}},
      {{"source_nodes", {{{"text", "by a@b.cc"}}, {{"text", "other"}}}},
       {"grounding", {{"sentences", {{{"text", "fine"}}}}}}});
  const Json& message = reply["choices"][0]["message"];
  EXPECT_EQ(message["content"], kBlockMessage);
  EXPECT_EQ(message["role"], "assistant");
  EXPECT_TRUE(message["reasoning_content"].is_null());
  EXPECT_EQ(reply["choices"][0]["finish_reason"], "stop");
  EXPECT_EQ(reply["source_nodes"][0]["text"], kBlockMessage);
  EXPECT_EQ(reply["source_nodes"][1]["text"], "other");
  EXPECT_TRUE(reply["grounding"]["sentences"].empty());
}

TEST(GuardCompletion, TextParts) {
  const Json parts = {{{"type", "text"}, {"text", "a@b.cc"}}};
  EXPECT_EQ(guarded("redact", {{"content", parts}})["choices"][0]["message"]["content"][0]["text"],
            "<EMAIL>");
}

// What cannot be scanned must not pass.
TEST(GuardCompletion, FailsClosed) {
  const auto policy = policy_with_action("redact");
  const Json cases[] = {
      Json::array(),
      Json::object(),
      {{"choices", Json::array()}},
      {{"choices", {5}}},
      {{"choices", {{{"index", 0}}}}},
      completion("text"),
      completion({{"content", 5}}),
      completion({{"content", {{{"type", "image_url"}}}}}),
      completion({{"audio", {{"data", "AAAA"}}}}),
      completion({{"tool_calls", "mail"}}),
      completion({{"tool_calls", {{{"function", {{"arguments", 5}}}}}}}),
      completion({{"content", std::string(kTextBytesMax + 1, 'a')}}),
  };
  for (const Json& reply : cases) {
    Outcome outcome;
    const auto shown = guard_completion(*policy, reply, outcome);
    ASSERT_FALSE(shown) << reply.dump().substr(0, 200);
    EXPECT_EQ(shown.error().message, kScanFailed);
  }
}

}  // namespace
}  // namespace rage::guardrails
