// What an operator lives on: a service that refuses what it cannot take, says whether it answers,
// counts what happened, and moves an index to another embedder.
#include <gmock/gmock.h>

#include <latch>
#include <thread>

#include "codec/json.h"
#include "embed/metered_embedder.h"
#include "ragserver/service_fixture.h"
#include "ragserver/slow_requests.h"

namespace rage::ragserver {
namespace {

using codec::Json;
using testing::HasSubstr;

struct OperationsTest : ServiceFixture {};

// A model that takes its time must not keep others from searching.
TEST(SlowRequests, LeaveWorkersToQuickOnes) {
  EXPECT_TRUE(may_take_long(RouteKind::kChat));
  EXPECT_FALSE(may_take_long(RouteKind::kRetrieve));
  SlowRequests slow(1);
  EXPECT_TRUE(slow.try_enter());
  EXPECT_FALSE(slow.try_enter());
  slow.leave();
  EXPECT_TRUE(slow.try_enter());
}

class Waiting final : public net::ResponseWriter {
 public:
  Result<void> send(net::HttpResponse) override { return {}; }
  Result<void> begin(int, net::Headers) override {
    begun.count_down();
    go_on.wait();
    return {};
  }
  Result<void> write(std::string_view) override { return {}; }
  void abort() override {}
  std::latch begun{1};
  std::latch go_on{1};
};

TEST_F(OperationsTest, PastTheLimitItIs429AndSearchesGoOn) {
  service = std::make_unique<RagService>(*collections, nullptr,
                                         RagServiceOptions{.slow_requests_max = 1});
  index("i", {{{"text", "apples"}}});
  Waiting waiting;
  std::jthread slow([&] {
    const net::HttpRequest request{
        .method = "POST", .path = "/indexes/i/reindex", .query = {}, .headers = {}, .body = {}};
    service->handle({}, request, waiting);
  });
  waiting.begun.wait();
  const auto refused = post("/index", {{"index_name", "i"}, {"documents", Json::array()}});
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.headers.find("retry-after"), "1");
  EXPECT_EQ(post("/retrieve", {{"index_name", "i"}, {"query", "apples"}}).status, 200);
  EXPECT_EQ(call("GET", "/readyz").status, 200);
  waiting.go_on.count_down();
  slow.join();
  EXPECT_EQ(post("/index", {{"index_name", "i"}, {"documents", Json::array()}}).status, 200);
}

TEST_F(OperationsTest, ReindexTellsWhatItDid) {
  index("i", {{{"text", "apples"}}, {{"text", "pears"}}});
  const auto unchanged = call("POST", "/indexes/i/reindex?if_needed=true");
  EXPECT_EQ(unchanged.status, 200);
  EXPECT_THAT(unchanged.body, HasSubstr(R"("status":"unchanged")"));
  const auto done = call("POST", "/indexes/i/reindex");
  EXPECT_THAT(done.body, HasSubstr(R"("status":"running","done":2,"total":2)"));
  EXPECT_THAT(done.body, HasSubstr(R"("status":"done","documents":2)"));
  EXPECT_EQ(call("POST", "/indexes/none/reindex").status, 404);
  EXPECT_EQ(call("POST", "/indexes/i/reindex?if_needed=perhaps").status, 422);
}

class Unready final : public embed::Embedder {
 public:
  Result<embed::EmbeddingMatrix> embed(const Context& context, std::span<const std::string> texts,
                                       embed::TextKind kind) override {
    return inner_.embed(context, texts, kind);
  }
  Result<void> ready(const Context&) override {
    return fail(ErrorCode::kUnavailable, "http://embed: connection refused");
  }
  std::string_view id() const override { return inner_.id(); }
  std::size_t dimension() const override { return inner_.dimension(); }
  std::size_t tokens_max() const override { return inner_.tokens_max(); }
  std::size_t count_tokens(std::string_view text) const override {
    return inner_.count_tokens(text);
  }

 private:
  embed::HashingEmbedder inner_;
};

TEST_F(OperationsTest, ReadyMeansThatItAnswersNow) {
  EXPECT_EQ(call("GET", "/readyz").json()["status"], "Ready");
  Unready unready;
  const auto other = TemporaryDirectory::create("rage-unready-");
  const auto indexes = *rag::Collections::open((*other)->path(), unready, {});
  service = std::make_unique<RagService>(*indexes, nullptr, RagServiceOptions{});
  const auto reply = call("GET", "/readyz");
  EXPECT_EQ(reply.status, 503);
  EXPECT_THAT(reply.json()["detail"].get<std::string>(), HasSubstr("connection refused"));
}

TEST_F(OperationsTest, HybridSearchesAreCountedAsTheyWere) {
  index("i", {{{"text", "apples"}}, {{"text", "pears"}}});
  (void)post("/retrieve", {{"index_name", "i"}, {"query", "apples"}, {"max_node_count", 2}});
  const std::string text = call("GET", "/metrics").body;
  EXPECT_THAT(text, HasSubstr("rag_hybrid_dense_candidates_sum 2"));
  EXPECT_THAT(text, HasSubstr("rag_hybrid_sparse_candidates_sum 1"));
  EXPECT_THAT(text, HasSubstr("rag_hybrid_top_k_requested_sum 2"));
  EXPECT_THAT(text, HasSubstr("rag_hybrid_overlap_count_sum 1"));
  EXPECT_THAT(text, HasSubstr("rag_hybrid_dense_only_count_sum 1"));
  EXPECT_THAT(text, HasSubstr("rag_hybrid_retrieve_latency_seconds_count 1"));
}

TEST_F(OperationsTest, TheEmbeddersSeriesAreThere) {
  embed::MeteredEmbedder metered(embedder, "local");
  const auto other = TemporaryDirectory::create("rage-metered-");
  const auto indexes = *rag::Collections::open((*other)->path(), metered, {});
  service =
      std::make_unique<RagService>(*indexes, nullptr, RagServiceOptions{.embeddings = &metered});
  index("i", {{{"text", "apples"}}});
  index("i", {{{"text", "apples"}}});  // The same again embeds nothing.
  EXPECT_THAT(call("GET", "/metrics").body, HasSubstr("rage_embeddings_total{kind=\"passage\"} 1"));
}

// The original makes an SQL database for each chat, and reads at least 100 chunks for it.
TEST_F(OperationsTest, AnAnswerEmbedsItsQuestionOnceAndReadsFewChunks) {
  embed::MeteredEmbedder metered(embedder, "local");
  const auto other = TemporaryDirectory::create("rage-metered-");
  const auto indexes = *rag::Collections::open((*other)->path(), metered, {});
  service = std::make_unique<RagService>(*indexes, &llm, RagServiceOptions{.embeddings = &metered});
  std::vector<Json> valves;
  for (int i = 0; i < 120; ++i) {
    valves.push_back({{"text", fmt::format("Valve number {} opens at noon.", i)}});
  }
  index("i", valves);
  llm.pieces = {"At noon."};
  const Json question = {{"role", "user"}, {"content", "Valve number 7 opens at noon."}};
  const auto reply =
      post("/v1/chat/completions",
           {{"index_name", "i"}, {"grounding_mode", "off"}, {"messages", Json::array({question})}});
  ASSERT_EQ(reply.status, 200) << reply.body;
  EXPECT_GE(reply.json()["source_nodes"].size(), 1U);
  EXPECT_LE(reply.json()["source_nodes"].size(), ChatOptions().candidates_max);
  EXPECT_LT(ChatOptions().candidates_max, 100U);
  EXPECT_THAT(call("GET", "/metrics").body,
              HasSubstr("rage_embeddings_total{kind=\"query\"} 1.0\n"));
}

}  // namespace
}  // namespace rage::ragserver
