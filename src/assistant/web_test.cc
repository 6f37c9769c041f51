// The page's routes: the demo's contract of its web front end, in front of a scripted agent.
#include "assistant/web.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "assistant/fakes_for_test.h"
#include "assistant/recording_writer_for_test.h"
#include "assistant/remote_agent.h"

namespace rage::assistant {
namespace {

using testing::HasSubstr;

struct WebTest : testing::Test {
  FakeClock clock;
  ScriptedTransport transport;
  std::unique_ptr<RemoteAgent> agent = *RemoteAgent::create(transport, {.url = "http://a:8001/"});
  WebService web = make(false);

  WebService make(bool beside_agent) {
    return {[this](const Context& context, const net::HttpRequest& request,
                   net::ResponseWriter& writer) { agent->handle(context, request, writer); },
            clock,
            {.beside_agent = beside_agent}};
  }
  RecordingWriter call(std::string method, std::string path, std::string body = "",
                       net::Headers headers = {}) {
    RecordingWriter writer;
    web.handle({},
               {.method = std::move(method),
                .path = std::move(path),
                .query = {},
                .headers = std::move(headers),
                .body = std::move(body)},
               writer);
    return writer;
  }
  void agent_says(int status, std::string body) {
    transport.replies = {net::HttpResponse::json(status, std::move(body))};
  }
};

// Pages written for the demo's front end must work with ours.
TEST_F(WebTest, ChatHasTheDemosShapes) {
  agent_says(200, R"({"message":"Hello.","agent_name":"AI Agent","session_id":"s"})");
  const auto reply = call("POST", "/api/chat", R"({"message":"Hi","agentId":"x","sessionId":""})");
  EXPECT_EQ(reply.reply.status, 200);
  EXPECT_EQ(reply.reply.body, R"({"message":"Hello.","agentName":"AI Agent","sessionId":"s"})");
  EXPECT_EQ(transport.asked[0].url, "http://a:8001/chat");
  EXPECT_EQ(transport.asked[0].body, R"({"session_id":null,"agent_id":"x","message":"Hi"})");
  EXPECT_EQ(transport.asked[0].headers.find("content-type"), "application/json");
}

TEST_F(WebTest, ErrorsKeepTheStatusAndSayWhy) {
  EXPECT_EQ(call("POST", "/api/chat", "{}").reply.status, 400);
  EXPECT_EQ(call("POST", "/api/chat", R"({"message":""})").json()["error"], "Message is required");
  EXPECT_EQ(call("POST", "/api/chat", "no JSON").reply.status, 500);
  EXPECT_TRUE(transport.asked.empty());
  agent_says(422, R"({"detail":[{"type":"string_type"}]})");
  const auto invalid = call("POST", "/api/chat", R"({"message":7})");
  EXPECT_EQ(invalid.reply.status, 422);
  EXPECT_EQ(invalid.json()["error"][0]["type"], "string_type");
  agent_says(503, "<html>");
  EXPECT_EQ(call("POST", "/api/chat", R"({"message":"x"})").json()["error"],
            "Failed to send message");
  transport.replies = {{.status = 0}};
  const auto lost = call("POST", "/api/chat", R"({"message":"x"})");
  EXPECT_EQ(lost.reply.status, 500);
  EXPECT_EQ(lost.json()["error"], "The agent cannot be reached");
  EXPECT_EQ(call("GET", "/api/chat").reply.status, 405);
  EXPECT_EQ(call("GET", "/api/nothing").reply.status, 404);
}

TEST_F(WebTest, HistoryHasATimeForEveryMessage) {
  agent_says(200,
             R"({"messages":[{"role":"user","content":"Hi","timestamp":null},)"
             R"({"role":"assistant","content":"Yes","timestamp":"T","agent_name":"AI Agent"}],)"
             R"("session_id":"a b"})");
  const auto reply = call("GET", "/api/chat/history/a%20b");
  EXPECT_EQ(transport.asked[0].url, "http://a:8001/chat/history/a%20b");
  EXPECT_EQ(reply.reply.body,
            R"({"messages":[{"role":"user","content":"Hi","timestamp":"2026-03-05T18:00:00.000Z"},)"
            R"({"role":"assistant","content":"Yes","timestamp":"T","agentName":"AI Agent"}],)"
            R"("sessionId":"a b"})");
  agent_says(500, R"({"detail":"Failed to retrieve chat history"})");
  EXPECT_EQ(call("GET", "/api/chat/history/s").json()["error"], "Failed to retrieve chat history");
}

// Readers see sentences as they come, not all at the end.
TEST_F(WebTest, AStreamGoesThroughPieceByPiece) {
  transport.replies = {{.status = 200,
                        .headers = {{"content-type", "text/event-stream; charset=utf-8"}},
                        .body = "event: delta\ndata: {\"text\":\"Hello.\"}\n\n"}};
  const auto reply = call("POST", "/api/chat/stream", R"({"retry":true,"sessionId":"s"})");
  EXPECT_EQ(transport.asked[0].url, "http://a:8001/chat/stream");
  EXPECT_EQ(transport.asked[0].body, R"({"session_id":"s","agent_id":null,"retry":true})");
  EXPECT_EQ(reply.reply.body, "event: delta\ndata: {\"text\":\"Hello.\"}\n\n");
  EXPECT_LT(reply.writes_left, 995);
  agent_says(409, R"({"detail":"Nothing to retry","message":"There is none."})");
  const auto refused = call("POST", "/api/chat/stream", R"({"retry":true,"sessionId":"s"})");
  EXPECT_EQ(refused.reply.status, 409);
  EXPECT_EQ(refused.reply.body, R"({"error":"Nothing to retry","message":"There is none."})");
}

TEST_F(WebTest, SessionsAreTheAgents) {
  agent_says(200, R"({"id":"s","title":"Mine"})");
  const auto reply = call("PATCH", "/api/sessions/s", R"({"title":"Mine"})",
                          {{"content-type", "application/json"}, {"cookie", "secret"}});
  EXPECT_EQ(reply.reply.body, R"({"id":"s","title":"Mine"})");
  EXPECT_EQ(transport.asked[0].url, "http://a:8001/sessions/s");
  EXPECT_EQ(transport.asked[0].method, "PATCH");
  EXPECT_FALSE(transport.asked[0].headers.has("cookie"));
}

// Who reaches the page reaches the agent's conversations, and nothing else of it.
TEST_F(WebTest, NoPathLeadsElsewhereAtTheAgent) {
  for (const char* path : {"/api/sessions/../metrics", "/api/sessions/..", "/api/sessions/%2e%2e",
                           "/api/sessions/%2E./export", "/api/sessionsx", "/api/sessions/a/b",
                           "/api/chat/history/..", "/api/chat/history/a/../../ready"}) {
    EXPECT_EQ(call("GET", path).reply.status, 404) << path;
  }
  EXPECT_TRUE(transport.asked.empty());
}

// Whatever a model says, the page must not run it or send it elsewhere.
TEST_F(WebTest, ThePageIsFencedIn) {
  const auto page = call("GET", "/").reply;
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.headers.find("content-type"), "text/html; charset=utf-8");
  EXPECT_THAT(std::string(page.headers.find("content-security-policy")),
              HasSubstr("default-src 'none'; script-src 'self'"));
  EXPECT_THAT(page.body, Not(HasSubstr("<style")));
  EXPECT_THAT(page.body, Not(HasSubstr("://")));  // No request to anybody else.
  EXPECT_EQ(call("GET", "/any%20session").reply.body, page.body);
  EXPECT_EQ(call("GET", "/assets/app.js").reply.headers.find("content-type"),
            "text/javascript; charset=utf-8");
  EXPECT_EQ(call("GET", "/assets/../x").reply.status, 404);
  EXPECT_EQ(call("GET", "/a/b").reply.status, 404);
  EXPECT_EQ(call("POST", "/").reply.status, 405);
  const std::string etag(page.headers.find("etag"));
  EXPECT_EQ(call("GET", "/", "", {{"if-none-match", etag}}).reply.status, 304);
}

TEST_F(WebTest, OtherSitesCannotAskInAReadersName) {
  const auto reply =
      call("POST", "/api/chat", R"({"message":"x"})", {{"sec-fetch-site", "cross-site"}});
  EXPECT_EQ(reply.reply.status, 403);
  EXPECT_TRUE(transport.asked.empty());
}

// Programs keep the agent's routes; browsers get a session's page at its address.
TEST_F(WebTest, BesideTheAgentOnlyThePageIsTaken) {
  const WebService beside = make(true);
  const auto serves = [&](std::string method, std::string path, std::string accept = "*/*") {
    return beside.serves({.method = std::move(method),
                          .path = std::move(path),
                          .query = {},
                          .headers = {{"accept", std::move(accept)}},
                          .body = {}});
  };
  EXPECT_TRUE(serves("GET", "/"));
  EXPECT_TRUE(serves("GET", "/assets/app.css"));
  EXPECT_TRUE(serves("POST", "/api/chat"));
  EXPECT_TRUE(serves("GET", "/some-session", "text/html,*/*"));
  EXPECT_FALSE(serves("GET", "/some-session"));
  EXPECT_FALSE(serves("GET", "/metrics", "text/html"));
  EXPECT_FALSE(serves("GET", "/chat/history/s", "text/html"));
  EXPECT_FALSE(serves("POST", "/chat"));
}

// Another conference's looks; and the demo's agent, which tells nothing, still gets a page.
TEST_F(WebTest, ThePageWearsTheTheme) {
  const PageTheme theme = *parse_theme("title: T\ncolours: {dark: {accent: \"#ffcc00\"}}");
  const WebService themed{
      [this](const Context& context, const net::HttpRequest& request, net::ResponseWriter& writer) {
        agent->handle(context, request, writer);
      },
      clock,
      {.theme = theme}};
  const auto get = [&](const WebService& service, std::string path) {
    RecordingWriter writer;
    service.handle(
        {}, {.method = "GET", .path = std::move(path), .query = {}, .headers = {}, .body = {}},
        writer);
    return writer.reply;
  };
  agent_says(200, R"({"modes":["direct"]})");
  EXPECT_EQ(get(themed, "/api/config").body,
            R"({"modes":["direct"],"theme":{"title":"T"},"operator":false})");
  agent_says(404, R"({"detail":"Not Found"})");
  EXPECT_EQ(get(web, "/api/config").body, R"({"theme":{},"operator":false})");
  const auto css = get(themed, "/assets/theme.css");
  EXPECT_EQ(css.body, ":root { --accent: #ffcc00; }\n");
  EXPECT_EQ(css.headers.find("content-type"), "text/css; charset=utf-8");
  EXPECT_EQ(get(web, "/assets/theme.css").body, "");
  EXPECT_EQ(get(web, "/assets/logo").status, 404);
  // Without a desk there is no operator's page, only a conversation of that name.
  EXPECT_EQ(get(web, "/operator").body, get(web, "/").body);
  EXPECT_EQ(get(web, "/api/operator/rag/indexes").status, 404);
}

TEST(RemoteAgent, RefusesWhatIsNoAddress) {
  ScriptedTransport transport;
  EXPECT_FALSE(RemoteAgent::create(transport, {.url = "agent:8001"}));
}

}  // namespace
}  // namespace rage::assistant
