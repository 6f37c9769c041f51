// A service elsewhere fails now and then, answers slowly, or becomes another: a user must get the
// right vectors, or an error that says what to do, and never wait without end.
#include "embed/remote_embedder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <latch>
#include <thread>
#include <vector>

#include "codec/json.h"

namespace rage::embed {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using namespace std::chrono_literals;

// Thread-safe. Time passes only where somebody sleeps.
class SleepyClock final : public Clock {
 public:
  SteadyTime now() const override { return SteadyTime(slept_.load()); }
  WallTime wall_now() const override { return {}; }
  bool sleep_for(std::chrono::nanoseconds duration, std::stop_token stop) override {
    slept_.store(slept_.load() + duration);
    return !stop.stop_requested();
  }
  std::chrono::nanoseconds slept() const { return slept_.load(); }

 private:
  std::atomic<std::chrono::nanoseconds> slept_{100s};
};

// An embedding service of two dimensions: the number of letters, and 1.
class FakeService final : public net::HttpTransport {
 public:
  Result<net::HttpResponse> fetch(const Context& context,
                                  const net::ClientRequest& request) override {
    if (hold) {
      held.count_down();
      MutexLock lock(mutex);
      CondVar never;
      never.wait(mutex, context.stop, [] { return false; });
      return fail(context.check().error());
    }
    requests.push_back(request);
    if (!failures.empty()) {
      const net::HttpResponse failure = failures.front();
      failures.pop_front();
      if (failure.status == 0) return fail(ErrorCode::kUnavailable, "connection refused");
      return failure;
    }
    const codec::Json body = *codec::parse_json(request.body);
    if (const codec::Json* inputs = codec::find_key(body, "inputs")) return kaito(*inputs);
    if (refuses_kind && body.contains("input_type")) return net::HttpResponse{.status = 400};
    codec::Json data = codec::Json::array();
    for (const codec::Json& text : body["input"]) data.push_back({{"embedding", vector_of(text)}});
    return net::HttpResponse::json(200, codec::render_json({{"model", model}, {"data", data}}));
  }
  Result<void> stream(const Context&, const net::ClientRequest&,
                      const std::function<bool(const net::HttpResponse&)>&,
                      const std::function<bool(std::string_view)>&) override {
    return fail(ErrorCode::kUnimplemented, "not used");
  }

  std::deque<net::HttpResponse> failures;  // Status 0: no connection.
  std::vector<net::ClientRequest> requests;
  std::string model = "m";
  bool refuses_kind = false;
  bool one_text_alone = false;
  std::size_t dimension = 2;
  std::atomic<bool> hold = false;  // Answers wait until their caller gives up.
  std::latch held{1};
  Mutex mutex;

 private:
  codec::Json vector_of(const codec::Json& text) const {
    std::vector<float> vector(dimension, 1.0F);
    vector[0] = static_cast<float>(text.get_ref<const std::string&>().size());
    return vector;
  }
  net::HttpResponse kaito(const codec::Json& inputs) const {
    if (inputs.is_string()) return net::HttpResponse::json(200, vector_of(inputs).dump());
    if (one_text_alone) return net::HttpResponse{.status = 422};
    codec::Json all = codec::Json::array();
    for (const codec::Json& text : inputs) all.push_back(vector_of(text));
    return net::HttpResponse::json(200, all.dump());
  }
};

struct RemoteEmbedderTest : testing::Test {
  SleepyClock clock;
  FakeService service;
  std::unique_ptr<RemoteEmbedder> embedder;

  Result<void> connect(RemoteEmbedderOptions options = {}) {
    if (options.url.empty()) options.url = "http://u:secret@host/v1/embeddings";
    ASSIGN_OR_RETURN(embedder, RemoteEmbedder::connect({}, service, clock, std::move(options)));
    service.requests.clear();
    return {};
  }
  Result<EmbeddingMatrix> embed(std::size_t texts) {
    const std::vector<std::string> all(texts, "text");
    return embedder->embed({}, all, TextKind::kPassage);
  }
};

TEST_F(RemoteEmbedderTest, LearnsModelAndDimensionAndSendsBatches) {
  ASSERT_TRUE(connect({.token = "key", .texts_per_request_max = 2}));
  EXPECT_EQ(embedder->id(), "m");
  EXPECT_EQ(embedder->dimension(), 2U);
  const auto vectors = embed(5);
  ASSERT_TRUE(vectors) << vectors.error().message;
  EXPECT_EQ(vectors->rows, 5U);
  EXPECT_EQ(vectors->values.size(), 10U);
  ASSERT_EQ(service.requests.size(), 3U);
  EXPECT_EQ(service.requests[0].headers.find("authorization"), "Bearer key");
  EXPECT_THAT(service.requests[2].body, HasSubstr(R"("input":["text"])"));
  EXPECT_THAT(service.requests[2].body, HasSubstr(R"("input_type":"passage")"));
}

TEST_F(RemoteEmbedderTest, SendsOnlyWhatTheServiceTakes) {
  service.refuses_kind = true;
  ASSERT_TRUE(connect());
  ASSERT_TRUE(embed(1));
  EXPECT_THAT(service.requests[0].body, Not(HasSubstr("input_type")));
}

TEST_F(RemoteEmbedderTest, KaitosKindTakesOneTextOrSeveral) {
  ASSERT_TRUE(connect({.url = "http://host/embedding", .api = RemoteApi::kKaito}));
  EXPECT_EQ(embedder->id(), "http://host/embedding");
  ASSERT_EQ(embed(3)->rows, 3U);
  EXPECT_EQ(service.requests.size(), 1U);
  service.one_text_alone = true;
  ASSERT_TRUE(connect({.url = "http://host/embedding", .api = RemoteApi::kKaito}));
  ASSERT_EQ(embed(3)->rows, 3U);
  EXPECT_EQ(service.requests.size(), 3U);
}

TEST_F(RemoteEmbedderTest, AsksAgainAfterAWhile) {
  ASSERT_TRUE(connect());
  const auto before = clock.slept();
  service.failures = {{.status = 503}, {.status = 0}, {.status = 429}};
  ASSERT_TRUE(embed(1));
  EXPECT_EQ(service.requests.size(), 4U);
  EXPECT_GE(clock.slept() - before, 1'375ms);  // 125 and 250 at least, and the second 429 asks for.
}

TEST_F(RemoteEmbedderTest, GivesUpAndSaysWhere) {
  ASSERT_TRUE(connect());
  service.failures.assign(9, {.status = 503, .headers = {}, .body = "down"});
  const auto down = embed(1);
  ASSERT_FALSE(down);
  EXPECT_EQ(down.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(down.error().message,
            "http://host/v1/embeddings: the embedding service answered 503: down");
  EXPECT_EQ(service.requests.size(), 4U);
  service.failures = {{.status = 401}};
  EXPECT_THAT(embed(1).error().message, HasSubstr("REMOTE_EMBEDDING_ACCESS_SECRET"));
  EXPECT_EQ(service.requests.size(), 5U);  // Asking again would not help.
}

TEST_F(RemoteEmbedderTest, AServiceThatIsNotThereIsAnErrorAtTheStart) {
  service.failures.assign(4, {.status = 0});
  const auto connected = connect();
  ASSERT_FALSE(connected);
  EXPECT_THAT(connected.error().message, HasSubstr("http://host/v1/embeddings"));
  EXPECT_THAT(connect({.url = "host/v1"}).error().message, HasSubstr("http://"));
}

// Vectors of another model would be compared with those stored, and find anything.
TEST_F(RemoteEmbedderTest, AnotherModelBehindTheSameAddressIsAnError) {
  ASSERT_TRUE(connect());
  service.model = "other";
  EXPECT_THAT(embed(1).error().message, HasSubstr("'other' now"));
  service.model = "m";
  service.dimension = 3;
  EXPECT_THAT(embed(1).error().message, HasSubstr("3 dimensions now"));
}

TEST_F(RemoteEmbedderTest, RefusesWhatDoesNotFitItsQueueAndEndsWithTheCaller) {
  ASSERT_TRUE(connect({.requests_at_once_max = 1, .calls_waiting_max = 0}));
  service.hold = true;
  Result<EmbeddingMatrix> first;
  std::stop_source stop;
  std::jthread caller([&] {
    const std::vector<std::string> texts = {"slow"};
    first = embedder->embed({.stop = stop.get_token()}, texts, TextKind::kQuery);
  });
  service.held.wait();
  const auto second = embed(1);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kResourceExhausted);
  EXPECT_TRUE(second.error().retry_after);
  stop.request_stop();
  caller.join();
  EXPECT_EQ(first.error().code, ErrorCode::kCancelled);
}

TEST_F(RemoteEmbedderTest, IsReadyWhileItAnswers) {
  ASSERT_TRUE(connect());
  EXPECT_TRUE(embedder->ready({}));
  EXPECT_TRUE(service.requests.empty());  // It has just answered.
  clock.sleep_for(1min, {});
  service.failures = {{.status = 0}};
  EXPECT_FALSE(embedder->ready({}));
  EXPECT_TRUE(embedder->ready({}));
}

TEST_F(RemoteEmbedderTest, LongTextsAreCut) {
  ASSERT_TRUE(connect({.tokens_max = 16}));
  std::string text;
  for (int i = 0; i < 100; ++i) text += "a ";
  const std::vector<std::string> texts = {text};
  ASSERT_TRUE(embedder->embed({}, texts, TextKind::kQuery));
  const codec::Json body = *codec::parse_json(service.requests[0].body);
  EXPECT_EQ(body["input"][0].get<std::string>().size(), 32U);
}

}  // namespace
}  // namespace rage::embed
