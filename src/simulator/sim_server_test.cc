#include "simulator/sim_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <latch>
#include <thread>
#include <utility>

#include "codec/json.h"
#include "codec/sse.h"
#include "net/http_client.h"
#include "simulator/api_reply.h"

namespace rage::simulator {
namespace {

using namespace std::chrono_literals;
using codec::Json;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::string_view kChat = "/v1/chat/completions";

SimServerOptions fast() {
  return {.name = "replica-1",
          .model = "base",
          .adapters = {"sql"},
          .time_scale = 10'000,
          .engine = {.adapters_max = 2},
          .requests_max = 16};
}

std::string chat(std::string_view rest) {
  return fmt::format(
      R"({{"model": "base", "messages": [{{"role": "user", "content": "hello"}}]{}}})", rest);
}

// Resource. A server and a client of it.
class Site final {
 public:
  explicit Site(const SimServerOptions& options) : server_(*SimServer::create(options)) {}

  net::ClientRequest request(std::string_view path, std::string body,
                             std::string_view failure = "") const {
    net::ClientRequest request{.method = body.empty() ? "GET" : "POST",
                               .url = fmt::format("http://127.0.0.1:{}{}", server_->port(), path),
                               .body = std::move(body),
                               .idle_timeout = 10s};
    if (!failure.empty()) request.headers.set("x-sim-fail", failure);
    return request;
  }
  Result<net::HttpResponse> fetch(std::string_view path, std::string body = "",
                                  std::string_view failure = "") {
    return transport_->fetch({}, request(path, std::move(body), failure));
  }
  Json json(std::string_view path, std::string body = "") {
    const auto reply = fetch(path, std::move(body));
    EXPECT_TRUE(reply && reply->status == 200) << path;
    return reply ? *codec::parse_json(reply->body) : Json();
  }
  net::HttpTransport& transport() { return *transport_; }
  SimServer& server() { return *server_; }

 private:
  const std::unique_ptr<SimServer> server_;
  const std::unique_ptr<net::HttpTransport> transport_ = net::make_http_transport();
};

std::vector<std::string> events_of(std::string_view body) {
  std::vector<std::string> events;
  codec::SseParser parser;
  EXPECT_TRUE(parser.feed(body, [&](codec::SseEvent event) { events.push_back(event.data); }));
  return events;
}

TEST(SimServer, AWholeAnswerNamesModelAndId) {
  Site site(fast());
  const Json reply = site.json(kChat, chat(R"(, "max_tokens": 9, "ignore_eos": true)"));
  const std::string id = reply["id"];
  EXPECT_THAT(id, StartsWith("chatcmpl-"));
  EXPECT_EQ(reply["choices"][0]["message"]["content"], filler_text("base", id, 0, 9));
  EXPECT_EQ(reply["choices"][0]["finish_reason"], "length");
  EXPECT_EQ(reply["usage"]["completion_tokens"], 9);
}

TEST(SimServer, AStreamSaysTheSameAsAWholeAnswer) {
  Site site(fast());
  const auto reply = site.fetch(
      kChat,
      chat(R"(, "max_tokens": 30, "stream": true, "stream_options": {"include_usage": true})"));
  ASSERT_TRUE(reply);
  EXPECT_THAT(reply->headers.find("content-type"), StartsWith("text/event-stream"));
  EXPECT_EQ(reply->headers.find("x-sim-name"), "replica-1");
  EXPECT_EQ(reply->headers.find("x-sim-body-sha256").size(), 64U);
  const auto events = events_of(reply->body);
  ASSERT_GT(events.size(), 3u);
  EXPECT_EQ(events.back(), "[DONE]");
  std::string text;
  std::string id;
  for (std::size_t i = 0; i + 2 < events.size(); ++i) {
    const Json chunk = *codec::parse_json(events[i]);
    id = chunk["id"];
    text += chunk["choices"][0]["delta"].value("content", "");
  }
  EXPECT_EQ(text, filler_text("base", id, 0, 30));
  EXPECT_EQ((*codec::parse_json(events[events.size() - 2]))["usage"]["completion_tokens"], 30);
}

TEST(SimServer, ASecondRequestFindsTheFirstOnesPrefix) {
  Site site(fast());
  const std::string body = fmt::format(R"({{"model": "base", "prompt": "{}", "max_tokens": 1}})",
                                       std::string(1000, 'a'));
  EXPECT_EQ(site.json("/v1/completions", body)["usage"]["prompt_tokens_details"]["cached_tokens"],
            0);
  EXPECT_EQ(site.json("/v1/completions", body)["usage"]["prompt_tokens_details"]["cached_tokens"],
            240);
  const auto metrics = site.fetch("/metrics");
  EXPECT_THAT(metrics->body, HasSubstr("vllm:prefix_cache_hits_total{engine=\"0\","
                                       "model_name=\"base\"} 240\n"));
}

TEST(SimServer, ABatchHasAChoiceForEachPrompt) {
  Site site(fast());
  const Json reply = site.json("/v1/completions",
                               R"({"model": "sql", "prompt": ["a", [1, 2, 3]], "max_tokens": 2})");
  EXPECT_EQ(reply["choices"].size(), 2u);
  EXPECT_EQ(reply["usage"]["completion_tokens"], 4);
  EXPECT_THAT(site.fetch("/metrics")->body, HasSubstr("vllm:lora_requests_info{max_lora=\"2\""));
}

TEST(SimServer, EmbeddingsModelsAndHealth) {
  Site site(fast());
  const Json reply = site.json("/v1/embeddings", R"({"model": "base", "input": ["a", "b"]})");
  EXPECT_EQ(reply["data"].size(), 2u);
  EXPECT_EQ(reply["data"][0]["embedding"].size(), 384u);
  EXPECT_EQ(site.json("/v1/models")["data"].size(), 2u);
  EXPECT_EQ(site.fetch("/health")->status, 200);
}

TEST(SimServer, WhatItDoesNotServeItSays) {
  Site site(fast());
  EXPECT_EQ(site.fetch(kChat, "{")->status, 400);
  EXPECT_EQ(site.fetch(kChat, R"({"model": "x", "messages": [{"role": "user"}]})")->status, 404);
  EXPECT_EQ(site.fetch("/v2")->status, 404);
  EXPECT_EQ(site.fetch(kChat)->status, 405);
  EXPECT_EQ(site.fetch(kChat, chat(""), "explode")->status, 400);
  const std::string long_prompt(4 * 32768, 'a');
  const auto reply = site.fetch("/v1/completions", R"({"prompt": ")" + long_prompt + R"("})");
  EXPECT_EQ(reply->status, 400);
  EXPECT_THAT(reply->body, HasSubstr("maximum context length is 32768"));
}

TEST(SimServer, FailuresAreCommittedAsAsked) {
  Site site(fast());
  EXPECT_EQ(site.fetch(kChat, chat(""), "status:429")->status, 429);
  EXPECT_EQ(site.fetch(kChat, chat(""), "reset-before-headers").error().code,
            ErrorCode::kUnavailable);
  EXPECT_EQ(site.fetch(kChat, chat(""), "reset-mid-stream").error().code, ErrorCode::kDataLoss);
  std::string seen;
  const auto cut = site.transport().stream(
      {}, site.request(kChat, chat(R"(, "stream": true)"), "reset-mid-stream:4"),
      [](const net::HttpResponse& head) { return head.status == 200; },
      [&](std::string_view bytes) {
        seen += bytes;
        return true;
      });
  EXPECT_EQ(cut.error().code, ErrorCode::kDataLoss);
  std::string text;
  std::string id;
  for (const std::string& event : events_of(seen)) {
    const Json chunk = *codec::parse_json(event);
    id = chunk["id"];
    text += chunk["choices"][0]["delta"].value("content", "");
  }
  EXPECT_EQ(text, filler_text("base", id, 0, 4));
}

TEST(SimServer, AHangLastsUntilTheClientLeaves) {
  Site site(fast());
  auto hang = site.request(kChat, chat(""), "hang");
  hang.idle_timeout = 200ms;
  EXPECT_EQ(site.transport().fetch({}, hang).error().code, ErrorCode::kDeadlineExceeded);
}

TEST(SimServer, ChanceFailsEveryRequestAtProbabilityOne) {
  SimServerOptions options = fast();
  options.failures = {{.failure = {.kind = Failure::Kind::kStatus, .number = 503}}};
  Site site(options);
  EXPECT_EQ(site.fetch(kChat, chat(""))->status, 503);
  EXPECT_EQ(site.fetch("/health")->status, 200);
}

// A client that left must not go on costing tokens and KV blocks.
TEST(SimServer, AClientThatLeavesIsForgotten) {
  SimServerOptions options = fast();
  options.time_scale = 1;
  Site site(options);
  bool first = true;
  const auto left = site.transport().stream(
      {}, site.request(kChat, chat(R"(, "max_tokens": 20000, "ignore_eos": true, "stream": true)")),
      [](const net::HttpResponse&) { return true; },
      [&](std::string_view) { return std::exchange(first, false) && false; });
  EXPECT_TRUE(left);
  std::string metrics;
  for (int tries = 0;
       tries < 500 &&
       metrics.find("running{engine=\"0\",model_name=\"base\"} 0\n") == std::string::npos;
       ++tries) {
    metrics = site.fetch("/metrics")->body;
  }
  EXPECT_THAT(metrics,
              HasSubstr("vllm:num_requests_running{engine=\"0\",model_name=\"base\"} 0\n"));
  EXPECT_THAT(metrics, HasSubstr("finished_reason=\"abort\",model_name=\"base\"} 1.0\n"));
}

// Streams take all the places there are; the scraper and the probe still get in.
TEST(SimServer, FullMeans503AndMetricsStillAnswer) {
  SimServerOptions options = fast();
  options.requests_max = 1;
  Site site(options);
  std::stop_source stop;
  std::latch held(1);
  std::jthread holder([&] {
    (void)site.transport().stream(
        {.stop = stop.get_token()},
        site.request(kChat, chat(R"(, "stream": true)"), "hang-mid-stream:1"),
        [&](const net::HttpResponse&) {
          held.count_down();
          return true;
        },
        [](std::string_view) { return true; });
  });
  held.wait();
  EXPECT_EQ(site.fetch(kChat, chat(""))->status, 503);
  EXPECT_EQ(site.fetch("/metrics")->status, 200);
  stop.request_stop();
}

TEST(SimServerOptions, NonsenseIsRefused) {
  EXPECT_TRUE(fast().validate());
  const auto with = [](auto change) {
    SimServerOptions options = fast();
    change(options);
    return options.validate().has_value();
  };
  EXPECT_FALSE(with([](auto& o) { o.model = ""; }));
  EXPECT_FALSE(with([](auto& o) { o.adapters = {"base"}; }));
  EXPECT_FALSE(with([](auto& o) { o.adapters = {"a", "a"}; }));
  EXPECT_FALSE(with([](auto& o) { o.time_scale = 0; }));
  EXPECT_FALSE(with([](auto& o) { o.requests_max = 0; }));
  EXPECT_FALSE(with([](auto& o) { o.engine.blocks = 10; }));
  EXPECT_FALSE(with([](auto& o) {
    o.failures = {{.failure = {}, .probability = 0.7}, {.failure = {}, .probability = 0.7}};
  }));
}

}  // namespace
}  // namespace rage::simulator
