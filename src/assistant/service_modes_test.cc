// One question, with sources, without, and both at once; timetable, calendar, tools.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "assistant/fakes_for_test.h"
#include "assistant/recording_writer_for_test.h"
#include "assistant/service.h"
#include "assistant/sqlite_store.h"
#include "base/files.h"
#include "codec/sse.h"

namespace rage::assistant {
namespace {

using testing::HasSubstr;

constexpr const char* kCompletion =
    R"({"model":"m-1","choices":[{"message":{"role":"assistant","content":"Room C [1]"}}],
    "grounding":{"mode":"composed","citations":[{"number":1,"doc_id":"d 1"}]},
    "source_nodes":[{"doc_id":"d 1","text":"x","metadata":{"title":"A","date":"03/05/2026",
    "start":"10:00","end":"11:00"}},{"doc_id":"d2","text":"y","metadata":{"title":"B"}}]})";
constexpr const char* kDocuments =
    R"({"documents":[{"doc_id":"d 1","text":"x","metadata":{"title":"A","date":"03/05/2026",
    "start":"10:00","end":"11:00","location":"Ballroom C"}},
    {"doc_id":"d 1","text":"more","metadata":{"title":"A"}},
    {"doc_id":"d2","text":"y","metadata":{"title":"B"}}],"count":3,"total_items":3})";

struct ModesTest : testing::Test {
  std::unique_ptr<TemporaryDirectory> folder = *TemporaryDirectory::create("rage-modes-");
  FakeClock clock;
  std::unique_ptr<SqliteStore> store = *SqliteStore::open(folder->path() / "a.db", clock, {});
  ScriptedTransport rag;
  ScriptedTransport model;
  std::unique_ptr<Upstream> upstream =
      *Upstream::create(rag, clock, {.base_url = "http://rag/v1", .retries_max = 0});
  std::unique_ptr<Upstream> direct =
      *Upstream::create(model, clock, {.base_url = "http://model/v1", .retries_max = 0});
  RagClient client{rag, clock, rag_root_of("http://rag/v1"), ""};
  obs::MetricRegistry registry;
  AssistantMetrics metrics{registry, "m", "http://rag/v1"};
  Turns turns{*store,
              *upstream,
              metrics,
              clock,
              {.model = "m", .index_name = "i", .instructions = "I"},
              direct.get()};
  AssistantService service{
      turns,     *store,
      *upstream, metrics,
      registry,  {.index_name = "i", .rag = &client, .wall_now = [] { return WallTime(); }}};

  RecordingWriter call(std::string method, std::string path, std::string body = "",
                       std::string query = "") {
    RecordingWriter writer;
    service.handle({},
                   {.method = std::move(method),
                    .path = std::move(path),
                    .query = std::move(query),
                    .headers = {{"content-type", "application/json"}},
                    .body = std::move(body)},
                   writer);
    return writer;
  }
  static codec::Json body_of(const net::ClientRequest& request) {
    return *codec::parse_json(request.body);
  }
};

// The talk's point on one screen: the same question, the bare model beside the grounded answer.
TEST_F(ModesTest, BothAtOnceIsOneTurnOfTheHistory) {
  rag.replies = {a_stream({"In Ballroom C."})};
  model.replies = {a_stream({"In ", "Hall 9. Surely."})};
  const auto reply =
      call("POST", "/chat/stream", R"({"message":"Where?","session_id":"s","mode":"compare"})");
  EXPECT_THAT(reply.reply.body, HasSubstr("event: delta\ndata: {\"text\":\"In Ballroom C.\"}"));
  EXPECT_THAT(reply.reply.body, HasSubstr("event: bare\ndata: {\"text\":\"In Hall 9. \"}"));
  EXPECT_THAT(reply.reply.body, HasSubstr(R"("mode":"compare","bare":{"message":"In Hall 9. )"));
  EXPECT_EQ(body_of(rag.asked[0])["index_name"], "i");
  EXPECT_FALSE(body_of(model.asked[0]).contains("index_name"));
  const auto messages = call("GET", "/sessions/s").json()["messages"];
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(messages[1]["content"], "In Ballroom C.");
  EXPECT_EQ(messages[1]["bare"]["message"], "In Hall 9. Surely.");
}

// What a model made up without sources must not come back as something that was said.
TEST_F(ModesTest, NeitherSideHearsWhatTheOtherSaid) {
  rag.replies = {a_completion("\"Grounded.\"")};
  model.replies = {a_completion("\"Made up.\"")};
  (void)call("POST", "/chat", R"({"message":"1","session_id":"s","mode":"direct"})");
  (void)call("POST", "/chat", R"({"message":"2","session_id":"s"})");
  (void)call("POST", "/chat", R"({"message":"3","session_id":"s","mode":"compare"})");
  (void)call("POST", "/chat", R"({"message":"4","session_id":"s","mode":"compare"})");
  const std::string to_rag = rag.asked.back().body;
  const std::string to_model = model.asked.back().body;
  EXPECT_EQ(to_rag.find("Made up"), std::string::npos);
  EXPECT_THAT(to_rag, HasSubstr("Grounded."));
  EXPECT_EQ(to_model.find("Grounded"), std::string::npos);
  EXPECT_EQ(body_of(model.asked.back())["messages"].size(), 6U);  // System, 1, 3, and the question.
  const auto messages = call("GET", "/sessions/s").json()["messages"];
  EXPECT_EQ(messages[1]["mode"], "direct");
  EXPECT_FALSE(messages[3].contains("mode"));
}

TEST_F(ModesTest, ABareModelThatFailsCostsOnlyItsColumn) {
  rag.replies = {a_completion("\"Grounded.\"")};
  model.replies = {net::HttpResponse::json(500, "{}")};
  const auto reply =
      call("POST", "/chat", R"({"message":"1","session_id":"s","mode":"compare"})").json();
  EXPECT_EQ(reply["message"], "Grounded.");
  EXPECT_EQ(reply["bare"]["error_code"], "UNAVAILABLE");
  EXPECT_THAT(reply["bare"]["error"].get<std::string>(), HasSubstr("cannot be reached"));
  EXPECT_EQ(call("POST", "/chat", R"({"message":"1","mode":"loud"})").reply.status, 422);
}

// A client that has a calendar gets the sessions of the answer for it; the model has no say.
TEST_F(ModesTest, TheCalendarToolNamesTheCitedSessions) {
  rag.replies = {net::HttpResponse::json(200, kCompletion)};
  const auto plain = call("POST", "/chat", R"({"message":"1"})").json();
  EXPECT_FALSE(plain.contains("tool_calls"));
  const auto reply = call("POST", "/chat", R"({"message":"1","tools":["calendar_export"]})").json();
  ASSERT_EQ(reply["tool_calls"].size(), 1U);
  EXPECT_EQ(reply["tool_calls"][0]["function"]["arguments"], R"({"doc_ids":["d 1"]})");
  EXPECT_EQ(reply["tool_calls"][0]["url"], "/calendar?doc=d%201");
}

TEST_F(ModesTest, TimetableAndCalendar) {
  rag.replies = {net::HttpResponse::json(200, kDocuments)};
  const auto schedule = call("GET", "/schedule").json();
  EXPECT_EQ(rag.asked[0].url,
            "http://rag/indexes/i/documents?limit=100&offset=0&max_text_length=1");
  ASSERT_EQ(schedule["sessions"].size(), 2U);
  EXPECT_EQ(schedule["sessions"][0]["date"], "2026-03-05");
  EXPECT_TRUE(schedule["sessions"][1]["date"].is_null());
  const auto file = call("GET", "/calendar", "", "doc=d+1");
  EXPECT_EQ(file.reply.headers.find("content-type"), "text/calendar; charset=utf-8");
  EXPECT_THAT(file.reply.body, HasSubstr("SUMMARY:A\r\nLOCATION:Ballroom C\r\n"));
  EXPECT_EQ(rag.asked.size(), 1U);  // Asked once for both.
  EXPECT_EQ(call("GET", "/calendar", "", "doc=d2").reply.status, 404);
  EXPECT_EQ(call("GET", "/config").reply.body,
            R"({"modes":["sources","direct","compare"],"index":"i","timezone":"UTC"})");
}

TEST_F(ModesTest, ASchedulethatIsNotThereSaysSo) {
  rag.replies = {net::HttpResponse::json(404, "{}")};
  EXPECT_EQ(call("GET", "/schedule").reply.status, 404);
  rag.replies = {{.status = 0}};
  EXPECT_EQ(call("GET", "/schedule").reply.status, 502);
  EXPECT_EQ(call("GET", "/models").reply.status, 502);
  rag.replies = {net::HttpResponse::json(200, R"({"data":[{"id":"m"}]})")};
  EXPECT_EQ(call("GET", "/models").reply.body, R"({"data":[{"id":"m"}]})");
}

TEST(RagClient, FindsTheServiceBehindTheModelsAddress) {
  EXPECT_EQ(rag_root_of("http://h:1/v1"), "http://h:1");
  EXPECT_EQ(rag_root_of("http://h:1/v1/chat/completions"), "http://h:1");
  EXPECT_EQ(rag_root_of("http://h/rag/"), "http://h/rag");
}

}  // namespace
}  // namespace rage::assistant
