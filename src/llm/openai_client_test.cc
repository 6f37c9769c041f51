#include "llm/openai_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "net/http_server.h"

namespace rage::llm {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr milliseconds kLong(30'000);

// A model server on loopback that answers with whatever the test says.
class OpenAi : public ::testing::Test {
 protected:
  void serve(net::HttpHandler handler) {
    server_ = net::HttpServer::create({.workers = 4}, std::move(handler)).value();
    client_ = OpenAiClient::create(*transport_,
                                   {.url = fmt::format("http://127.0.0.1:{}/v1", server_->port()),
                                    .bearer_token = "secret"})
                  .value();
  }
  void serve(net::HttpResponse response) {
    serve([response](const Context&, const net::HttpRequest&, net::ResponseWriter& writer) {
      (void)writer.send(response);
    });
  }
  static net::Headers event_stream() {
    return {{"content-type", "text/event-stream; charset=utf-8"}};
  }
  static codec::Json a_request() {
    return {{"model", "m"}, {"messages", {{{"role", "user"}, {"content", "Hi"}}}}};
  }
  // The contents of all chunks, and how the stream ended.
  Result<std::string> stream_text(const Context& context = {}) {
    std::string text;
    RETURN_IF_ERROR(client_->stream(context, a_request(), [&](const codec::Json& chunk) {
      text += codec::string_or(chunk, "t", "");
      return true;
    }));
    return text;
  }

  std::unique_ptr<net::HttpTransport> transport_ = net::make_http_transport();
  std::unique_ptr<net::HttpServer> server_;
  std::unique_ptr<OpenAiClient> client_;
};

TEST_F(OpenAi, CompletesWithTheRightRequest) {
  serve([](const Context&, const net::HttpRequest& request, net::ResponseWriter& writer) {
    const codec::Json seen = {{"method", request.method},
                              {"path", request.path},
                              {"authorization", std::string(request.headers.find("authorization"))},
                              {"agent", std::string(request.headers.find("user-agent"))},
                              {"type", std::string(request.headers.find("content-type"))},
                              {"body", request.body}};
    (void)writer.send(net::HttpResponse::json(200, codec::render_json(seen)));
  });
  const auto reply = client_->complete({}, a_request());
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(codec::string_or(*reply, "method", ""), "POST");
  EXPECT_EQ(codec::string_or(*reply, "path", ""), "/v1/chat/completions");
  EXPECT_EQ(codec::string_or(*reply, "authorization", ""), "Bearer secret");
  EXPECT_THAT(codec::string_or(*reply, "agent", ""), StartsWith("RAGE/0."));
  EXPECT_EQ(codec::string_or(*reply, "type", ""), "application/json");
  EXPECT_EQ(codec::string_or(*reply, "body", ""), codec::render_json(a_request()));
}

TEST_F(OpenAi, StatusesBecomeErrorsThatKeepTheUpstreamsWords) {
  const std::pair<int, ErrorCode> cases[] = {
      {400, ErrorCode::kInvalidArgument},   {401, ErrorCode::kUnauthenticated},
      {404, ErrorCode::kNotFound},          {422, ErrorCode::kInvalidArgument},
      {429, ErrorCode::kResourceExhausted}, {500, ErrorCode::kUnavailable},
      {503, ErrorCode::kUnavailable}};
  for (const auto& [status, code] : cases) {
    net::HttpResponse response = net::HttpResponse::json(status, R"({"error":{"message":"no"}})");
    response.headers.set("retry-after", "2");
    serve(response);
    for (const Error& error : {client_->complete({}, a_request()).error(), stream_text().error(),
                               client_->list_models({}).error()}) {
      EXPECT_EQ(error.code, code) << status;
      EXPECT_EQ(error.message, "no");
      EXPECT_EQ(error.retry_after, milliseconds(2'000));
    }
  }
}

TEST_F(OpenAi, RepliesThatAreNoCompletionAreErrors) {
  serve(net::HttpResponse::json(200, "<html>"));
  EXPECT_EQ(client_->complete({}, a_request()).error().code, ErrorCode::kDataLoss);
  EXPECT_EQ(stream_text().error().code, ErrorCode::kDataLoss);
  serve(net::HttpResponse::json(200, R"({"error":{"message":"busy","code":429}})"));
  EXPECT_EQ(client_->complete({}, a_request()).error().code, ErrorCode::kResourceExhausted);
  EXPECT_EQ(stream_text().error().message, "busy");
}

TEST_F(OpenAi, NobodyListeningIsUnavailable) {
  serve(net::HttpResponse::json(200, "{}"));
  server_.reset();
  EXPECT_EQ(client_->complete({}, a_request()).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(stream_text().error().code, ErrorCode::kUnavailable);
}

TEST_F(OpenAi, StreamsChunksAsTheyCome) {
  std::promise<void> first_seen;
  auto seen = first_seen.get_future().share();
  serve([seen](const Context&, const net::HttpRequest& request, net::ResponseWriter& writer) {
    EXPECT_THAT(request.body, HasSubstr(R"("stream":true)"));
    (void)writer.begin(200, event_stream());
    (void)writer.write(": waiting\n\ndata: {\"t\":\"a\"}\n\n");
    // The second chunk leaves only after the first was seen, so nothing on the way buffers.
    EXPECT_EQ(seen.wait_for(kLong), std::future_status::ready);
    (void)writer.write("data: {\"t\":");
    (void)writer.write("\"b\"}\n\ndata: {\"usage\":{}}\n\ndata: [DONE]\n\n");
  });
  std::vector<std::string> texts;
  const auto streamed = client_->stream({}, a_request(), [&](const codec::Json& chunk) {
    texts.push_back(codec::string_or(chunk, "t", "-"));
    if (texts.size() == 1) first_seen.set_value();
    return true;
  });
  ASSERT_TRUE(streamed) << streamed.error().message;
  EXPECT_THAT(texts, ElementsAre("a", "b", "-"));
}

TEST_F(OpenAi, CutStreamIsAnError) {
  serve([](const Context&, const net::HttpRequest&, net::ResponseWriter& writer) {
    (void)writer.begin(200, event_stream());
    (void)writer.write("data: {\"t\":\"a\"}\n\n");
    writer.abort();
  });
  const auto cut = stream_text();
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().code, ErrorCode::kDataLoss);
}

TEST_F(OpenAi, StreamThatEndsWithoutAnEndIsAnError) {
  serve([](const Context&, const net::HttpRequest&, net::ResponseWriter& writer) {
    (void)writer.begin(200, event_stream());
    (void)writer.write("data: {\"t\":\"a\"}\n\n");
  });
  EXPECT_EQ(stream_text().error().code, ErrorCode::kDataLoss);
}

// A server that streams for ever: only the closed connection ends it.
class EndlessOpenAi : public OpenAi {
 protected:
  void SetUp() override {
    serve([this](const Context&, const net::HttpRequest&, net::ResponseWriter& writer) {
      (void)writer.begin(200, event_stream());
      while (writer.write("data: {\"t\":\"a\"}\n\n")) {
      }
      closed_.set_value();
    });
  }
  void expect_upstream_closed() {
    EXPECT_EQ(closed_.get_future().wait_for(kLong), std::future_status::ready);
  }
  std::promise<void> closed_;
};

// A user who closes the page must not leave the model generating for nobody.
TEST_F(EndlessOpenAi, CancellingClosesTheConnection) {
  std::stop_source stop;
  int chunks = 0;
  const auto streamed =
      client_->stream({.stop = stop.get_token()}, a_request(), [&](const codec::Json&) {
        if (++chunks == 3) stop.request_stop();
        return true;
      });
  ASSERT_FALSE(streamed);
  EXPECT_EQ(streamed.error().code, ErrorCode::kCancelled);
  expect_upstream_closed();
}

TEST_F(EndlessOpenAi, RefusingAChunkEndsTheStreamWithoutError) {
  const auto streamed = client_->stream({}, a_request(), [](const codec::Json&) { return false; });
  EXPECT_TRUE(streamed) << streamed.error().message;
  expect_upstream_closed();
}

TEST_F(OpenAi, SilentServerRunsIntoTheDeadline) {
  std::promise<void> over;
  auto ended = over.get_future().share();
  serve([ended](const Context&, const net::HttpRequest&, net::ResponseWriter& writer) {
    (void)writer.begin(200, event_stream());
    (void)writer.write(": hello\n\n");
    ended.wait_for(kLong);
  });
  EXPECT_EQ(stream_text(Context::with_timeout(milliseconds(30))).error().code,
            ErrorCode::kDeadlineExceeded);
  over.set_value();
}

// Pass-through promises the client exactly what the model server said, refusals included.
TEST_F(OpenAi, ForwardsBodyStatusAndBytesUntouched) {
  serve([](const Context&, const net::HttpRequest& request, net::ResponseWriter& writer) {
    (void)writer.send({.status = 418,
                       .headers = {{"content-type", "text/plain"}},
                       .body = "got: " + request.body});
  });
  RawReply head;
  std::string bytes;
  const auto forwarded = client_->forward(
      {}, R"({ "odd" :  1 })",
      [&](const RawReply& reply) {
        head = reply;
        return true;
      },
      [&](std::string_view part) {
        bytes += part;
        return true;
      });
  ASSERT_TRUE(forwarded) << forwarded.error().message;
  EXPECT_EQ(head.status, 418);
  EXPECT_EQ(head.content_type, "text/plain");
  EXPECT_EQ(bytes, R"(got: { "odd" :  1 })");
}

TEST_F(OpenAi, ListsModels) {
  serve([](const Context&, const net::HttpRequest& request, net::ResponseWriter& writer) {
    const bool right = request.method == "GET" && request.path == "/v1/models";
    (void)writer.send(net::HttpResponse::json(
        right ? 200 : 404, R"({"object":"list","data":[{"id":"smol","max_model_len":8192}]})"));
  });
  const auto models = client_->list_models({});
  ASSERT_TRUE(models) << models.error().message;
  ASSERT_EQ(models->size(), 1u);
  EXPECT_EQ(models->front().id, "smol");
  EXPECT_EQ(models->front().context_tokens_max, 8192);
}

}  // namespace
}  // namespace rage::llm
