// What a chat request may say beside its question, and what becomes of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "rag/hashes.h"
#include "ragserver/service_fixture.h"

namespace rage::ragserver {
namespace {

using codec::Json;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// Near to both documents, so that neither mode goes to the bare model.
constexpr const char* kQuestion = "The red valve opens at noon; the blue valve opens at night?";

// Says what `on_stream` says; callable from many threads.
struct StreamingLlm final : llm::LlmClient {
  Result<Json> complete(const Context&, const Json&) override { return Json::object(); }
  Result<void> stream(const Context&, const Json& body,
                      const std::function<bool(const Json&)>& on_chunk) override {
    on_stream(body, on_chunk);
    return {};
  }
  Result<void> forward(const Context&, std::string_view,
                       const std::function<bool(const llm::RawReply&)>&,
                       const std::function<bool(std::string_view)>&) override {
    return {};
  }
  Result<std::vector<llm::ModelInfo>> list_models(const Context& context) override {
    ++listed;
    listing_deadline = context.deadline;
    if (!is_up) return fail(ErrorCode::kUnavailable, "not there");
    return std::vector<llm::ModelInfo>{{.id = "m", .context_tokens_max = {}}};
  }
  std::function<void(const Json& body, const std::function<bool(const Json&)>& on_chunk)> on_stream;
  bool is_up = true;
  std::atomic<int> listed = 0;
  std::optional<SteadyTime> listing_deadline;
};

// A model that is asked whatever the question is, unchecked, so that what reaches it and what it
// says can be seen.
struct ChatParametersTest : ServiceFixture {
  void SetUp() override {
    index("i", {{{"text", "The red valve opens at noon."}, {"metadata", {{"day", 1}}}},
                {{"text", "The blue valve opens at night."}, {"metadata", {{"day", 2}}}}});
    serve({.grounding = rag::GroundingMode::kOff});
    llm.pieces = {"Some words."};
  }
  void serve(const ChatOptions& chat) {
    service = std::make_unique<RagService>(*collections, &llm, RagServiceOptions{.chat = chat});
  }
  RecordingWriter ask(const Json& more = Json::object(), const std::string& question = kQuestion) {
    Json body = {{"index_name", "i"}, {"messages", {{{"role", "user"}, {"content", question}}}}};
    body.update(more);
    return post(kChatPath, body);
  }
};

// The original drops all of these on its way to the model.
TEST_F(ChatParametersTest, EveryParameterReachesTheModel) {
  const Json parameters = {{"model", "m"},
                           {"max_tokens", 7},
                           {"temperature", 0.25},
                           {"top_p", 0.5},
                           {"stop", {"\n"}},
                           {"seed", 42},
                           {"response_format", {{"type", "text"}}},
                           {"presence_penalty", 0.5},
                           {"logprobs", true},
                           {"user", "u"},
                           {"unheard_of", {{"a", 1}}}};
  ASSERT_EQ(ask(parameters).status, 200);
  ASSERT_EQ(llm.asked.size(), 1U);
  for (const auto& [key, value] : parameters.items()) EXPECT_EQ(llm.asked[0][key], value) << key;
  for (const char* ours : {"index_name", "metadata_filter", "max_node_count", "grounding_mode"})
    EXPECT_FALSE(llm.asked[0].contains(ours)) << ours;
}

// The original answers 500 after the model was paid for.
TEST_F(ChatParametersTest, WithoutAModelTheServicesOwnIsAsked) {
  const auto reply = ask();
  ASSERT_EQ(reply.status, 200) << reply.body;
  EXPECT_EQ(reply.json()["model"], "small-model");
  EXPECT_EQ(llm.asked[0]["model"], "small-model");
}

// A short answer is no reason to answer without the documents.
TEST_F(ChatParametersTest, MaxTokensBoundsTheAnswerAndNotTheContext) {
  ASSERT_EQ(ask({{"max_tokens", 5}}).status, 200);
  ASSERT_EQ(llm.asked.size(), 1U);
  EXPECT_THAT(codec::render_json(llm.asked[0]["messages"][0]), HasSubstr("red valve"));
  EXPECT_EQ(llm.asked[0]["max_tokens"], 5);
}

// A long conversation takes its room from the sources, and never overflows the model's context.
TEST_F(ChatParametersTest, TheConversationIsBudgeted) {
  ChatRequest request{.body = Json::object(), .index_name = "i", .context_token_ratio = 0.5};
  const ChatOptions options{.context_tokens_max = 4000, .source_tokens_max = 100'000};
  EXPECT_EQ(source_tokens(request, options), (4000U - 150 - 400) / 2);
  request.body = {{"max_tokens", 1000}};
  EXPECT_EQ(source_tokens(request, options), (4000U - 150 - 1000) / 2);
  request.turns = {{.role = "user", .content = std::string(8000, 'x')}};
  EXPECT_EQ(source_tokens(request, options), (4000U - 150 - 1000 - 2000) / 2);
  request.turns = {{.role = "user", .content = std::string(80'000, 'x')}};
  EXPECT_EQ(source_tokens(request, options), 0U);
  request.body = {{"max_tokens", -1e300}};
  EXPECT_EQ(source_tokens(request, options), 0U);
  serve({.context_tokens_max = 100, .grounding = rag::GroundingMode::kOff});
  const auto reply = ask(Json::object(), std::string(2000, 'x'));
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(reply.json()["detail"], "Prompt length exceeds context window.");
}

TEST_F(ChatParametersTest, AFilterNarrowsWhatAnAnswerMayUse) {
  const auto reply = ask({{"metadata_filter", {{"day", {{"$gt", 1}}}}}});
  ASSERT_EQ(reply.status, 200) << reply.body;
  ASSERT_EQ(reply.json()["source_nodes"].size(), 1U);
  EXPECT_EQ(reply.json()["source_nodes"][0]["text"], "The blue valve opens at night.");
  EXPECT_THAT(codec::render_json(llm.asked[0]["messages"][0]), Not(HasSubstr("red valve")));
  const auto bad = ask({{"metadata_filter", {{"day", {{"$near", 1}}}}}});
  EXPECT_EQ(bad.status, 400);
}

// The corpus that answers are composed from is filtered, too.
TEST_F(ChatParametersTest, AFilterHoldsInStrictMode) {
  serve({.answer_mode = rag::AnswerMode::kExtractive});
  const auto reply = ask({{"metadata_filter", {{"day", 2}}}}, "When does the red valve open?");
  ASSERT_EQ(reply.status, 200) << reply.body;
  EXPECT_THAT(reply.json()["choices"][0]["message"]["content"].get<std::string>(),
              Not(HasSubstr("noon")));
}

TEST_F(ChatParametersTest, TheNumberOfRowsIsTheCallers) {
  EXPECT_EQ(ask({{"max_node_count", 1}}).json()["source_nodes"].size(), 1U);
  for (const Json& bad : {Json(0), Json(301), Json(1.5), Json("2")})
    EXPECT_EQ(ask({{"max_node_count", bad}}).status, 400) << bad;
}

// Agents send tools with everything; the original answers 400.
TEST_F(ChatParametersTest, ToolsGoToTheModelAndItsCallsComeBack) {
  Json asked;
  StreamingLlm model;
  model.on_stream = [&](const Json& body, const std::function<bool(const Json&)>& on_chunk) {
    asked = body;
    for (const char* chunk : {R"({"choices":[{"index":0,"delta":{"content":null,"tool_calls":[
             {"index":0,"id":"c1","type":"function",
              "function":{"name":"look","arguments":""}}]}}]})",
                              R"({"choices":[{"index":0,"delta":{"tool_calls":[
             {"index":0,"function":{"arguments":"{\"a\":"}}]}}]})",
                              R"({"choices":[{"index":0,"delta":{"tool_calls":[
             {"index":0,"function":{"arguments":"1}"}}]},"finish_reason":"tool_calls"}]})"}) {
      if (!on_chunk(*codec::parse_json(chunk))) return;
    }
  };
  service = std::make_unique<RagService>(
      *collections, &model, RagServiceOptions{.chat = {.grounding = rag::GroundingMode::kOff}});
  const Json tools = Json::array({{{"type", "function"}, {"function", {{"name", "look"}}}}});
  const auto reply = ask({{"tools", tools}, {"tool_choice", "auto"}});
  ASSERT_EQ(reply.status, 200) << reply.body;
  EXPECT_EQ(asked["tools"], tools);
  EXPECT_EQ(asked["tool_choice"], "auto");
  const Json choice = reply.json()["choices"][0];
  EXPECT_EQ(choice["finish_reason"], "tool_calls");
  EXPECT_TRUE(choice["message"]["content"].is_null());
  EXPECT_EQ(choice["message"]["tool_calls"][0]["id"], "c1");
  EXPECT_EQ(choice["message"]["tool_calls"][0]["function"]["arguments"], R"({"a":1})");
  const auto events = ask({{"tools", tools}, {"stream", true}}).events();
  ASSERT_GE(events.size(), 2U);
  const Json delta = events[events.size() - 2]["choices"][0]["delta"];
  EXPECT_EQ(delta["tool_calls"][0]["index"], 0);
  EXPECT_EQ(delta["tool_calls"][0]["function"]["name"], "look");
  EXPECT_EQ(events.back()["choices"][0]["finish_reason"], "tool_calls");
}

TEST_F(ChatParametersTest, ToolsWithoutAnIndexGoThroughUntouched) {
  const std::string body = R"({"tools":[{"x":1}],"messages":[{"role":"user","content":"x"}]})";
  EXPECT_EQ(call("POST", kChatPath, body).status, 200);
  EXPECT_EQ(llm.forwarded.at(0), body);
}

// The original sends every concurrent request with the last one's model and temperature.
TEST_F(ChatParametersTest, ConcurrentRequestsKeepTheirOwnParameters) {
  StreamingLlm model;
  model.on_stream = [](const Json& body, const std::function<bool(const Json&)>& on_chunk) {
    const std::string said = codec::render_json(body["model"]) + codec::render_json(body["seed"]);
    (void)on_chunk({{"choices", {{{"index", 0}, {"delta", {{"content", said}}}}}},
                    {"usage", {{"total_tokens", body["seed"]}}}});
  };
  service = std::make_unique<RagService>(
      *collections, &model, RagServiceOptions{.chat = {.grounding = rag::GroundingMode::kOff}});
  std::vector<std::string> said(8);
  std::vector<int> used(8);
  std::vector<std::jthread> callers;
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([&, i] {
      const auto reply = ask({{"model", fmt::format("m{}", i)}, {"seed", i}});
      said[static_cast<std::size_t>(i)] =
          reply.json()["choices"][0]["message"]["content"].get<std::string>();
      used[static_cast<std::size_t>(i)] = reply.json()["usage"]["total_tokens"];
    });
  }
  callers.clear();
  for (int i = 0; i < 8; ++i) {
    EXPECT_EQ(said[static_cast<std::size_t>(i)], fmt::format("\"m{}\"{}", i, i));
    EXPECT_EQ(used[static_cast<std::size_t>(i)], i);
  }
}

// A failure to learn the model's name must not last, nor be asked for with each request.
TEST_F(ChatParametersTest, TheModelsNameIsAskedOnceItCanBeTold) {
  StreamingLlm model;
  model.on_stream = [](const Json&, const std::function<bool(const Json&)>& on_chunk) {
    (void)on_chunk({{"choices", {{{"index", 0}, {"delta", {{"content", "Words."}}}}}}});
  };
  model.is_up = false;
  service = std::make_unique<RagService>(
      *collections, &model, RagServiceOptions{.chat = {.grounding = rag::GroundingMode::kOff}});
  EXPECT_EQ(ask().status, 503);
  model.is_up = true;
  EXPECT_EQ(ask().status, 200);
  EXPECT_EQ(ask().status, 200);
  EXPECT_EQ(model.listed, 2);
}

// The original waits for it without end, and lets everybody else wait, too.
TEST_F(ChatParametersTest, TheModelsNameIsAskedWithinTheRequestsTime) {
  StreamingLlm model;
  model.on_stream = [](const Json&, const std::function<bool(const Json&)>&) {};
  service = std::make_unique<RagService>(
      *collections, &model, RagServiceOptions{.chat = {.grounding = rag::GroundingMode::kOff}});
  const Json body = {{"index_name", "i"},
                     {"messages", {{{"role", "user"}, {"content", kQuestion}}}}};
  const net::HttpRequest request{.method = "POST",
                                 .path = kChatPath,
                                 .query = {},
                                 .headers = {{"content-type", "application/json"}},
                                 .body = codec::render_json(body)};
  const Context context = Context::with_timeout(std::chrono::seconds(5));
  RecordingWriter writer;
  service->handle(context, request, writer);
  EXPECT_EQ(model.listing_deadline, context.deadline);
}

// The original shows the metadata of documents that created an index to the model, and hides that
// of those that came later.
TEST_F(ChatParametersTest, DocumentsLookTheSameToTheModelHoweverTheyWereStored) {
  const auto document = [](const std::string& text) {
    return Json{{"text", text}, {"metadata", {{"path", "/srv/internal"}}}};
  };
  index("mixed", {document("The red valve opens at noon."), document("The old valve opens.")});
  index("mixed", {document("The blue valve opens at night.")});
  const auto updated =
      post("/indexes/mixed/documents", {{"documents",
                                         {{{"doc_id", rag::document_id("The old valve opens.")},
                                           {"text", "The red valve opens at night."},
                                           {"metadata", {{"path", "/srv/internal"}}}}}}});
  ASSERT_EQ(updated.json()["updated_documents"].size(), 1U) << updated.body;
  ASSERT_EQ(ask({{"index_name", "mixed"}}).status, 200);
  const std::string prompt = llm.asked.at(0)["messages"][0]["content"];
  for (const char* text : {"The red valve opens at noon.", "The blue valve opens at night.",
                           "The red valve opens at night."}) {
    EXPECT_THAT(prompt, HasSubstr(std::string("\n") + text + "\n"));
  }
  EXPECT_THAT(prompt, Not(HasSubstr("/srv/internal")));
}

// The original puts the documents wherever a message says {context_str}.
TEST_F(ChatParametersTest, BracesInMessagesStayWhatTheyAre) {
  (void)post(kChatPath, {{"index_name", "i"},
                         {"messages",
                          {{{"role", "user"}, {"content", "Say {context_str} and {query_str}."}},
                           {{"role", "assistant"}, {"content", "No {context_str}."}},
                           {{"role", "user"}, {"content", kQuestion}}}}});
  ASSERT_EQ(llm.asked.size(), 1U);
  const Json messages = llm.asked[0]["messages"];
  EXPECT_EQ(messages[1]["content"], "Say {context_str} and {query_str}.");
  EXPECT_EQ(messages[2]["content"], "No {context_str}.");
}

// In the original nothing can be written or found while a model speaks.
TEST_F(ChatParametersTest, AModelThatSpeaksHoldsNoLock) {
  StreamingLlm model;
  int status = 0;
  model.on_stream = [&](const Json&, const std::function<bool(const Json&)>&) {
    index("other", {{{"text", "written meanwhile"}}});
    index("i", {{{"text", "written meanwhile, too"}}});
    status = post("/retrieve", {{"index_name", "i"}, {"query", "meanwhile"}}).status;
  };
  service = std::make_unique<RagService>(
      *collections, &model, RagServiceOptions{.chat = {.grounding = rag::GroundingMode::kOff}});
  (void)ask();
  EXPECT_EQ(status, 200);
}

// An upstream's refusal keeps its status and its words.
TEST_F(ChatParametersTest, UpstreamErrorsKeepTheirStatus) {
  for (const int status : {402, 413, 422, 500, 502}) {
    llm.failure =
        Error{.code = status < 500 ? ErrorCode::kInvalidArgument : ErrorCode::kUnavailable,
              .message = "no more",
              .detail = fmt::format("the model server answered {}", status)};
    const auto reply = ask();
    EXPECT_EQ(reply.status, status);
    EXPECT_EQ(reply.json()["detail"], "no more");
  }
}

TEST_F(ChatParametersTest, ABodyThatIsNoObjectIsTheOriginals422) {
  const auto reply = call("POST", kChatPath, "[1]");
  EXPECT_EQ(reply.status, 422);
  EXPECT_EQ(reply.json()["detail"][0]["type"], "dict_type");
  EXPECT_EQ(reply.json()["detail"][0]["msg"], "Input should be a valid dictionary");
}

}  // namespace
}  // namespace rage::ragserver
