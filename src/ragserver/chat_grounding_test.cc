// The `grounding` object's evidence, and what a model server is asked beyond the prompt.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ragserver/service_fixture.h"
#include "text/unicode.h"

namespace rage::ragserver {
namespace {

using codec::Json;
using testing::HasSubstr;
using testing::SizeIs;

constexpr std::string_view kText =
    "Profiling a Profiler. Held in Ballroom F – for the patient. It draws 77 flame graphs.";

// What list_models() says the server is.
class NamedLlm final : public llm::LlmClient {
 public:
  Result<Json> complete(const Context&, const Json&) override { return Json::object(); }
  Result<void> stream(const Context&, const Json& body,
                      const std::function<bool(const Json&)>& on_chunk) override {
    asked.push_back(body);
    if (refuses && body.contains("grammar")) return fail(ErrorCode::kInvalidArgument, "no grammar");
    const std::string said = "It draws 77 flame graphs. ";
    (void)on_chunk({{"choices", {{{"index", 0}, {"delta", {{"content", said}}}}}}});
    return {};
  }
  Result<void> forward(const Context&, std::string_view,
                       const std::function<bool(const llm::RawReply&)>&,
                       const std::function<bool(std::string_view)>&) override {
    return {};
  }
  Result<std::vector<llm::ModelInfo>> list_models(const Context&) override {
    ++listed;
    return std::vector<llm::ModelInfo>{{.id = "m", .context_tokens_max = 8192, .runtime = runtime}};
  }

  std::string runtime = "llamacpp";
  bool refuses = false;
  int listed = 0;
  std::vector<Json> asked;
};

struct ChatGroundingTest : ServiceFixture {
  NamedLlm named;

  void SetUp() override {
    const Json metadata = {{"title", "Profiling a Profiler"}, {"location", "Ballroom F"}};
    index("talks", {{{"text", kText}, {"metadata", metadata}}});
    serve({.answer_mode = rag::AnswerMode::kModel, .constrain = true});
  }
  void serve(const ChatOptions& chat) {
    service = std::make_unique<RagService>(*collections, &named, RagServiceOptions{.chat = chat});
  }
  RecordingWriter ask(const Json& more = Json::object()) {
    Json body = {{"index_name", "talks"},
                 {"model", "m"},
                 {"messages", {{{"role", "user"}, {"content", "Where is Profiling a Profiler?"}}}}};
    body.update(more);
    return post("/v1/chat/completions", body);
  }
};

std::string quoted(const Json& span) {
  const auto before = text::take_code_points(kText, span["start"].get<std::size_t>());
  const auto upto = text::take_code_points(kText, span["end"].get<std::size_t>());
  return std::string(upto.substr(before.size()));
}

// A reader who doubts a sentence must find what it rests on: the place in the document's own text.
TEST_F(ChatGroundingTest, VerifiedSentencesPointAtTheirSource) {
  const Json sentences = ask().json()["grounding"]["sentences"];
  ASSERT_THAT(sentences, SizeIs(1));
  EXPECT_EQ(sentences[0]["verdict"], "supported");
  ASSERT_THAT(sentences[0]["spans"], SizeIs(1));
  EXPECT_EQ(quoted(sentences[0]["spans"][0]), "It draws 77 flame graphs.");
}

TEST_F(ChatGroundingTest, ComposedAnswersPointAtTheirSourceAndSoDoStreams) {
  serve({.answer_mode = rag::AnswerMode::kExtractive});
  const Json whole = ask().json();
  const Json sentences = whole["grounding"]["sentences"];
  ASSERT_THAT(sentences, SizeIs(1)) << whole.dump();
  EXPECT_EQ(sentences[0]["shown"], true);
  EXPECT_EQ(sentences[0]["citations"], Json::array({1}));
  ASSERT_FALSE(sentences[0]["spans"].empty());
  EXPECT_EQ(sentences[0]["spans"][0]["doc_id"], whole["source_nodes"][0]["doc_id"]);
  EXPECT_THAT(quoted(sentences[0]["spans"][0]), HasSubstr("Ballroom F"));
  const auto events = ask({{"stream", true}}).events();
  ASSERT_FALSE(events.empty());
  EXPECT_EQ(events.back()["grounding"]["sentences"], sentences);
}

// The model server is asked to keep to the sources' names and numbers in its own language.
TEST_F(ChatGroundingTest, EachRuntimeGetsTheGrammarItReads) {
  (void)ask();
  ASSERT_THAT(named.asked, SizeIs(1));
  EXPECT_THAT(named.asked[0]["grammar"].get<std::string>(), HasSubstr("root ::="));
  (void)ask();
  EXPECT_EQ(named.listed, 1);
  named.runtime = "vllm";
  serve({.answer_mode = rag::AnswerMode::kModel, .constrain = true});
  (void)ask();
  EXPECT_TRUE(named.asked.back()["structured_outputs"].contains("grammar"));
}

TEST_F(ChatGroundingTest, NoGrammarForOtherServersCallersWithAFormatOrUnlessWanted) {
  named.runtime = "openai";
  serve({.answer_mode = rag::AnswerMode::kModel, .constrain = true});
  (void)ask();
  EXPECT_FALSE(named.asked.back().contains("grammar"));
  named.runtime = "llamacpp";
  serve({.answer_mode = rag::AnswerMode::kModel, .constrain = true});
  (void)ask({{"response_format", {{"type", "json_object"}}}});
  EXPECT_FALSE(named.asked.back().contains("grammar"));
  serve({.answer_mode = rag::AnswerMode::kModel});
  (void)ask();
  EXPECT_FALSE(named.asked.back().contains("grammar"));
}

// A server that says llamacpp and knows no grammars must still answer.
TEST_F(ChatGroundingTest, ARefusedGrammarIsLeftOut) {
  named.refuses = true;
  EXPECT_EQ(ask().status, 200);
  ASSERT_THAT(named.asked, SizeIs(2));
  EXPECT_FALSE(named.asked[1].contains("grammar"));
}

}  // namespace
}  // namespace rage::ragserver
