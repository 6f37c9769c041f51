// No Qdrant server comes out of a registry, so the requests themselves are the test: each is kept
// in testdata/qdrant_requests.jsonl, which tools/golden/qdrant_requests.py holds against the models
// that Qdrant generates from its OpenAPI document (package qdrant-client).
#include "vectordb/qdrant_store.h"

#include <cstdlib>
#include <deque>

#include "base/files.h"
#include "test_paths.h"
#include "vectordb/behaviour_for_test.h"

namespace rage::vectordb {
namespace {

using codec::Json;

class Script final : public net::HttpTransport {
 public:
  void reply(int status, const std::string& body) {
    replies_.push_back(net::HttpResponse::json(status, body));
  }
  Result<net::HttpResponse> fetch(const Context&, const net::ClientRequest& request) override {
    requests.push_back(request);
    if (replies_.empty()) return fail(ErrorCode::kUnavailable, "nobody is there");
    auto next = replies_.front();
    replies_.pop_front();
    return next;
  }
  Result<void> stream(const Context&, const net::ClientRequest&,
                      const std::function<bool(const net::HttpResponse&)>&,
                      const std::function<bool(std::string_view)>&) override {
    return fail(ErrorCode::kUnimplemented, "nothing here streams");
  }
  std::vector<net::ClientRequest> requests;

 private:
  std::deque<net::HttpResponse> replies_;
};

class Stamps final : public WriteStamps {
 public:
  std::int64_t next_sequence() override { return ++sequence_; }
  std::string next_write() override { return "write-" + std::to_string(++write_); }

 private:
  std::int64_t sequence_ = 100;
  int write_ = 0;
};

constexpr const char* kDone = R"({"result":true,"status":"ok","time":0.1})";
constexpr const char* kPoint =
    R"({"id":"00000000-0000-4000-8000-000000000001","version":3,"score":0.75,
        "payload":{"doc_id":"doc-1","text":"one","metadata":{"b":1,"a":2},
                   "metadata_text":"{\"b\":1,\"a\":2}","sequence":1,"write":"w"}})";

class QdrantStoreTest : public testing::Test {
 protected:
  const Context context_ = Context::with_timeout(std::chrono::seconds(30));
  Script script_;
  Stamps stamps_;
  QdrantStore store_{script_, stamps_, {.url = "http://qdrant:6333", .api_key = "secret"}};
};

std::vector<Json> exchange(QdrantStore& store, Script& script, const Context& context) {
  script.reply(404, R"({"status":{"error":"Not found"},"time":0.0})");
  for (int i = 0; i < 3; ++i) script.reply(200, kDone);
  EXPECT_TRUE(store.ensure_index(context, "talks/ü", kTestDimension));
  for (int i = 0; i < 2; ++i)
    script.reply(200, R"({"result":{"operation_id":1,"status":"completed"}})");
  EXPECT_TRUE(store.replace(context, "talks/ü",
                            std::vector{a_chunk(1, "pods and more pods", {{"day", 2}})}));
  script.reply(200, R"({"result":{"count":7}})");
  script.reply(200, R"({"result":{"operation_id":2,"status":"completed"}})");
  EXPECT_EQ(*store.remove(context, "talks/ü", std::vector<std::string>{"doc-1", "doc-2"}), 7U);
  const auto filter = codec::parse_json(
      R"({"day": {"$gte": 2}, "track": null,
          "$or": [{"name": {"$in": ["a", "b"]}}, {"$not": {"x": {"$contains": "y"}}}]})");
  const auto vector = unit_vector(1);
  const std::string found = std::string(R"({"result":{"points":[)") + kPoint + "]}}";
  for (const char* text : {"", "where are pods?"}) {
    script.reply(200, found);
    const auto hits =
        store.search(context, "talks/ü", {.vector = vector, .text = text, .filter = &*filter});
    EXPECT_TRUE(hits);
    EXPECT_EQ(hits->at(0).score, 0.75F);
    EXPECT_EQ(codec::render_json(hits->at(0).chunk.metadata), R"({"b":1,"a":2})");
  }
  script.reply(200, std::string(R"({"result":{"points":[)") + kPoint + "," + kPoint +
                        R"(],"next_page_offset":null}})");
  EXPECT_EQ(store.list(context, "talks/ü", {.offset = 1, .limit = 10, .filter = &*filter})->size(),
            1U);
  script.reply(200, kDone);
  script.reply(200, kDone);
  EXPECT_TRUE(store.drop_index(context, "talks/ü"));
  std::vector<Json> all;
  for (const auto& request : script.requests) {
    all.push_back({{"method", request.method},
                   {"path", request.url.substr(std::string_view("http://qdrant:6333").size())},
                   {"body", request.body.empty() ? Json() : *codec::parse_json(request.body)}});
  }
  return all;
}

// A request that Qdrant does not understand would be noticed by nobody before production.
TEST_F(QdrantStoreTest, RequestsAreThoseThatWereCheckedAgainstItsSchema) {
  std::string lines;
  for (const Json& request : exchange(store_, script_, context_)) {
    lines += codec::render_json(request) + "\n";
  }
  const auto path = test::source_dir() / "src/vectordb/testdata/qdrant_requests.jsonl";
  if (std::getenv("RAGE_WRITE_GOLDEN") != nullptr) {
    ASSERT_TRUE(write_file_atomically(path, lines));
  }
  EXPECT_EQ(lines, read_file(path, 1 << 20).value_or("no such file"));
  for (const auto& request : script_.requests) {
    EXPECT_EQ(request.headers.find("api-key"), "secret");
  }
}

TEST_F(QdrantStoreTest, FailuresSayWhatToDo) {
  struct Case {
    int status;
    ErrorCode code;
  };
  for (const Case& one : {Case{404, ErrorCode::kNotFound}, Case{401, ErrorCode::kUnauthenticated},
                          Case{429, ErrorCode::kUnavailable}, Case{503, ErrorCode::kUnavailable},
                          Case{400, ErrorCode::kInternal}}) {
    script_.reply(one.status, R"({"status":{"error":"because"}})");
    const auto counted = store_.count(context_, "i", nullptr);
    ASSERT_FALSE(counted);
    EXPECT_EQ(counted.error().code, one.code);
    EXPECT_EQ(counted.error().message.find("secret"), std::string::npos);
  }
  script_.reply(200, "<html>");
  EXPECT_EQ(store_.count(context_, "i", nullptr).error().code, ErrorCode::kDataLoss);
  EXPECT_EQ(store_.count(context_, "i", nullptr).error().code, ErrorCode::kUnavailable);
}

// KAITO takes every collection of the server for an index of its own.
TEST_F(QdrantStoreTest, OtherCollectionsOfTheServerAreLeftAlone) {
  script_.reply(200,
                R"({"result":{"collections":[
          {"name":"somebody's"},{"name":"rage-b%2Fc"},{"name":"rage-a"}]}})");
  EXPECT_THAT(*store_.indexes(context_), testing::ElementsAre("a", "b/c"));
}

TEST_F(QdrantStoreTest, AnotherDimensionIsRefused) {
  script_.reply(200, R"({"result":{"config":{"params":{"vectors":{"text-dense":{"size":384}}}}}})");
  EXPECT_EQ(store_.ensure_index(context_, "i", 8).error().code, ErrorCode::kFailedPrecondition);
}

TEST(SparseText, CountsStemsAndLevelsThem) {
  const SparseText passage = sparse_passage("pod pods other");
  const SparseText question = sparse_question("pods");
  ASSERT_EQ(question.indices.size(), 1U);
  ASSERT_EQ(passage.indices.size(), 2U);
  const auto at = std::ranges::find(passage.indices, question.indices[0]) - passage.indices.begin();
  ASSERT_LT(at, 2);
  EXPECT_GT(passage.values[static_cast<std::size_t>(at)],
            passage.values[static_cast<std::size_t>(1 - at)]);
  EXPECT_TRUE(sparse_question("the of and").indices.empty());
}

}  // namespace
}  // namespace rage::vectordb
