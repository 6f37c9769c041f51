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
constexpr const char* kAbsent = R"({"status":{"error":"Not found"},"time":0.0})";
constexpr const char* kRegistered =
    R"({"result":{"id":"x","payload":{"name":"talks/ü","created":7,"embedder":"model",
        "dimension":8,"setting":"","version":"v1"}}})";
constexpr const char* kPoint =
    R"({"id":"00000000-0000-4000-8000-000000000001","version":3,"score":0.75,
        "payload":{"doc_id":"doc-1","text":"one","document":"","begin":4,
                   "metadata":{"b":1,"a":2},"metadata_text":"{\"b\":1,\"a\":2}",
                   "sequence":5,"write":"w"},
        "vector":{"text-dense":[0.5,0.25]}})";

class QdrantStoreTest : public testing::Test {
 protected:
  const Context context_ = Context::with_timeout(std::chrono::seconds(30));
  Script script_;
  Stamps stamps_;
  QdrantStore store_{script_, stamps_, {.url = "http://qdrant:6333", .api_key = "secret"}};
};

void write_index(QdrantStore& store, Script& script, const Context& context) {
  for (int i = 0; i < 2; ++i) script.reply(404, kAbsent);  // The index; the registry.
  script.reply(200, kDone);
  script.reply(404, kAbsent);  // Its collection.
  for (int i = 0; i < 4; ++i) script.reply(200, kDone);
  EXPECT_TRUE(store.create_index(context, "talks/ü",
                                 {.id = {}, .embedder = "model", .dimension = kTestDimension}));
  script.reply(200, kRegistered);
  EXPECT_TRUE(store.set_setting(context, "talks/ü", "assist").error().code ==
              ErrorCode::kUnavailable);  // Nobody answered the second request.
  script.reply(200, kRegistered);
  script.reply(200, std::string(R"({"result":{"points":[)") + kPoint + "]}}");
  for (int i = 0; i < 3; ++i) script.reply(200, kDone);
  const std::vector<std::string> ids = {"doc-1"};
  const std::vector<StoredChunk> chunks = {a_chunk(1, "pods and more pods", {{"day", 2}})};
  const std::vector<Expected> expected = {{"doc-1", 5}};
  EXPECT_TRUE(
      store.replace(context, "talks/ü", {.doc_ids = ids, .chunks = chunks, .expected = expected}));
}

void read_index(QdrantStore& store, Script& script, const Context& context) {
  const std::string first = std::string(R"({"result":{"points":[)") + kPoint +
                            R"(],"next_page_offset":"00000000-0000-4000-8000-000000000002"}})";
  const std::string last =
      std::string(R"({"result":{"points":[)") + kPoint + R"(],"next_page_offset":null}})";
  script.reply(200, first);
  script.reply(200, last);
  EXPECT_THAT(*store.sequences(context, "talks/ü"), testing::ElementsAre(5, 5));
  script.reply(200, last);
  const std::vector<std::int64_t> wanted = {5, 6};
  const auto chunks = store.read(context, "talks/ü", wanted, true);
  ASSERT_TRUE(chunks);
  EXPECT_EQ(codec::render_json(chunks->at(0).metadata), R"({"b":1,"a":2})");
  EXPECT_THAT(chunks->at(0).vector, testing::ElementsAre(0.5F, 0.25F));
  script.reply(200, std::string(R"({"result":[{"points":[)") + kPoint + R"(]},{"points":[]}]})");
  const auto vector = unit_vector(1);
  const auto near =
      store.nearest(context, "talks/ü", {.vector = vector, .among = &wanted, .also = wanted});
  ASSERT_TRUE(near);
  EXPECT_EQ(near->at(0).sequence, 5);
  EXPECT_EQ(near->at(0).cosine, 0.75F);
  script.reply(200, R"({"result":[]})");
  EXPECT_TRUE(store.nearest(context, "talks/ü", {.vector = vector})->empty());
}

std::vector<Json> exchange(QdrantStore& store, Script& script, const Context& context) {
  write_index(store, script, context);
  read_index(store, script, context);
  script.reply(200, kRegistered);
  for (int i = 0; i < 2; ++i) script.reply(200, kDone);
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
  for (const Case& one : {Case{404, ErrorCode::kNotFound}, Case{401, ErrorCode::kInternal},
                          Case{429, ErrorCode::kUnavailable}, Case{503, ErrorCode::kUnavailable},
                          Case{400, ErrorCode::kInternal}}) {
    script_.reply(one.status, R"({"status":{"error":"because"}})");
    const auto found = store_.find_index(context_, "i");
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code, one.code);
    EXPECT_EQ(found.error().message.find("secret"), std::string::npos);
  }
  script_.reply(200, "<html>");
  EXPECT_EQ(store_.find_index(context_, "i").error().code, ErrorCode::kDataLoss);
  EXPECT_EQ(store_.find_index(context_, "i").error().code, ErrorCode::kUnavailable);
}

// KAITO takes every collection of the server for an index of its own.
TEST_F(QdrantStoreTest, IndexesAreThoseOfTheRegistryInTheOrderOfTheirCreation) {
  script_.reply(200, R"({"result":{"points":[
      {"id":"x","payload":{"name":"b/c","created":9}},
      {"id":"y","payload":{"name":"a","created":10}},
      {"id":"z","payload":{"name":"first","created":2}}],"next_page_offset":null}})");
  EXPECT_THAT(*store_.indexes(context_), testing::ElementsAre("first", "b/c", "a"));
  script_.reply(404, kAbsent);
  EXPECT_TRUE(store_.indexes(context_)->empty());
}

// A document that another replica changed meanwhile is not overwritten.
TEST_F(QdrantStoreTest, NothingIsWrittenOnAWrongBelief) {
  const std::vector<Expected> expected = {{"doc-1", 4}};
  script_.reply(200, kRegistered);
  script_.reply(200, std::string(R"({"result":{"points":[)") + kPoint + "]}}");
  const auto written =
      store_.replace(context_, "i", {.doc_ids = {}, .chunks = {}, .expected = expected});
  ASSERT_TRUE(written);
  EXPECT_TRUE(written->conflict);
  EXPECT_EQ(script_.requests.size(), 2U);
}

TEST(ClockStamps, RiseAndDiffer) {
  ClockStamps stamps;
  std::int64_t last = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::int64_t next = stamps.next_sequence();
    EXPECT_GT(next, last);
    last = next;
  }
  EXPECT_NE(stamps.next_write(), stamps.next_write());
}

}  // namespace
}  // namespace rage::vectordb
