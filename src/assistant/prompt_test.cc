#include "assistant/prompt.h"

#include <gtest/gtest.h>

namespace rage::assistant {
namespace {

std::vector<Message> a_conversation() {
  return {{.role = kUser, .text = "First?"},
          {.role = kAssistant, .text = "One."},
          {.role = kUser, .text = "Second?"},
          {.role = kAssistant, .text = "Two."}};
}

// The gateway and an unmodified RAGEngine are configured for exactly these bodies.
TEST(Prompt, DirectModeIsTheDemos) {
  const PromptOptions options{.model = "m", .index_name = {}, .instructions = "Be kind."};
  const std::vector<Message> history = {{.role = kUser, .text = "First?"},
                                        {.role = kAssistant, .text = "One."}};
  EXPECT_EQ(codec::render_json(plan_completion(options, history, "Next?")),
            R"({"messages":[{"role":"system","content":"Be kind."},)"
            R"({"role":"user","content":"First?"},)"
            R"({"role":"assistant","content":"One.","name":"AI Agent"},)"
            R"({"role":"user","content":"Next?"}],)"
            R"("model":"m","stream":false,"max_completion_tokens":2048})");
}

TEST(Prompt, RetrievalModePutsInstructionsBeforeTheFirstQuestion) {
  const PromptOptions options{.model = "m", .index_name = "i", .instructions = "Be kind."};
  EXPECT_EQ(codec::render_json(plan_completion(options, {}, "Next?")),
            R"({"messages":[{"role":"user","content":"[Instructions: Be kind.]\n\nNext?"}],)"
            R"("model":"m","stream":false,"index_name":"i","max_tokens":2048})");
  const auto later = plan_completion(options, a_conversation(), "Next?");
  EXPECT_EQ(later["messages"][0]["content"], "[Instructions: Be kind.]\n\nFirst?");
  EXPECT_EQ(later["messages"][4]["content"], "Next?");
}

// A long conversation must not outgrow the model's context, nor begin with half a turn.
TEST(Prompt, OldestTurnsAreLeftOutWhole) {
  const auto history = a_conversation();
  const std::size_t one = estimated_tokens("Second?") + estimated_tokens("Two.");
  struct Case {
    std::size_t tokens;
    std::size_t messages;
  };
  for (const Case& c : {Case{0, 0}, Case{one - 1, 0}, Case{one, 2}, Case{one + 5, 2},
                        Case{one * 2, 4}, Case{10'000, 4}}) {
    EXPECT_EQ(within_budget(history, c.tokens).size(), c.messages) << c.tokens;
  }
  const PromptOptions tight{.model = "m", .history_tokens_max = 0};
  const auto body = plan_completion(tight, history, "Next?");
  EXPECT_EQ(body["messages"].size(), 2U);  // The system message and the question, whatever happens.
}

// Records of tools, or empty answers, would be refused by a chat template.
TEST(Prompt, OnlyTurnsWithTextAreSent) {
  const std::vector<Message> history = {{.role = kUser, .text = "First?"},
                                        {.role = "tool", .text = "{}"},
                                        {.role = kAssistant, .text = ""}};
  const auto body = plan_completion({.model = "m", .instructions = ""}, history, "Next?");
  EXPECT_EQ(body["messages"].size(), 2U);
}

}  // namespace
}  // namespace rage::assistant
