#include "llm/chat_span.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "obs/kept_spans_for_test.h"

namespace rage::llm {
namespace {

using codec::Json;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

const Json kBody = {{"model", "phi-4"},
                    {"max_tokens", 200},
                    {"temperature", 0.5},
                    {"messages", {{{"role", "user"}, {"content", "a secret question"}}}}};
const Json kCompletion = {
    {"id", "c-1"},
    {"model", "phi-4-mini"},
    {"choices", {{{"finish_reason", "stop"}, {"message", {{"content", "a secret answer"}}}}}},
    {"usage", {{"prompt_tokens", 12}, {"completion_tokens", 3}}}};

obs::SpanRecord spoken(bool captures, const Result<void>& outcome = {}) {
  obs::KeptSpans kept;
  const obs::Tracer tracer({.captures_content = captures}, kept);
  obs::Span server = tracer.begin("POST /chat", obs::SpanKind::kServer, std::nullopt);
  const obs::SpanScope scope(server);
  {
    ChatSpan span(kBody, "http://me:pw@[::1]:8000/v1/chat/completions");
    span.take(kCompletion);
    span.end(outcome);
  }
  return kept.all().at(0);
}

using obs::number_attribute;
using obs::text_attribute;

// Dashboards for models look for these names.
TEST(ChatSpan, HasTheNamesOfTheConventions) {
  const obs::SpanRecord span = spoken(false);
  EXPECT_EQ(span.name, "chat phi-4");
  EXPECT_EQ(span.kind, obs::SpanKind::kClient);
  for (const obs::Attribute& wanted :
       {text_attribute("gen_ai.operation.name", "chat"),
        text_attribute("gen_ai.request.model", "phi-4"),
        text_attribute("gen_ai.response.model", "phi-4-mini"),
        text_attribute("gen_ai.response.id", "c-1"),
        number_attribute("gen_ai.request.max_tokens", 200),
        number_attribute("gen_ai.usage.input_tokens", 12),
        number_attribute("gen_ai.usage.output_tokens", 3),
        text_attribute("server.address", "[::1]"), number_attribute("server.port", 8000)}) {
    EXPECT_THAT(span.attributes, Contains(wanted)) << wanted.key;
  }
  EXPECT_FALSE(span.failed);
}

// A trace is read by more people than a conversation.
TEST(ChatSpan, HoldsNothingThatWasSaidUnlessAskedTo) {
  const Result<void> refused = fail(ErrorCode::kInvalidArgument, "no \"a secret question\" here");
  const obs::SpanRecord span = spoken(false, refused);
  EXPECT_TRUE(span.failed);
  EXPECT_EQ(span.failure, "");
  for (const obs::Attribute& attribute : span.attributes) {
    const auto* value = std::get_if<std::string>(&attribute.value);
    if (value != nullptr) {
      EXPECT_THAT(*value, Not(HasSubstr("secret"))) << attribute.key;
    }
  }
  const auto& captured = spoken(true).attributes;
  EXPECT_THAT(captured,
              Contains(text_attribute(
                  "gen_ai.input.messages",
                  R"([{"role":"user","parts":[{"type":"text","content":"a secret question"}]}])")));
  EXPECT_THAT(
      captured,
      Contains(text_attribute(
          "gen_ai.output.messages",
          R"([{"role":"assistant","parts":[{"type":"text","content":"a secret answer"}]}])")));
}

// Requests and replies come from elsewhere and have any shape.
TEST(ChatSpan, TakesWhatIsNoCompletion) {
  obs::KeptSpans kept;
  const obs::Tracer tracer({.captures_content = true}, kept);
  obs::Span server = tracer.begin("x", obs::SpanKind::kServer, std::nullopt);
  const obs::SpanScope scope(server);
  for (const char* json : {"[]", "null", R"({"model":7,"messages":{},"usage":[],"choices":[1]})",
                           R"({"choices":[{"delta":{"content":null}}],"max_tokens":"x"})"}) {
    const Json odd = *codec::parse_json(json);
    ChatSpan span(odd, "no url");
    span.take(odd);
    span.end(Result<void>());
  }
  EXPECT_EQ(kept.all().size(), 4U);
}

}  // namespace
}  // namespace rage::llm
