// Routes around the documents: persisting and loading, OpenAI's, the service's own description.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cstring>
#include <filesystem>
#include <set>

#include "base/base64.h"
#include "base/sha256.h"
#include "rag/hashes.h"
#include "ragserver/routes.h"
#include "ragserver/service_fixture.h"

namespace rage::ragserver {
namespace {

using codec::Json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

struct RoutesTest : ServiceFixture {
  std::string data() const { return directory->path().string(); }
  std::string detail(const RecordingWriter& reply) { return reply.json()["detail"]; }
};

// Names of spans are from a closed set: a tracing backend keeps each for ever.
TEST(RouteTemplate, NamesRoutesAndNeitherIndexesNorProbes) {
  const auto name = [](std::string method, std::string path) {
    return route_template({.method = std::move(method), .path = std::move(path)});
  };
  EXPECT_EQ(name("GET", "/indexes/my%20own/documents"), "/indexes/{name}/documents");
  EXPECT_EQ(name("DELETE", "/indexes/x"), "/indexes/{name}");
  EXPECT_EQ(name("POST", "/v1/chat/completions"), "/v1/chat/completions");
  for (const char* path : {"/health", "/readyz", "/metrics", "/docs", "/no/such/path"}) {
    EXPECT_EQ(name("GET", path), "") << path;
  }
}

TEST_F(RoutesTest, PersistAndLoadSayWhatTheOriginalSays) {
  index("i", {{{"text", "abc"}}});
  EXPECT_EQ(call("POST", "/persist/i?path=storage").json()["message"],
            "Successfully persisted index i to " + data() + "/i.");
  EXPECT_EQ(call("POST", "/persist/i?path=./custom").json()["message"],
            "Successfully persisted index i to ./custom.");
  EXPECT_EQ(call("POST", "/load/j?path=./custom").json()["message"],
            "Successfully loaded index j from ./custom.");
  EXPECT_EQ(call("GET", "/indexes").body, R"(["i","j"])");
  const auto conflict = call("POST", "/load/i");
  EXPECT_EQ(conflict.status, 409);
  EXPECT_EQ(detail(conflict),
            "Index 'i' already exists. Use a different name or delete the existing index first.");
  EXPECT_EQ(call("POST", "/load/i?overwrite=True").status, 200);
  const auto missing = call("POST", "/load/k");
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(detail(missing), "Path does not exist: " + data() + "/k");
  EXPECT_EQ(call("POST", "/persist/none").body, R"({"detail":"No such index: 'none' exists."})");
  const auto bad = call("POST", "/load/i?overwrite=perhaps");
  EXPECT_EQ(bad.status, 422);
  EXPECT_EQ(bad.json()["detail"][0]["type"], "bool_parsing");
}

TEST_F(RoutesTest, NothingIsWrittenOutside) {
  index("i", {{{"text", "abc"}}});
  for (const char* path : {"/etc", "../x", "%2Ftmp%2Fx", "indexes", "a%00b"}) {
    const auto reply = call("POST", std::string("/persist/i?path=") + path);
    EXPECT_EQ(reply.status, 400) << path;
    EXPECT_THAT(detail(reply), HasSubstr("Persistence failed: the path"));
    EXPECT_EQ(call("POST", std::string("/load/n?path=") + path).status, 400) << path;
  }
}

TEST_F(RoutesTest, FiltersCompareAndErrorsSayWhatIsWrong) {
  index("i", {{{"text", "talk one"}, {"metadata", {{"date", "03/05/2026"}}}},
              {{"text", "talk two"}, {"metadata", {{"date", "03/07/2026"}}}}});
  const Json later = {{"date", {{"$gt", "2026-03-06"}}}};
  const auto found =
      post("/retrieve", {{"index_name", "i"}, {"query", "talk"}, {"metadata_filter", later}});
  EXPECT_EQ(found.json()["count"], 1);
  EXPECT_EQ(found.json()["results"][0]["text"], "talk two");
  const auto listed =
      call("GET",
           "/indexes/i/documents?metadata_filter=%7B%22date%22%3A%7B%22%24lt%22%3A%22"
           "2026-03-06%22%7D%7D");
  EXPECT_EQ(listed.json()["total_items"], 1);
  const auto bad = post(
      "/retrieve",
      {{"index_name", "i"}, {"query", "talk"}, {"metadata_filter", {{"date", {{"$like", "x"}}}}}});
  EXPECT_EQ(bad.status, 400);
  EXPECT_THAT(detail(bad), HasSubstr("'$like' of 'date' is no operator"));
}

TEST_F(RoutesTest, DocumentsAreCheckedFieldByField) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"text":"t","hash_value":5})", "string_type"},
      {R"({"text":"t","is_truncated":"maybe"})", "bool_parsing"},
      {R"({"text":"t","is_truncated":null})", "bool_type"},
      {R"({"text":"t","doc_id":null})", "string_type"},
  };
  for (const auto& [document, type] : cases) {
    const auto reply =
        call("POST", "/index", fmt::format(R"({{"index_name":"i","documents":[{}]}})", document));
    ASSERT_EQ(reply.status, 422) << document;
    EXPECT_EQ(reply.json()["detail"][0]["type"], type) << document;
  }
  const auto lax = call(
      "POST", "/index",
      R"({"index_name":"i","documents":[{"text":"t","is_truncated":"yes","hash_value":null}]})");
  EXPECT_EQ(lax.status, 200) << lax.body;
}

// List, change the text, send it back, as the original's README does, and the rest of the
// document is gone.
TEST_F(RoutesTest, AListedRowIsNotTakenForItsDocument) {
  std::string text;
  for (int i = 0; i < 3000; ++i) text += "Sentence number " + std::to_string(i) + " of many. ";
  index("i", {{{"text", text}}, {{"text", "short"}}});
  const Json rows =
      call("GET", "/indexes/i/documents?limit=100&max_text_length=100000").json()["documents"];
  ASSERT_GT(rows.size(), 2U);
  const auto send = [&](Json row) {
    row["text"] = row["text"].get<std::string>() + " Changed.";
    return post("/indexes/i/documents", {{"documents", {row}}});
  };
  EXPECT_EQ(send(rows.front()).status, 400);
  EXPECT_THAT(detail(send(rows.front())), HasSubstr("Send the whole text"));
  const Json cut = call("GET", "/indexes/i/documents?limit=1").json()["documents"][0];
  EXPECT_THAT(detail(send(cut)), HasSubstr("larger max_text_length"));
  EXPECT_EQ(call("GET", "/indexes/i/documents").json()["total_items"], rows.size());
  // A document of one row, listed whole, may be sent back.
  EXPECT_EQ(send(rows.back()).json()["updated_documents"].size(), 1U);
}

// A parser's error is placed by characters, not bytes.
TEST_F(RoutesTest, JsonErrorsCountCharacters) {
  const auto reply = call("POST", "/index", "{\"é\":x}");
  EXPECT_EQ(reply.json()["detail"][0]["loc"], Json::array({"body", 5}));
}

TEST_F(RoutesTest, ListFindsNamesThatClientsEncodedTwice) {
  index("a b", {{{"text", "abc"}}});
  EXPECT_EQ(call("GET", "/indexes/a%2520b/documents").status, 200);
  EXPECT_EQ(call("GET", "/indexes/x%2520y/documents").body,
            R"({"detail":"No such index: 'x%20y' exists."})");
}

TEST_F(RoutesTest, WrongMethodsNameTheRightOnesAndRedirectsKeepTheQuery) {
  const auto wrong = call("PUT", "/indexes/i/documents");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.headers.find("allow"), "GET, POST");
  EXPECT_EQ(call("GET", "/indexes/?a=1").headers.find("location"), "/indexes?a=1");
  EXPECT_EQ(call("POST", "/persist/").status, 404);
}

TEST_F(RoutesTest, EmbeddingsInOpenAisShape) {
  const auto plain = post("/v1/embeddings", {{"model", "m"}, {"input", {"one", "two words"}}});
  ASSERT_EQ(plain.status, 200) << plain.body;
  const Json body = plain.json();
  EXPECT_EQ(body["object"], "list");
  EXPECT_EQ(body["model"], "m");
  EXPECT_EQ(body["data"].size(), 2U);
  EXPECT_EQ(body["data"][1]["index"], 1);
  EXPECT_EQ(body["data"][1]["embedding"].size(), embedder.dimension());
  EXPECT_EQ(body["usage"]["total_tokens"], 3);
  const auto packed =
      post("/v1/embeddings", {{"input", "one"}, {"encoding_format", "base64"}}).json();
  const auto bytes = decode_base64(packed["data"][0]["embedding"].get<std::string>());
  ASSERT_TRUE(bytes);
  ASSERT_EQ(bytes->size(), embedder.dimension() * sizeof(float));
  float first = 0;
  std::memcpy(&first, bytes->data(), sizeof(first));
  EXPECT_FLOAT_EQ(first, body["data"][0]["embedding"][0].get<float>());
  for (const char* bad :
       {R"({})", R"({"input":[]})", R"({"input":""})", R"({"input":[[1,2]]})",
        R"({"input":"x","dimensions":3})", R"({"input":"x","encoding_format":"hex"})"}) {
    EXPECT_EQ(call("POST", "/v1/embeddings", bad).status, 400) << bad;
  }
}

TEST_F(RoutesTest, WithoutARerankerRerankSaysSo) {
  const auto reply = post("/v1/rerank", {{"query", "x"}, {"documents", {"a"}}});
  EXPECT_EQ(reply.status, 404);
  EXPECT_THAT(detail(reply), HasSubstr("No reranker is configured"));
}

TEST_F(RoutesTest, KeysAreAskedForOnceThereAreAny) {
  service = std::make_unique<RagService>(
      *collections, &llm,
      RagServiceOptions{.api_keys = *parse_api_keys("ana read " + sha256_hex("secret"))});
  const auto refused = call("GET", "/indexes");
  EXPECT_EQ(refused.status, 401);
  EXPECT_EQ(refused.headers.find("www-authenticate"), "Bearer");
  EXPECT_EQ(call("GET", "/health").status, 200);
  EXPECT_EQ(call("GET", "/docs").status, 200);
  net::HttpRequest request{
      .method = "GET", .path = "/indexes", .query = {}, .headers = {}, .body = {}};
  request.headers.set("authorization", "Bearer secret");
  RecordingWriter allowed;
  service->handle({}, request, allowed);
  EXPECT_EQ(allowed.status, 200);
  request = {.method = "DELETE",
             .path = "/indexes/i",
             .query = {},
             .headers = request.headers,
             .body = {}};
  RecordingWriter forbidden;
  service->handle({}, request, forbidden);
  EXPECT_EQ(forbidden.status, 403);
}

TEST_F(RoutesTest, ReadyNamesWhatCouldNotBeOpened) {
  index("i", {{{"text", "abc"}}});
  EXPECT_EQ(call("GET", "/readyz").body,
            R"({"status":"Ready","indexes":1,"unavailable":[],"outdated":[],)"
            R"("embedder":"hashing-384","stages":[]})");
}

// A client generated from the description has KAITO's names.
TEST_F(RoutesTest, TheDescriptionHasTheOperationsThatClientsAreGeneratedFrom) {
  const Json openapi = call("GET", "/openapi.json").json();
  EXPECT_EQ(openapi["openapi"], "3.1.0");
  EXPECT_EQ(openapi["info"]["title"], "KAITO RAG Engine");
  std::vector<std::string> ids;
  for (const auto& [path, operations] : openapi["paths"].items()) {
    for (const auto& [method, operation] : operations.items())
      ids.push_back(operation["operationId"]);
  }
  for (const char* id :
       {"get_metrics", "get_health", "create_index", "chat", "list_indexes",
        "list_documents_in_index", "update_documents_in_index", "delete_documents_in_index",
        "persist_index", "load_index", "retrieve_index", "delete_index"}) {
    EXPECT_THAT(ids, testing::Contains(id));
  }
  // Every reference leads somewhere.
  const std::string text = codec::render_json(openapi);
  constexpr std::string_view kMark = "#/components/schemas/";
  for (std::size_t at = text.find(kMark); at != std::string::npos; at = text.find(kMark, at + 1)) {
    const std::size_t begin = at + kMark.size();
    const std::string name = text.substr(begin, text.find('"', begin) - begin);
    EXPECT_TRUE(openapi["components"]["schemas"].contains(name)) << name;
  }
  EXPECT_EQ(openapi["components"]["schemas"]["RetrieveRequest"]["properties"]["max_node_count"]
                   ["maximum"],
            300);
}

// What is not described is not found by who looks there, and tried by no test.
TEST_F(RoutesTest, EveryRouteIsDescribed) {
  std::set<RouteKind> described = {RouteKind::kOpenApi, RouteKind::kDocs};
  const Json description = call("GET", "/openapi.json").json();
  for (const auto& [path, operations] : description["paths"].items()) {
    std::string one = path;
    if (const std::size_t at = one.find('{'); at != std::string::npos)
      one.replace(at, one.find('}') - at + 1, "x");
    for (const auto& [method, operation] : operations.items()) {
      std::string upper = method;
      for (char& c : upper) c = static_cast<char>(c - 'a' + 'A');
      const auto found =
          find_route({.method = upper, .path = one, .query = {}, .headers = {}, .body = {}});
      ASSERT_TRUE(found.route) << method << " " << path;
      described.insert(found.route->kind);
      EXPECT_FALSE(operation["responses"]["200"]["content"].empty()) << path;
    }
  }
  for (int kind = 0; kind <= static_cast<int>(RouteKind::kReindex); ++kind) {
    EXPECT_TRUE(described.contains(static_cast<RouteKind>(kind))) << kind;
  }
}

// Behind a firewall a page that fetches its script from elsewhere stays blank.
TEST_F(RoutesTest, TheDocsAskForNothingElsewhere) {
  const auto page = call("GET", "/docs");
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.headers.find("content-type"), "text/html; charset=utf-8");
  EXPECT_THAT(page.body, HasSubstr("/indexes/{index_name}/documents"));
  EXPECT_THAT(page.body, HasSubstr("id=\"RetrieveRequest\""));
  for (const char* outside : {"http://", "https://", "<script", "<link", "<img"})
    EXPECT_THAT(page.body, Not(HasSubstr(outside)));
  EXPECT_EQ(call("GET", "/redoc").body, page.body);
}

}  // namespace
}  // namespace rage::ragserver
