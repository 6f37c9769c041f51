#include "guardrails/stream_guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "guardrails/splits_for_test.h"

namespace rage::guardrails {
namespace {

using codec::Json;
using testing::HasSubstr;
using testing::Not;

std::shared_ptr<const Policy> stream_policy(const std::string& scanners) {
  return *load_policy("scanners:\n" + scanners);
}

const std::string kRedact = "- {type: sensitive}\n- {type: secrets}\n";
const std::string kBlock = "- {type: sensitive, action: block}\n";

std::string event(const Json& value) {
  return codec::render_sse(codec::render_json(value));
}

std::string chunk(const Json& delta, const Json& finish_reason = nullptr) {
  return event({{"id", "c1"},
                {"object", "chat.completion.chunk"},
                {"created", 7},
                {"model", "m-1"},
                {"choices", {{{"index", 0}, {"delta", delta}, {"finish_reason", finish_reason}}}}});
}

struct Shown {
  std::string text;
  std::map<std::string, std::string> content;  // By field of the delta, put together.
  std::vector<Json> events;
  std::vector<std::string> reasons;
  bool done = false;
  bool refused = false;
  FinalAction action = FinalAction::kAllow;
};

Shown read(std::string text) {
  Shown shown{.text = std::move(text)};
  codec::SseParser parser;
  EXPECT_TRUE(parser.feed(shown.text, [&](const codec::SseEvent& each) {
    if (each.data == "[DONE]") {
      shown.done = true;
      return;
    }
    shown.events.push_back(*codec::parse_json(each.data));
    const Json& last = shown.events.back();
    if (!last.contains("choices") || last["choices"].empty()) return;
    const Json& choice = last["choices"][0];
    for (const auto& [key, value] : choice["delta"].items()) {
      if (value.is_string() && key != "role") shown.content[key] += value.get<std::string>();
    }
    if (choice["finish_reason"].is_string()) shown.reasons.push_back(choice["finish_reason"]);
  }));
  return shown;
}

Shown run(const std::string& scanners, const std::vector<std::string>& pieces) {
  StreamGuard guard(stream_policy(scanners));
  std::string text;
  for (const std::string& piece : pieces) text += guard.feed(piece);
  text += guard.finish();
  Shown shown = read(std::move(text));
  shown.refused = guard.refused();
  shown.action = guard.outcome().action;
  return shown;
}

TEST(StreamGuard, FindsWhatIsCutAndKeepsTheRest) {
  const Shown shown = run(
      kRedact, {chunk({{"role", "assistant"}, {"content", ""}}), chunk({{"content", "ask ann@"}}),
                chunk({{"content", "example"}}), chunk({{"content", ".com, now"}}),
                chunk(Json::object(), "stop"),
                event({{"id", "c1"}, {"choices", Json::array()}, {"usage", {{"total_tokens", 5}}}}),
                "data: [DONE]\n\n"});
  EXPECT_EQ(shown.content.at("content"), "ask <EMAIL>, now");
  EXPECT_TRUE(shown.done);
  EXPECT_THAT(shown.reasons, testing::ElementsAre("stop"));
  EXPECT_EQ(shown.events.front()["choices"][0]["delta"]["role"], "assistant");
  EXPECT_EQ(shown.events.back()["usage"]["total_tokens"], 5);
  for (const Json& each : shown.events) EXPECT_EQ(each["id"], "c1");
  EXPECT_EQ(shown.events[1]["model"], "m-1");
  EXPECT_EQ(shown.action, FinalAction::kRedact);
}

// KAITO's service relays such an event as it came, after the redacted text.
TEST(StreamGuard, AnEventWithTextAndFinishReasonIsGuarded) {
  const Shown shown =
      run(kRedact, {chunk({{"content", "mail a@b.cc"}}, "stop"), "data: [DONE]\n\n"});
  EXPECT_EQ(shown.content.at("content"), "mail <EMAIL>");
  EXPECT_THAT(shown.text, Not(HasSubstr("a@b.cc")));
  EXPECT_THAT(shown.reasons, testing::ElementsAre("stop"));
}

// KAITO's service takes a keep-alive for a broken stream and refuses the answer.
TEST(StreamGuard, CommentsAreNoFailure) {
  const Shown shown = run(kRedact, {": keep-alive\n\n", chunk({{"content", "fine"}}), ":\n\n",
                                    chunk(Json::object(), "stop"), "data: [DONE]\n\n"});
  EXPECT_EQ(shown.content.at("content"), "fine");
  EXPECT_FALSE(shown.refused);
}

TEST(StreamGuard, ABlockEndsTheStreamInTheDocumentedWay) {
  const Shown shown =
      run(kBlock, {chunk({{"content", "It is known, a@"}}), chunk({{"content", "b.cc. "}}),
                   chunk({{"content", "more"}}), "data: [DONE]\n\n"});
  EXPECT_TRUE(shown.refused);
  EXPECT_TRUE(shown.done);
  EXPECT_EQ(shown.content.at("content"), "It is known, " + std::string(kBlockMessage));
  EXPECT_THAT(shown.reasons, testing::ElementsAre("content_filter"));
  EXPECT_EQ(shown.events.back()["id"], "c1");
  EXPECT_EQ(shown.action, FinalAction::kBlock);
}

TEST(StreamGuard, ReasoningAndToolCallsAreGuarded) {
  const auto call = [](const Json& function) {
    return chunk({{"tool_calls", {{{"index", 0}, {"function", function}}}}});
  };
  const Shown shown = run(
      kRedact, {chunk({{"reasoning_content", "a@"}}), chunk({{"reasoning_content", "b.cc knows"}}),
                chunk({{"tool_calls",
                        {{{"index", 0},
                          {"id", "t1"},
                          {"type", "function"},
                          {"function", {{"name", "mail"}}}}}}}),
                call({{"arguments", "{\"to\": \"a@"}}), call({{"arguments", "b.cc\"}"}}),
                chunk(Json::object(), "tool_calls"), "data: [DONE]\n\n"});
  EXPECT_EQ(shown.content.at("reasoning_content"), "<EMAIL> knows");
  const Json& calls = shown.events[shown.events.size() - 2]["choices"][0]["delta"]["tool_calls"];
  ASSERT_EQ(calls.size(), 1U) << shown.text;
  EXPECT_EQ(calls[0]["id"], "t1");
  EXPECT_EQ(calls[0]["function"]["name"], "mail");
  EXPECT_EQ(calls[0]["function"]["arguments"], R"({"to":"<EMAIL>"})");
}

TEST(StreamGuard, SourcesOfTheLastChunkAreGuarded) {
  const Shown shown = run(
      kRedact,
      {event({{"choices", {{{"index", 0}, {"delta", Json::object()}, {"finish_reason", "stop"}}}},
              {"source_nodes", {{{"text", "by a@b.cc"}}}}})});
  EXPECT_EQ(shown.events.back()["source_nodes"][0]["text"], "by <EMAIL>");
}

TEST(StreamGuard, WhatItCannotReadEndsTheStream) {
  const std::string cases[] = {
      "data: {\n\n",
      "data: 5\n\n",
      event({{"id", "c"}}),
      event({{"choices", 5}}),
      event({{"choices", {{{"index", 1}, {"delta", {{"content", "x"}}}}}}}),
      event({{"choices", {{{"index", 0}}, {{"index", 1}}}}}),
      chunk({{"content", 5}}),
      chunk({{"audio", {{"data", "AAAA"}}}}),
      chunk({{"content", "x"}}, 5),
      chunk("text"),
      chunk({{"tool_calls", 5}}),
      chunk({}, "stop") + chunk({{"content", "more"}}),
  };
  for (const std::string& each : cases) {
    const Shown shown = run(kRedact, {each, chunk({{"content", "later"}})});
    EXPECT_TRUE(shown.refused) << each;
    EXPECT_TRUE(shown.done) << each;
    EXPECT_EQ(shown.action, FinalAction::kFailClosed) << each;
    EXPECT_THAT(shown.text, Not(HasSubstr("later"))) << each;
  }
  const Shown failed = run(kRedact, {event({{"error", {{"message", "of a@b.cc"}}}})});
  EXPECT_EQ(failed.events[0]["error"]["message"], "of <EMAIL>");
}

// Seeded: the same answer in any chunks, and its bytes in any reads.
TEST(StreamGuard, NoSplitOfAStreamChangesWhatIsShown) {
  std::mt19937 random(42);
  for (const std::string& scanners : {kRedact, kBlock}) {
    for (int round = 0; round < 6; ++round) {
      std::string text = hostile_text(random, 20);
      std::erase(text, '\xff');  // JSON has none.
      const std::string end = chunk(Json::object(), "stop") + "data: [DONE]\n\n";
      const Shown whole = run(scanners, {chunk({{"content", text}}) + end});
      std::string stream;
      for (std::size_t at = 0; at < text.size();) {
        const std::size_t begin = at;
        const auto length = std::uniform_int_distribution<std::size_t>(1, 7)(random);
        while (at < text.size() && (at - begin < length || (text[at] & 0xC0) == 0x80)) ++at;
        stream += chunk({{"content", text.substr(begin, at - begin)}});
        if (random() % 5 == 0) stream += ": keep-alive\n\n";
      }
      const Shown shown = run(scanners, cut(stream + end, random, 40));
      ASSERT_EQ(shown.content, whole.content) << text;
      ASSERT_EQ(shown.reasons, whole.reasons);
      ASSERT_EQ(shown.action, whole.action);
    }
  }
}

}  // namespace
}  // namespace rage::guardrails
