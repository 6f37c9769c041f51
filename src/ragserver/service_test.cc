#include "ragserver/service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rag/hashes.h"
#include "ragserver/service_fixture.h"

namespace rage::ragserver {
namespace {

using codec::Json;
using testing::ElementsAre;
using testing::HasSubstr;

using ServiceTest = ServiceFixture;

std::vector<std::string> keys(const Json& object) {
  std::vector<std::string> all;
  for (const auto& [key, value] : object.items()) all.push_back(key);
  return all;
}

TEST_F(ServiceTest, IndexReturnsTheDocumentsWithTheirIds) {
  const auto reply = post(
      "/index", {{"index_name", "i"},
                 {"documents", {{{"text", "abc"}, {"metadata", {{"k", 1}}}, {"doc_id", "mine"}}}}});
  ASSERT_EQ(reply.status, 200);
  const Json document = reply.json()[0];
  EXPECT_THAT(keys(document),
              ElementsAre("doc_id", "text", "metadata", "hash_value", "is_truncated"));
  EXPECT_EQ(document["doc_id"], rag::document_id("abc"));
  EXPECT_TRUE(document["hash_value"].is_null());
  EXPECT_EQ(call("GET", "/indexes").body, R"(["i"])");
}

struct BadBody {
  const char* body;
  const char* type;
  const char* loc;
  const char* message;
};

// A client that matches on these bodies must keep working.
TEST_F(ServiceTest, BadBodiesGetTheOriginalsErrors) {
  const BadBody cases[] = {
      {"", "missing", R"(["body"])", "Field required"},
      {"{}", "missing", R"(["body","index_name"])", "Field required"},
      {"{x", "json_invalid", R"(["body",1])", "JSON decode error"},
      {"[]", "model_attributes_type", R"(["body"])",
       "Input should be a valid dictionary or object to extract fields from"},
      {R"({"index_name":1,"documents":[]})", "string_type", R"(["body","index_name"])",
       "Input should be a valid string"},
      {R"({"index_name":"i","documents":{}})", "list_type", R"(["body","documents"])",
       "Input should be a valid list"},
      {R"({"index_name":"i","documents":[{}]})", "missing", R"(["body","documents",0,"text"])",
       "Field required"},
      {R"({"index_name":"i","documents":[{"text":"t","metadata":[1]}]})", "dict_type",
       R"(["body","documents",0,"metadata"])", "Input should be a valid dictionary"},
      {"{\"index_name\":\"\xff\",\"documents\":[]}", "json_invalid", nullptr, "JSON decode error"},
      {R"({"index_name":NaN,"documents":[]})", "json_invalid", nullptr, "JSON decode error"},
  };
  for (const BadBody& bad : cases) {
    const auto reply = call("POST", "/index", bad.body);
    ASSERT_EQ(reply.status, 422) << bad.body;
    const Json detail = reply.json()["detail"][0];
    EXPECT_EQ(detail["type"], bad.type) << bad.body;
    EXPECT_EQ(detail["msg"], bad.message) << bad.body;
    if (bad.loc != nullptr) {
      EXPECT_EQ(codec::render_json(detail["loc"]), bad.loc) << bad.body;
    }
  }
  const auto wrong_type = call("POST", "/index", "{}", "text/plain");
  EXPECT_EQ(wrong_type.json()["detail"][0]["type"], "model_attributes_type");
  EXPECT_TRUE(collections->names()->empty());
}

TEST_F(ServiceTest, NumbersAreReadAsLaxlyAsInTheOriginal) {
  index("i", {{{"text", "abc"}}});
  const auto retrieve = [&](const char* count) {
    return call("POST", "/retrieve",
                fmt::format(R"({{"index_name":"i","query":"abc","max_node_count":{}}})", count));
  };
  for (const char* good : {"2", "\"2\"", "2.0"}) EXPECT_EQ(retrieve(good).status, 200) << good;
  const std::pair<const char*, const char*> bad[] = {{"0", "greater_than_equal"},
                                                     {"301", "less_than_equal"},
                                                     {"2.5", "int_from_float"},
                                                     {"null", "int_type"},
                                                     {"\"x\"", "int_parsing"},
                                                     {"1e300", "int_from_float"},
                                                     {"18446744073709551615", "less_than_equal"}};
  for (const auto& [value, type] : bad) {
    const auto reply = retrieve(value);
    ASSERT_EQ(reply.status, 422) << value;
    EXPECT_EQ(reply.json()["detail"][0]["type"], type) << value;
  }
}

TEST_F(ServiceTest, RetrieveFindsAnExactTextFirstAndFillsEveryField) {
  index("i", {{{"text", "red apples are sweet"}},
              {{"text", "green pears"}, {"metadata", {{"k", "v"}}}}});
  const auto reply =
      post("/retrieve", {{"index_name", "i"}, {"query", "green pears"}, {"unknown", 1}});
  ASSERT_EQ(reply.status, 200) << reply.body;
  const Json body = reply.json();
  EXPECT_THAT(keys(body), ElementsAre("query", "results", "count"));
  EXPECT_EQ(body["count"], 2);
  const Json first = body["results"][0];
  EXPECT_THAT(keys(first), ElementsAre("doc_id", "node_id", "text", "score", "dense_score",
                                       "sparse_score", "source", "metadata"));
  EXPECT_EQ(first["text"], "green pears");
  EXPECT_EQ(first["source"], "both");
  EXPECT_GE(first["score"].get<double>(), 0);
  EXPECT_LE(first["score"].get<double>(), 1);
  EXPECT_TRUE(body["results"][1]["metadata"].is_null());
}

TEST_F(ServiceTest, RetrieveErrors) {
  EXPECT_EQ(post("/retrieve", {{"index_name", "none"}, {"query", ""}}).body,
            R"({"detail":"No such index: 'none' exists."})");
  index("i", {{{"text", "abc"}}});
  const auto empty = post("/retrieve", {{"index_name", "i"}, {"query", "  "}});
  EXPECT_EQ(empty.status, 400);
  EXPECT_EQ(empty.body, R"({"detail":"Query string cannot be empty."})");
}

TEST_F(ServiceTest, MetadataFilterWorksOnRetrieve) {  // 500 in the original.
  index("i", {{{"text", "talk one"}, {"metadata", {{"day", 1}}}},
              {{"text", "talk two"}, {"metadata", {{"day", 2}}}}});
  const auto reply = post(
      "/retrieve", {{"index_name", "i"}, {"query", "talk"}, {"metadata_filter", {{"day", 2}}}});
  ASSERT_EQ(reply.status, 200);
  EXPECT_EQ(reply.json()["count"], 1);
  EXPECT_EQ(reply.json()["results"][0]["text"], "talk two");
}

TEST_F(ServiceTest, ListPagesCutsAndFilters) {
  index("i", {{{"text", "ééé"}, {"metadata", {{"a", 1}}}},
              {{"text", "b"}},
              {{"text", "c"}, {"metadata", {{"a", 1}}}}});
  const Json page = call("GET", "/indexes/i/documents?limit=1&offset=1").json();
  EXPECT_THAT(keys(page), ElementsAre("documents", "count", "total_items"));
  EXPECT_EQ(page["documents"][0]["text"], "b");
  EXPECT_EQ(page["documents"][0]["metadata"], Json::object());
  EXPECT_EQ(page["count"], 1);
  EXPECT_EQ(page["total_items"], 3);
  const Json cut = call("GET", "/indexes/i/documents?max_text_length=2").json()["documents"][0];
  EXPECT_EQ(cut["text"], "éé");
  EXPECT_EQ(cut["is_truncated"], true);
  EXPECT_EQ(cut["hash_value"], rag::chunk_hash("ééé", {{"a", 1}}));
  const Json filtered =
      call("GET", "/indexes/i/documents?metadata_filter=%7B%22a%22%3A1%7D").json();
  EXPECT_EQ(filtered["total_items"], 2);
  EXPECT_EQ(call("GET", "/indexes/i/documents?offset=9").json()["count"], 0);
}

TEST_F(ServiceTest, ListErrors) {
  index("i", {{{"text", "abc"}}});
  EXPECT_EQ(call("GET", "/indexes/none/documents").status, 404);
  EXPECT_EQ(call("GET", "/indexes/i/documents?metadata_filter=%7Bx").body,
            R"({"detail":"Invalid metadata filter format. Must be a valid JSON string."})");
  EXPECT_EQ(call("GET", "/indexes/i/documents?metadata_filter=%5B1%5D").status, 400);
  const auto zero = call("GET", "/indexes/i/documents?limit=0");
  EXPECT_EQ(zero.status, 422);
  EXPECT_EQ(zero.json()["detail"][0]["input"], "0");
  EXPECT_EQ(call("GET", "/indexes/i/documents?offset=x").json()["detail"][0]["type"],
            "int_parsing");
}

TEST_F(ServiceTest, UpdateAndDeleteEchoWhatHappened) {
  index("i", {{{"text", "one"}}, {{"text", "two"}}});
  const std::string one = rag::document_id("one");
  const auto updated =
      post("/indexes/i/documents", {{"documents",
                                     {{{"doc_id", one}, {"text", "uno"}},
                                      {{"doc_id", rag::document_id("two")}, {"text", "two"}},
                                      {{"doc_id", "none"}, {"text", "x"}}}}});
  ASSERT_EQ(updated.status, 200) << updated.body;
  EXPECT_EQ(updated.json()["updated_documents"][0]["text"], "uno");
  EXPECT_EQ(updated.json()["unchanged_documents"].size(), 1U);
  EXPECT_EQ(updated.json()["not_found_documents"][0]["doc_id"], "none");
  const auto deleted = post("/indexes/i/documents/delete", {{"doc_ids", {one, one, "none"}}});
  EXPECT_EQ(
      deleted.body,
      fmt::format(R"({{"deleted_doc_ids":["{0}","{0}"],"not_found_doc_ids":["none"]}})", one));
  EXPECT_EQ(post("/indexes/none/documents/delete", {{"doc_ids", Json::array()}}).status, 404);
  EXPECT_EQ(post("/indexes/none/documents", {{"documents", Json::array()}}).status, 404);
}

TEST_F(ServiceTest, DeleteIndex) {
  index("a/b c", {{{"text", "abc"}}});
  const auto deleted = call("DELETE", "/indexes/a%2Fb%20c");
  EXPECT_EQ(deleted.body, R"({"message":"Successfully deleted index a/b c."})");
  EXPECT_EQ(call("DELETE", "/indexes/a%2Fb%20c").status, 404);
}

TEST_F(ServiceTest, UnknownPathsMethodsAndTrailingSlashes) {
  EXPECT_EQ(call("GET", "/nowhere").body, R"({"detail":"Not Found"})");
  EXPECT_EQ(call("GET", "/retrieve").status, 405);
  EXPECT_EQ(call("GET", "/retrieve").body, R"({"detail":"Method Not Allowed"})");
  EXPECT_EQ(call("HEAD", "/health").status, 405);
  const auto slash = call("GET", "/indexes/");
  EXPECT_EQ(slash.status, 307);
  EXPECT_EQ(slash.headers.find("location"), "/indexes");
  EXPECT_EQ(call("GET", "/indexes/%zz/documents").status, 404);
  EXPECT_EQ(call("GET", "/health").body, R"({"status":"Healthy","detail":null})");
}

TEST_F(ServiceTest, MetricsCountWithTheOriginalsNames) {
  index("i", {{{"text", "abc"}}});
  (void)post("/retrieve", {{"index_name", "none"}, {"query", "x"}});
  const std::string page = call("GET", "/metrics").body;
  EXPECT_THAT(page, HasSubstr("rag_index_requests_total{status=\"success\"} 1.0\n"));
  EXPECT_THAT(page, HasSubstr("rag_indexes_retrieve_requests_total{status=\"failure\"} 1.0\n"));
  EXPECT_THAT(page,
              HasSubstr("e2e_request_total{status=\"failure\"} 1.0\n"));  // Success there.
  EXPECT_THAT(page, HasSubstr("num_requests_running 0"));
}

// These never move in the original.
TEST_F(ServiceTest, MetricsOfARetrievalAreThoseOfItsResults) {
  index("i", {{{"text", "red apples"}}, {{"text", "a heavy lorry"}}});
  (void)post("/retrieve", {{"index_name", "i"}, {"query", "red apples"}});
  const std::string page = call("GET", "/metrics").body;
  EXPECT_THAT(page, HasSubstr("rag_hybrid_search_mode_total{search_mode=\"hybrid\"} 1.0\n"));
  EXPECT_THAT(page, HasSubstr("rag_hybrid_overlap_count_bucket{le=\"0.0\"} 0"));
  EXPECT_THAT(page, HasSubstr("rag_hybrid_overlap_count_sum 1"));
  EXPECT_THAT(page, HasSubstr("rag_hybrid_dense_only_count_sum 1"));
  EXPECT_THAT(page, HasSubstr("rag_hybrid_top_score_sum 1"));
}

TEST_F(ServiceTest, ModelsComeFromTheInferenceService) {
  const Json models = call("GET", "/v1/models").json();
  EXPECT_EQ(models["data"][0]["id"], "small-model");
  EXPECT_EQ(models["data"][0]["max_model_len"], 8192);
  EXPECT_FALSE(models["data"][0].contains("tags"));
  llm.stand_in = "small-model -> packaged:x";
  EXPECT_EQ(call("GET", "/v1/models").json()["data"][0]["tags"],
            Json::array({"rage.dev/substituted-model=small-model -> packaged:x"}));
}

}  // namespace
}  // namespace rage::ragserver
