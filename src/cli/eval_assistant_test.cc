#include "cli/eval_assistant.h"

#include <gtest/gtest.h>

namespace rage::cli {
namespace {

// A figure for the assistant would be about something else if its answer were graded without the
// verdicts and sources that came with it.
TEST(EvalAssistant, AnAnswerIsGradedWithItsVerdictsAndSources) {
  const auto done = codec::parse_json(R"({"message":"In Ballroom DE. [1]","session_id":"s",
    "grounding":{"mode":"verified","citations":[{"number":1,"title":"A","url":"https://e.org/a"}],
                 "sentences":[{"text":"In Ballroom DE.","verdict":"supported"}]},
    "sources":[{"metadata":{"title":"A","url":"https://e.org/a"},"score":0.9}]})");
  ASSERT_TRUE(done);
  const EvalReply reply = read_eval_reply(completion_of(*done));
  EXPECT_EQ(reply.answer, "In Ballroom DE. [1]");
  EXPECT_EQ(reply.mode, "verified");
  ASSERT_EQ(reply.sources.size(), 1U);
  EXPECT_EQ(reply.sources[0].url, "https://e.org/a");
  EXPECT_EQ(reply.sources[0].number, 1U);
}

TEST(EvalAssistant, WhatIsAbsentStaysSo) {
  const EvalReply reply = read_eval_reply(completion_of(codec::Json::object()));
  EXPECT_EQ(reply.answer, "");
  EXPECT_TRUE(reply.sources.empty());
}

}  // namespace
}  // namespace rage::cli
