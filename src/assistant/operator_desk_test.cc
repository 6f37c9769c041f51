#include "assistant/operator_desk.h"

#include <gtest/gtest.h>

#include "assistant/fakes_for_test.h"
#include "base/files.h"

namespace rage::assistant {
namespace {

struct OperatorDeskTest : testing::Test {
  std::unique_ptr<TemporaryDirectory> folder = *TemporaryDirectory::create("rage-desk-");
  FakeClock clock;
  ScriptedTransport transport;
  RagClient rag{transport, clock, "http://rag:1", "none"};
  OperatorDesk desk{rag, {.reports = folder->path()}};

  net::HttpResponse call(std::string method, std::string path,
                         net::Headers headers = {{"host", "localhost:8001"}}) {
    return desk.handle({}, {.method = std::move(method),
                            .path = std::move(path),
                            .query = "limit=2",
                            .headers = std::move(headers),
                            .body = "{}"});
  }
};

TEST_F(OperatorDeskTest, PassesTheServicesRoutesOn) {
  transport.replies = {net::HttpResponse::json(200, "[\"a\"]")};
  EXPECT_EQ(call("GET", "/api/operator/rag/indexes/a%20b/documents").body, "[\"a\"]");
  EXPECT_EQ(transport.asked[0].url, "http://rag:1/indexes/a%20b/documents?limit=2");
  transport.replies = {{.status = 0}};
  EXPECT_EQ(call("GET", "/api/operator/rag/indexes").status, 502);
}

// A page of somebody else's, or a name that somebody points at 127.0.0.1, must not delete an index.
TEST_F(OperatorDeskTest, AnswersToThisMachineAlone) {
  EXPECT_EQ(call("GET", "/api/operator/rag/indexes", {{"host", "evil.example"}}).status, 403);
  EXPECT_EQ(call("GET", "/api/operator/rag/indexes", {}).status, 403);
  EXPECT_EQ(call("DELETE", "/api/operator/rag/indexes/a",
                 {{"host", "127.0.0.1:8001"}, {"sec-fetch-site", "same-site"}})
                .status,
            403);
  EXPECT_TRUE(is_loopback_host("[::1]:8001"));
  EXPECT_FALSE(is_loopback_host("localhost.evil.example"));
  EXPECT_TRUE(transport.asked.empty());
}

TEST_F(OperatorDeskTest, NoPathLeadsElsewhere) {
  for (const char* path :
       {"/api/operator/rag/v1/chat/completions", "/api/operator/rag/indexes/..",
        "/api/operator/rag/indexes/%2e%2e/documents", "/api/operator/rag/metrics",
        "/api/operator/rag/indexes/a/b/documents", "/api/operator/rag"}) {
    EXPECT_EQ(call("GET", path).status, 404) << path;
  }
  EXPECT_FALSE(is_operator_route("PUT", "/indexes/a"));
  EXPECT_TRUE(transport.asked.empty());
}

TEST_F(OperatorDeskTest, ReportsAreThoseOfTheFolder) {
  ASSERT_TRUE(write_file_atomically(folder->path() / "dev.json",
                                    R"({"questions":60,"right":0.95,"results":[1,2]})"));
  ASSERT_TRUE(write_file_atomically(folder->path() / "broken.json", "{"));
  ASSERT_TRUE(write_file_atomically(folder->path() / "secret.txt", "x"));
  EXPECT_EQ(call("GET", "/api/operator/reports").body,
            R"({"reports":[{"name":"dev.json","questions":60,"right":0.95}]})");
  EXPECT_EQ(call("GET", "/api/operator/reports/dev.json").status, 200);
  for (const char* name : {"secret.txt", "..%2fx.json", "../x.json", "broken.json", ".json"}) {
    EXPECT_EQ(call("GET", std::string("/api/operator/reports/") + name).status, 404) << name;
  }
}

}  // namespace
}  // namespace rage::assistant
