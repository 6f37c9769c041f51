// The HTTP API over a real SQLite file and a scripted upstream.
#include "assistant/service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "assistant/fakes_for_test.h"
#include "assistant/recording_writer_for_test.h"
#include "assistant/sqlite_store.h"
#include "base/files.h"
#include "codec/sse.h"

namespace rage::assistant {
namespace {

using testing::HasSubstr;

// Passes everything on until it is told to fail.
class FlakyStore final : public HistoryStore {
 public:
  explicit FlakyStore(HistoryStore& store) : store_(store) {}
  Result<std::vector<Message>> load(const Context& context, const std::string& session,
                                    std::size_t most) override {
    if (down) return failure();
    return store_.load(context, session, most);
  }
  Result<void> append(const Context& context, const std::string& session,
                      std::span<const Message> messages) override {
    if (down || (no_answers && messages.front().role == kAssistant)) return failure();
    return store_.append(context, session, messages);
  }
  Result<void> settle(const Context& context) override { return store_.settle(context); }
  Result<SessionList> list(const Context& context, std::size_t most) override {
    return store_.list(context, most);
  }
  Result<SessionInfo> find(const Context& context, const std::string& session) override {
    return store_.find(context, session);
  }
  Result<void> rename(const Context& context, const std::string& session,
                      const std::string& title) override {
    return store_.rename(context, session, title);
  }
  Result<void> remove(const Context& context, const std::string& session) override {
    return store_.remove(context, session);
  }
  Result<void> check(const Context& context) override {
    if (down) return failure();
    return store_.check(context);
  }
  bool down = false;
  bool no_answers = false;

 private:
  static std::unexpected<Error> failure() { return fail(ErrorCode::kUnavailable, "no store"); }
  HistoryStore& store_;
};

struct ServiceTest : testing::Test {
  std::unique_ptr<TemporaryDirectory> folder = *TemporaryDirectory::create("rage-assistant-");
  FakeClock clock;
  std::unique_ptr<SqliteStore> sqlite =
      *SqliteStore::open(folder->path() / "assistant.db", clock, {});
  FlakyStore store{*sqlite};
  ScriptedTransport transport;
  std::unique_ptr<Upstream> upstream =
      *Upstream::create(transport, clock, {.base_url = "http://up/v1", .retries_max = 0});
  obs::MetricRegistry registry;
  AssistantMetrics metrics{registry, "m", "http://up/v1"};
  Turns turns{store, *upstream, metrics, clock, {.model = "m", .instructions = "I"}};
  AssistantService service{turns, store, *upstream, metrics, registry, {}};

  RecordingWriter call(std::string method, std::string path, std::string body = "",
                       int writes = 1000) {
    net::HttpRequest request{.method = std::move(method),
                             .path = std::move(path),
                             .query = {},
                             .headers = {{"content-type", "application/json"}},
                             .body = std::move(body)};
    if (const auto mark = request.path.find('?'); mark != std::string::npos) {
      request.query = request.path.substr(mark + 1);
      request.path.resize(mark);
    }
    RecordingWriter writer;
    writer.writes_left = writes;
    service.handle({}, request, writer);
    return writer;
  }
  codec::Json asked(std::size_t i) const { return *codec::parse_json(transport.asked.at(i).body); }
};

std::vector<codec::SseEvent> events_of(const std::string& body) {
  std::vector<codec::SseEvent> events;
  codec::SseParser parser;
  EXPECT_TRUE(
      parser.feed(body, [&](codec::SseEvent event) { events.push_back(std::move(event)); }));
  return events;
}

// Names of spans are from a closed set: a tracing backend keeps each for ever.
TEST(RouteTemplate, NamesRoutesAndNeitherSessionsNorProbes) {
  const auto name = [](std::string method, std::string path) {
    return route_template({.method = std::move(method), .path = std::move(path)});
  };
  EXPECT_EQ(name("GET", "/sessions/a%20b/export"), "/sessions/{session}/export");
  EXPECT_EQ(name("POST", "/api/chat/stream"), "/api/chat/stream");
  EXPECT_EQ(name("GET", "/api/chat/history/x"), "/api/chat/history/{session}");
  EXPECT_EQ(name("GET", "/api/operator/indexes/mine"), "/api/operator/");
  for (const char* path : {"/", "/health", "/metrics", "/assets/app.js", "/api/config", "/x/y"}) {
    EXPECT_EQ(name("GET", path), "") << path;
  }
}

TEST_F(ServiceTest, TheDemosContract) {
  EXPECT_EQ(call("GET", "/health").reply.body, R"({"status":"healthy","service":"agent-service"})");
  EXPECT_EQ(call("GET", "/chat").reply.body, R"({"detail":"Method Not Allowed"})");
  EXPECT_EQ(call("GET", "/chat").reply.status, 405);
  EXPECT_EQ(call("GET", "/").reply.status, 404);
  EXPECT_EQ(call("GET", "/nothing").reply.body, R"({"detail":"Not Found"})");
  EXPECT_EQ(call("POST", "/chat", "{}").reply.status, 422);
  EXPECT_EQ(call("GET", "/chat/history/nobody").reply.body,
            R"({"messages":[],"session_id":"nobody"})");
  EXPECT_EQ(not_initialized().body, R"({"detail":"Agent not initialized"})");
  EXPECT_EQ(not_initialized().status, 503);

  transport.replies = {a_completion("\"Hello.\""), a_completion("null")};
  const auto reply = call("POST", "/chat", R"({"message":"Hi","session_id":"a b"})");
  EXPECT_EQ(reply.reply.body, R"({"message":"Hello.","agent_name":"AI Agent","session_id":"a b"})");
  EXPECT_EQ(call("POST", "/chat", R"({"message":"And?","session_id":"a b"})").json()["message"],
            "");
  const auto history = call("GET", "/chat/history/a%20b").json();
  ASSERT_EQ(history["messages"].size(), 4U);
  EXPECT_EQ(codec::render_json(history["messages"][0]),
            R"({"role":"user","content":"Hi","timestamp":"2026-03-05T18:00:00.000Z"})");
  EXPECT_EQ(history["messages"][1]["agent_name"], "AI Agent");
  EXPECT_EQ(asked(1)["messages"].size(), 4U);  // Instructions, one turn, the question.
  EXPECT_EQ(
      call("POST", "/chat", R"({"message":"Hi"})").json()["session_id"].get<std::string>().size(),
      36U);
}

// The model dying must not cost people what they typed.
TEST_F(ServiceTest, AFailedQuestionIsKeptAndCanBeAskedAgain) {
  transport.replies = {net::HttpResponse::json(500, R"({"error":"out of memory"})")};
  const auto failed = call("POST", "/chat", R"({"message":"Hi","session_id":"s"})");
  EXPECT_EQ(failed.reply.status, 500);
  EXPECT_EQ(failed.json()["detail"], "Failed to process message");
  EXPECT_EQ(failed.json()["error_code"], "UNAVAILABLE");
  EXPECT_EQ(failed.reply.body.find("memory"), std::string::npos);  // No internals.
  EXPECT_EQ(call("GET", "/chat/history/s").json()["messages"].size(), 1U);

  transport.replies = {a_completion("\"Hello.\"")};
  const auto again = call("POST", "/chat", R"({"retry":true,"session_id":"s"})");
  EXPECT_EQ(again.json()["message"], "Hello.");
  EXPECT_EQ(asked(1)["messages"][1]["content"], "Hi");
  EXPECT_EQ(asked(1)["messages"].size(), 2U);  // The question is not there twice.
  EXPECT_EQ(call("GET", "/chat/history/s").json()["messages"].size(), 2U);
  EXPECT_EQ(call("POST", "/chat", R"({"retry":true,"session_id":"s"})").reply.status, 409);
}

TEST_F(ServiceTest, StreamsSentencesAndThenWhatIsKnownOfTheAnswer) {
  transport.replies = {a_stream({"It is ", "at noon. Br", "ing a pen."})};
  const auto reply = call("POST", "/chat/stream", R"({"message":"When?","session_id":"s"})");
  EXPECT_EQ(reply.reply.headers.find("content-type"), "text/event-stream; charset=utf-8");
  const auto events = events_of(reply.reply.body);
  ASSERT_EQ(events.size(), 4U);
  EXPECT_EQ(events[0].event, "session");
  EXPECT_EQ(events[1].data, R"({"text":"It is at noon. "})");
  EXPECT_EQ(events[2].data, R"({"text":"Bring a pen."})");
  EXPECT_EQ(events[3].event, "done");
  const auto done = *codec::parse_json(events[3].data);
  EXPECT_EQ(done["message"], "It is at noon. Bring a pen.");
  EXPECT_EQ(done["model"], "m-1");
  EXPECT_EQ(done["usage"]["prompt_tokens"], 7);
  EXPECT_EQ(done["grounding"]["mode"], "model");
  EXPECT_EQ(call("GET", "/sessions/s").json()["messages"][1]["grounding"]["mode"], "model");
}

TEST_F(ServiceTest, AStreamThatBreaksOffSaysSoAndKeepsOnlyTheQuestion) {
  transport.replies = {a_stream({"It is "}, false)};
  const auto events =
      events_of(call("POST", "/chat/stream", R"({"message":"When?","session_id":"s"})").reply.body);
  ASSERT_EQ(events.back().event, "error");
  EXPECT_THAT(events.back().data, HasSubstr("The answer broke off"));
  EXPECT_EQ(call("GET", "/chat/history/s").json()["messages"].size(), 1U);
}

// Pressing stop: the model must not go on, and what was read stays.
TEST_F(ServiceTest, AReaderWhoLeavesEndsTheAnswer) {
  transport.replies = {a_stream({"One. ", "Two. ", "Three. ", "Four. "})};
  (void)call("POST", "/chat/stream", R"({"message":"Count","session_id":"s"})", 2);
  const auto messages = call("GET", "/sessions/s").json()["messages"];
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(messages[1]["stopped"], true);
  EXPECT_EQ(messages[1]["content"].get<std::string>().find("Four"), std::string::npos);
}

// Who deletes a conversation while the answer is on its way does not want it back.
TEST_F(ServiceTest, ADeletedConversationStaysDeleted) {
  transport.replies = {a_completion("\"Hello.\"")};
  transport.meanwhile = [&] { EXPECT_EQ(call("DELETE", "/sessions/s").reply.status, 204); };
  EXPECT_EQ(call("POST", "/chat", R"({"message":"Hi","session_id":"s"})").reply.status, 200);
  EXPECT_EQ(call("GET", "/sessions/s").reply.status, 404);
}

// Redis dying between question and answer must lose neither.
TEST_F(ServiceTest, AnAnswerThatTheHistoryDoesNotTakeIsOfferedAgain) {
  transport.replies = {a_completion("\"Hello.\"")};
  store.no_answers = true;
  EXPECT_EQ(call("POST", "/chat", R"({"message":"Hi","session_id":"s"})").reply.status, 200);
  EXPECT_EQ(call("GET", "/chat/history/s").json()["messages"].size(), 1U);
  EXPECT_THAT(registry.render(), HasSubstr("assistant_unsaved_messages 1"));
  store.no_answers = false;
  EXPECT_EQ(call("POST", "/chat", R"({"message":"More","session_id":"s"})").reply.status, 200);
  const auto messages = call("GET", "/chat/history/s").json()["messages"];
  ASSERT_EQ(messages.size(), 4U);
  EXPECT_EQ(messages[1]["content"], "Hello.");
  store.down = true;
  EXPECT_EQ(call("POST", "/chat", R"({"message":"x","session_id":"s"})").reply.status, 500);
  EXPECT_EQ(call("GET", "/chat/history/s").json()["detail"], "Failed to retrieve chat history");
}

TEST_F(ServiceTest, ReadyTellsWhatIsMissing) {
  transport.replies = {net::HttpResponse::json(404, "{}")};  // A gateway without /models is one.
  EXPECT_EQ(call("GET", "/ready").reply.status, 200);
  transport.replies = {{.status = 0}};
  const auto reply = call("GET", "/ready");
  EXPECT_EQ(reply.reply.status, 503);
  EXPECT_EQ(reply.json()["checks"]["history"]["ok"], true);
  EXPECT_EQ(reply.json()["checks"]["upstream"]["ok"], false);
}

TEST_F(ServiceTest, SessionsAreListedRenamedExportedAndDeleted) {
  transport.replies = {a_completion("\"Hello.\"")};
  (void)call("POST", "/chat", R"({"message":"First words","session_id":"s"})");
  EXPECT_EQ(call("GET", "/sessions").json()["sessions"][0]["title"], "First words");
  EXPECT_EQ(call("PATCH", "/sessions/s", R"({"title":"Mine"})").json()["title"], "Mine");
  const auto file = call("GET", "/sessions/s/export?format=markdown");
  EXPECT_THAT(file.reply.body, HasSubstr("# Mine\n\n## Question"));
  EXPECT_EQ(file.reply.headers.find("content-disposition"), "attachment; filename=\"s.md\"");
  EXPECT_EQ(call("GET", "/sessions/s/export").json()["messages"].size(), 2U);
  EXPECT_EQ(call("GET", "/sessions/s/export?format=exe").reply.status, 400);
  EXPECT_EQ(call("DELETE", "/sessions/s").reply.status, 204);
  EXPECT_EQ(call("DELETE", "/sessions/s").reply.status, 404);
  EXPECT_EQ(call("GET", "/sessions?limit=0").reply.status, 400);
}

// Dashboards ask for these names.
TEST_F(ServiceTest, MetricsCarryTheNamesOfOpenTelemetry) {
  transport.replies = {a_completion("\"Hello.\"")};
  (void)call("POST", "/chat", R"({"message":"Hi"})");
  const std::string page = call("GET", "/metrics").reply.body;
  EXPECT_THAT(page, HasSubstr("gen_ai_client_token_usage_tokens_sum{gen_ai_operation_name=\"chat\","
                              "gen_ai_provider_name=\"openai\",gen_ai_request_model=\"m\","
                              "server_address=\"http://up/v1\",gen_ai_token_type=\"input\"} 7"));
  EXPECT_THAT(page, HasSubstr("gen_ai_client_operation_duration_seconds_bucket"));
  EXPECT_THAT(page, HasSubstr("le=\"81.92\""));
  EXPECT_THAT(page, HasSubstr("le=\"67108864.0\""));
}

}  // namespace
}  // namespace rage::assistant
