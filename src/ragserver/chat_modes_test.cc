// Modes of grounding, and the record of how answers came about.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "ragserver/answer_log.h"
#include "ragserver/service_fixture.h"

namespace rage::ragserver {
namespace {

using codec::Json;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

struct ChatModesTest : ServiceFixture {
  void SetUp() override {
    const Json metadata = {{"title", "Profiling a Profiler"},
                           {"location", "Ballroom F"},
                           {"date", "03/07/2026"},
                           {"start", "17:00"},
                           {"end", "18:00"}};
    index("talks", {{{"text", "Profiling a Profiler. Where a sampling profiler spends its time."},
                     {"metadata", metadata}}});
  }
  void serve(const ChatOptions& chat) {
    service = std::make_unique<RagService>(*collections, &llm, RagServiceOptions{.chat = chat});
  }
  RecordingWriter ask(const std::string& question, const Json& more = Json::object()) {
    Json body = {{"index_name", "talks"},
                 {"model", "m"},
                 {"messages", {{{"role", "user"}, {"content", question}}}}};
    body.update(more);
    return post(kChatPath, body);
  }
  RecordingWriter set_mode(const Json& mode) {
    return call("PUT", "/indexes/talks/settings", codec::render_json({{"grounding_mode", mode}}));
  }
};

std::string streamed(const RecordingWriter& reply) {
  std::string text;
  for (const Json& event : reply.events())
    text += event["choices"][0]["delta"].value("content", "");
  return text;
}

// Whoever asks for help beyond the sources must be able to tell which words are backed by them.
TEST_F(ChatModesTest, AssistMarksWhatNoSourceSupports) {
  serve({.answer_mode = rag::AnswerMode::kModel});
  llm.pieces = {"Profiling a Profiler is in Ballroom F. ", "It is the best talk of the year. "};
  const std::string shown =
      "Profiling a Profiler is in Ballroom F. [1] It is the best talk of the year. [unverified]";
  const Json assist = {{"grounding_mode", "assist"}};
  const auto reply = ask("Where is Profiling a Profiler?", assist);
  EXPECT_EQ(content_of(reply), shown);
  const Json grounding = reply.json()["grounding"];
  EXPECT_EQ(grounding["policy"], "assist");
  EXPECT_EQ(grounding["sentences"][1]["verdict"], "unsupported");
  EXPECT_EQ(grounding["sentences"][1]["shown"], true);
  EXPECT_FALSE(llm.asked[0].contains("grounding_mode"));
  EXPECT_EQ(streamed(ask("Where is Profiling a Profiler?",
                         {{"grounding_mode", "assist"}, {"stream", true}})),
            shown);
  EXPECT_THAT(content_of(ask("Where is Profiling a Profiler?")), Not(HasSubstr("best talk")));
}

TEST_F(ChatModesTest, AssistRefusesFirstAndMarksWhatTheModelAdds) {
  llm.pieces = {"Linus Torvalds created Linux. ", "He speaks at noon. "};
  const auto reply = ask("When does Linus Torvalds speak?", {{"grounding_mode", "assist"}});
  EXPECT_EQ(content_of(reply),
            "The indexed documents do not mention “Linus Torvalds”.\n\n"
            "Linus Torvalds created Linux. [unverified] He speaks at noon. [unverified]");
}

// A drop-in for KAITO: what the model says arrives as it says it, as soon as it says it.
TEST_F(ChatModesTest, OffIsTheOriginalsBehaviour) {
  llm.pieces = {"It is in ", "Room 999."};
  const std::string question = "Profiling a Profiler. Where a sampling profiler spends its time.";
  const auto reply = ask(question, {{"grounding_mode", "off"}});
  ASSERT_EQ(reply.status, 200) << reply.body;
  EXPECT_EQ(content_of(reply), "It is in Room 999.");
  EXPECT_EQ(reply.json()["grounding"]["mode"], "unverified");
  EXPECT_TRUE(reply.json()["grounding"]["sufficiency"].is_null());
  EXPECT_EQ(reply.json()["source_nodes"].size(), 1U);
  ASSERT_EQ(llm.asked.size(), 1U);
  const std::string system = llm.asked[0]["messages"][0]["content"];
  EXPECT_THAT(system, HasSubstr("Use the context information below to assist the user."));
  EXPECT_THAT(system, HasSubstr("sampling profiler"));
  EXPECT_EQ(llm.asked[0]["messages"].back()["content"], question);
}

// Clients of the original read squared distances here, the nearest first, and fused scores in
// /retrieve.
TEST_F(ChatModesTest, SourcesOfAChatTellTheOriginalsDistance) {
  index("near", {{{"text", "sampling profiler spends its time"}},
                 {{"text", "a sampling profiler spends its time well"}}});
  const std::string question = "a sampling profiler spends its time";
  const Json hits =
      post("/retrieve", {{"index_name", "near"}, {"query", question}}).json()["results"];
  std::map<std::string, double> cosines;
  for (const Json& hit : hits) cosines[hit["text"]] = hit["dense_score"];
  const Json nodes =
      ask(question, {{"index_name", "near"}, {"grounding_mode", "off"}}).json()["source_nodes"];
  ASSERT_EQ(nodes.size(), 2U);
  for (const Json& node : nodes) {
    EXPECT_NEAR(node["score"].get<double>(), 2 - 2 * cosines[node["text"]], 1e-5);
    EXPECT_TRUE(node["dense_score"].is_null());
  }
  EXPECT_LT(nodes[0]["score"].get<double>(), nodes[1]["score"].get<double>());
}

// RAG_SIMILARITY_THRESHOLD of the original.
TEST_F(ChatModesTest, HowFarASourceMayBeIsTheServicesInModeOff) {
  const std::string question = "Where does a profiler spend its time?";
  const auto nodes = [&](float distance_max) {
    serve({.distance_max = distance_max});
    return ask(question, {{"grounding_mode", "off"}}).json()["source_nodes"].size();
  };
  EXPECT_EQ(nodes(0.1F), 0U);
  EXPECT_EQ(nodes(1.9F), 1U);
  EXPECT_EQ(nodes(0), 1U);
}

TEST_F(ChatModesTest, OffAsksTheBareModelWhereNothingIsNear) {
  const auto reply = ask("zebra", {{"grounding_mode", "compat"}});
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(llm.forwarded.size(), 1U);
  EXPECT_TRUE(reply.json()["source_nodes"].is_null());
}

// Without a model there is nobody to answer unchecked; the sources alone still answer.
TEST_F(ChatModesTest, OffNeedsAModel) {
  service = std::make_unique<RagService>(
      *collections, nullptr,
      RagServiceOptions{.chat = {.answer_mode = rag::AnswerMode::kExtractive}});
  EXPECT_EQ(ask("Where is Profiling a Profiler?", {{"grounding_mode", "off"}}).status, 503);
  EXPECT_EQ(ask("Where is Profiling a Profiler?").status, 200);
}

TEST_F(ChatModesTest, TheRequestWinsOverTheIndexAndThatOverTheService) {
  serve({.grounding = rag::GroundingMode::kAssist});
  const auto policy = [&](const Json& more = Json::object()) {
    return ask("Where is Profiling a Profiler?", more).json()["grounding"]["policy"];
  };
  EXPECT_EQ(policy(), "assist");
  EXPECT_EQ(set_mode("strict").status, 200);
  EXPECT_EQ(policy(), "strict");
  EXPECT_EQ(policy({{"grounding_mode", "assist"}}), "assist");
  EXPECT_EQ(policy({{"grounding_mode", nullptr}}), "strict");
  EXPECT_TRUE(set_mode(nullptr).json()["grounding_mode"].is_null());
  EXPECT_EQ(policy(), "assist");
}

// Somebody who made an index strict must not find it lenient after a restart.
TEST_F(ChatModesTest, AnIndexRemembersItsMode) {
  EXPECT_EQ(set_mode("off").json()["grounding_mode"], "off");
  service.reset();
  collections.reset();
  collections = *rag::Collections::open(directory->path(), embedder, {});
  serve({});
  EXPECT_EQ(call("GET", "/indexes/talks/settings").json()["grounding_mode"], "off");
}

TEST_F(ChatModesTest, BadModesAreRefused) {
  EXPECT_EQ(ask("x", {{"grounding_mode", "loose"}}).status, 400);
  EXPECT_EQ(ask("x", {{"grounding_mode", 1}}).status, 400);
  EXPECT_EQ(set_mode("loose").status, 400);
  EXPECT_EQ(set_mode(1).status, 400);
  EXPECT_EQ(call("PUT", "/indexes/talks/settings", "{}").status, 400);
  EXPECT_EQ(call("PUT", "/indexes/talks/settings", R"({"colour":"red"})").status, 400);
  EXPECT_EQ(call("GET", "/indexes/none/settings").status, 404);
  EXPECT_EQ(call("POST", "/indexes/talks/settings", "{}").status, 405);
}

// "Why did it say that?" must have an answer after the fact.
TEST_F(ChatModesTest, AnAnswerCanBeExplained) {
  serve({.answer_mode = rag::AnswerMode::kModel, .log = {.answers_max = 2}});
  llm.pieces = {"Profiling a Profiler is in Ballroom F. ", "It is in Room 999. "};
  const std::string id = ask("Where is Profiling a Profiler?").json()["id"];
  const auto reply = call("GET", "/answers/" + id);
  ASSERT_EQ(reply.status, 200) << reply.body;
  const Json trace = reply.json();
  EXPECT_EQ(trace["question"], "Where is Profiling a Profiler?");
  EXPECT_EQ(trace["constraints"][0], "title: Profiling a Profiler");
  EXPECT_EQ(trace["candidates"][0]["used"], true);
  EXPECT_EQ(trace["prompt"][0]["role"], "system");
  EXPECT_EQ(trace["sentences"][1]["shown"], false);
  EXPECT_EQ(call("GET", "/answers").json()[0]["id"], id);
  EXPECT_EQ(call("GET", "/answers/none").status, 404);
  (void)ask("Where is Profiling a Profiler?");
  (void)ask("Where is Profiling a Profiler?");
  EXPECT_EQ(call("GET", "/answers/" + id).status, 404);
  EXPECT_EQ(call("GET", "/answers").json().size(), 2U);
}

TEST_F(ChatModesTest, NothingIsKeptUnlessAskedFor) {
  const std::string id = ask("Where is Profiling a Profiler?").json()["id"];
  EXPECT_EQ(call("GET", "/answers/" + id).status, 404);
  EXPECT_EQ(call("GET", "/answers").status, 404);
}

TEST(AnswerLog, IsBoundedInBytes) {
  AnswerLog log({.answers_max = 100, .bytes_max = 400});
  log.put({{"id", "large"}, {"text", std::string(200, 'x')}});
  EXPECT_EQ(log.find("large"), std::nullopt);
  for (int i = 0; i < 50; ++i) log.put({{"id", std::to_string(i)}, {"text", std::string(50, 'x')}});
  EXPECT_EQ(log.find("0"), std::nullopt);
  EXPECT_NE(log.find("49"), std::nullopt);
  EXPECT_LE(log.list().size(), 6U);
}

}  // namespace
}  // namespace rage::ragserver
