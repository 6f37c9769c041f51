// InferencePools: the model decides the route, the picker the endpoint, and a body is never lost.
#include "gateway/fake_picker_for_test.h"
#include "gateway/gateway_fixture.h"

namespace rage::gateway {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const std::string kPath = "/v1/completions";
const std::string kBody = R"({"model":"phi","prompt":"hi"})";

class Inference : public GatewayFixture {
 protected:
  picker::PickOutcome to(std::vector<std::string> destinations) const {
    picker::Pick pick{.destinations = std::move(destinations)};
    pick.request_headers = {{"x-gateway-destination-endpoint", pick.destinations.front()}};
    pick.exchange = std::make_shared<FakeExchange>(record_);
    return {.pick = std::move(pick)};
  }
  static picker::PickOutcome refused(picker::Refusal refusal) {
    return {.refusal = std::move(refusal)};
  }
  std::shared_ptr<FakePicker> a_picker(FakePicker::Decide decide) {
    return std::make_shared<FakePicker>(std::move(decide));
  }
  // Everything goes to one pool.
  void serve_pool(std::shared_ptr<FakePicker> picker, std::vector<net::Address> endpoints = {},
                  bool fail_open = false) {
    route("/", to_pool("pool"));
    pool("pool",
         {.picker = std::move(picker), .fail_open = fail_open, .endpoints = std::move(endpoints)});
  }
  ExchangeRecord record() const {
    return record_->with([](const auto& record) { return record; });
  }

  const std::shared_ptr<Guarded<ExchangeRecord>> record_ =
      std::make_shared<Guarded<ExchangeRecord>>();
};

TEST_F(Inference, SendsTheRequestWhereThePickerSays) {
  TestUpstream upstream(echoing());
  const auto picker = a_picker([&](const auto&) { return to({upstream.text()}); });
  serve_pool(picker);
  start();
  const std::string reply = ask(post(kPath, kBody, "X-Session-Token: s\r\n"));
  EXPECT_THAT(reply, AllOf(StartsWith("HTTP/1.1 200 "), EndsWith(kBody)));
  EXPECT_THAT(reply, HasSubstr("x-gateway-destination-endpoint: " + upstream.text() + "\r\n"));
  EXPECT_THAT(reply,
              HasSubstr("x-gateway-destination-endpoint-served: " + upstream.text() + "\r\n"));
  const auto seen = picker->requests.with([](auto& all) { return all.at(0); });
  EXPECT_EQ(*seen.body, kBody);
  EXPECT_EQ(seen.headers.find("x-session-token"), "s");
  EXPECT_EQ(seen.headers.find("x-gateway-model-name"), "phi");
  EXPECT_FALSE(seen.subset);
  EXPECT_EQ(record().head.status, 200);
  EXPECT_EQ(record().head.served, upstream.text());
  EXPECT_THAT(record().body, EndsWith(kBody));
  EXPECT_TRUE(record().body_ended);
  EXPECT_THAT(record().finished, ElementsAre(picker::Completion::kNormal));
}

// The model in the body is what the server will run; a header that says otherwise would route a
// request past the rules of the model it really asks for.
TEST_F(Inference, RoutesByTheModelInTheBodyWhateverTheHeaderSays) {
  TestUpstream phi(answering([](const std::string&) { return ok("phi's"); }));
  TestUpstream qwen(answering([](const std::string&) { return ok("qwen's"); }));
  for (const auto& [name, upstream] : {std::pair{"phi", &phi}, {"qwen", &qwen}}) {
    route("/", to_pool(name), name);
    pool(name, {.picker = a_picker(
                    [this, to_it = upstream->text()](const auto&) { return to({to_it}); })});
  }
  start();
  EXPECT_THAT(ask(post(kPath, kBody, "x-gateway-model-name: qwen\r\n")), EndsWith("phi's"));
  EXPECT_THAT(ask(post(kPath, R"({"model":"qwen"})")), EndsWith("qwen's"));
  EXPECT_THAT(ask(post(kPath, R"({"model":"none"})", "X-Gateway-Model-Name: phi\r\n")),
              AllOf(StartsWith("HTTP/1.1 404 "), HasSubstr("none"), HasSubstr("/v1/models")));
  EXPECT_THAT(ask(post(kPath, "not json", "X-Gateway-Model-Name: phi\r\n")),
              StartsWith("HTTP/1.1 404 "));
}

// A client that could set these would choose a model server's peers and its own priority.
TEST_F(Inference, StripsWhatOnlyTheGatewayMaySay) {
  TestUpstream upstream(echoing());
  const auto picker = a_picker([&](const auto&) { return to({upstream.text()}); });
  serve_pool(picker);
  start();
  const std::string reply =
      ask(post(kPath, kBody,
               "X-Gateway-Destination-Endpoint: 10.0.0.1:1\r\nX-Prefiller-Host-Port: 10.0.0.1:1\r\n"
               "X-Encoder-Hosts-Ports: 10.0.0.1:1\r\nX-KV-Cache-Source-Host-Port: 10.0.0.1:1\r\n"
               "X-Data-Parallel-Host-Port: 10.0.0.1:1\r\nX-LLM-D-Inference-Objective: critical\r\n"
               "X-Gateway-Inference-Objective: critical\r\nX-Gateway-Model-Name-Rewrite: other\r\n"
               "X-Gateway-Destination-Endpoint-Subset: 10.0.0.1:1\r\nX-SLO-TTFT-MS: 1\r\n"));
  EXPECT_THAT(reply, AllOf(StartsWith("HTTP/1.1 200 "), Not(HasSubstr("10.0.0.1")),
                           Not(HasSubstr("critical")), Not(HasSubstr("rewrite"))));
  const auto seen = picker->requests.with([](auto& all) { return all.at(0); });
  for (const auto& [name, value] : seen.headers.entries()) {
    EXPECT_FALSE(name.starts_with("x-llm-d-") || name.starts_with("x-slo-") ||
                 name.starts_with("x-gateway-inference") || name.starts_with("x-gateway-dest"))
        << name;
  }
}

TEST_F(Inference, ARouteMaySayWhatAClientMayNot) {
  TestUpstream upstream(echoing());
  const auto picker = a_picker([&](const auto&) { return to({upstream.text()}); });
  gatewayapi::RequestHeaderEdits edits;
  edits.set = {{"x-llm-d-inference-objective", "batch"}};
  gatewayapi::Rule rule = to_pool("pool");
  rule.filters = {{edits}};
  route("/", rule);
  pool("pool", {.picker = picker});
  start();
  ask(post(kPath, kBody));
  const auto seen = picker->requests.with([](auto& all) { return all.at(0); });
  EXPECT_EQ(seen.headers.find("x-llm-d-inference-objective"), "batch");
}

TEST_F(Inference, RefusalsAreRenderedAsPickersDo) {
  serve_pool(a_picker([](const auto&) {
    return refused({.status = 429,
                    .code_name = "ResourceExhausted",
                    .message = "full",
                    .dropped_reason = "rejected-saturated",
                    .retry_after = 7s});
  }));
  start();
  EXPECT_THAT(ask(post(kPath, kBody)),
              AllOf(StartsWith("HTTP/1.1 429 "),
                    HasSubstr("x-llm-d-request-dropped-reason: rejected-saturated\r\n"),
                    HasSubstr("retry-after: 7\r\n"),
                    EndsWith("\r\n\r\ninference error: ResourceExhausted - full")));
}

TEST_F(Inference, AnswersThatComeLaterFindTheirRequest) {
  TestUpstream upstream(echoing());
  const auto picker = a_picker([&](const auto&) { return to({upstream.text()}); });
  picker->later = true;
  serve_pool(picker);
  start();
  for (int i = 0; i < 20; ++i) EXPECT_THAT(ask(post(kPath, kBody)), EndsWith(kBody));
}

TEST_F(Inference, AClientThatLeavesTheQueueIsCancelled) {
  const auto picker = a_picker([&](const auto&) { return to({"127.0.0.1:1"}); });
  picker->never = true;
  serve_pool(picker);
  start();
  auto stream = client();
  stream->send(post(kPath, kBody));
  while (picker->requests.with([](auto& all) { return all.empty(); })) std::this_thread::yield();
  stream->close();
  while (picker->cancelled == 0 || metrics_.requests_running.value() > 0) {
    std::this_thread::yield();
  }
  EXPECT_EQ(metrics_.client_gone.value(), 1);
}

TEST_F(Inference, RewrittenBodiesAndRepliesKeepTheirLengthsRight) {
  TestUpstream upstream(echoing());
  serve_pool(a_picker([&](const auto&) {
    picker::PickOutcome outcome = to({upstream.text()});
    outcome.pick->body = R"({"model":"phi-4-mini-long","prompt":"hi"})";
    auto exchange = std::make_shared<FakeExchange>(record_);
    exchange->response_headers = {{"x-session-token", "t"}};
    exchange->transform = [](std::string_view bytes, bool end) {
      return end ? std::string("!") : std::string(bytes) + "+";
    };
    outcome.pick->exchange = exchange;
    return outcome;
  }));
  start();
  const auto stream = client();
  stream->send(post(kPath, kBody));
  EXPECT_THAT(stream->read_message(),
              AllOf(HasSubstr("transfer-encoding: chunked"), HasSubstr("x-session-token: t"),
                    HasSubstr("content-length: 41\r\n"), EndsWith("long\",\"prompt\":\"hi\"}+!")));
}

TEST_F(Inference, GoesThroughTheListOfFallbacks) {
  TestUpstream failing(answering([](const std::string&) {
    return std::string("HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n");
  }));
  TestUpstream leaving([](RawStream& stream) { stream.read_message(); });
  TestUpstream good(echoing());
  const net::Address dead = std::make_unique<TestUpstream>(echoing())->address();
  serve_pool(a_picker(
      [&](const auto&) { return to({dead.text(), failing.text(), leaving.text(), good.text()}); }));
  start();
  EXPECT_THAT(ask(post(kPath, kBody)), AllOf(StartsWith("HTTP/1.1 200 "), EndsWith(kBody),
                                             HasSubstr("endpoint-served: " + good.text())));
  EXPECT_EQ(record().head.served, good.text());
  EXPECT_THAT(record().finished, ElementsAre(picker::Completion::kNormal));
}

// Losing pods loses no request, even if the picker names one alone and has not heard of it.
TEST_F(Inference, PicksAgainAmongTheOthersWhenTheListIsUsedUp) {
  TestUpstream good(echoing());
  const net::Address dead = std::make_unique<TestUpstream>(echoing())->address();
  TestUpstream failing(answering([](const std::string&) {
    return std::string("HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n");
  }));
  const auto picker = a_picker([&](const picker::PickRequest& request) {
    return request.subset ? to({request.subset->at(0)}) : to({dead.text()});
  });
  serve_pool(picker, {failing.address(), dead, good.address()});
  start();
  EXPECT_THAT(ask(post(kPath, kBody)), AllOf(StartsWith("HTTP/1.1 200 "), EndsWith(kBody)));
  const auto subset = [&](std::size_t pick) {
    return *picker->requests.with([&](auto& all) { return all.at(pick).subset; });
  };
  EXPECT_THAT(subset(1), ElementsAre(failing.text(), good.text()));
  EXPECT_THAT(subset(2), ElementsAre(good.text()));
  EXPECT_THAT(record().finished, ElementsAre(picker::Completion::kError, picker::Completion::kError,
                                             picker::Completion::kNormal));
}

TEST_F(Inference, AModelServersOwnErrorsReachTheClient) {
  TestUpstream upstream(answering([](const std::string&) {
    return std::string("HTTP/1.1 500 X\r\nContent-Length: 4\r\n\r\noops");
  }));
  serve_pool(a_picker([&](const auto&) { return to({upstream.text()}); }), {upstream.address()});
  start();
  EXPECT_THAT(ask(post(kPath, kBody)), AllOf(StartsWith("HTTP/1.1 500 "), EndsWith("oops")));
  EXPECT_EQ(record().head.status, 500);
}

// Envoy's ext_proc cannot do this for a POST: the body is gone by then. Here it is not.
TEST_F(Inference, FailsOpenWithTheWholeBody) {
  TestUpstream upstream(echoing());
  const auto picker = a_picker([](const auto&) {
    return refused({.status = 503, .code_name = "PickerUnavailable", .message = "no answer"});
  });
  serve_pool(picker, {upstream.address()}, true);
  start();
  EXPECT_THAT(ask(post(kPath, kBody)), AllOf(StartsWith("HTTP/1.1 200 "), EndsWith(kBody)));
  picker->is_ready = false;
  EXPECT_THAT(ask(post(kPath, kBody)), AllOf(StartsWith("HTTP/1.1 200 "), EndsWith(kBody)));
  EXPECT_EQ(metrics_.picks_failed_open.value(), 2);
}

TEST_F(Inference, FailsClosedUnlessToldOtherwise) {
  TestUpstream upstream(echoing());
  const auto picker = a_picker([](const auto&) {
    return refused({.status = 503, .code_name = "PickerUnavailable", .message = "no answer"});
  });
  serve_pool(picker, {upstream.address()}, false);
  start();
  EXPECT_THAT(ask(post(kPath, kBody)), StartsWith("HTTP/1.1 503 "));
  picker->is_ready = false;
  EXPECT_THAT(ask(post(kPath, kBody)), StartsWith("HTTP/1.1 503 "));
  EXPECT_EQ(upstream.connections(), 0);
}

// A refusal of a picker that works is a decision, not an outage.
TEST_F(Inference, ARefusalIsNoReasonToFailOpen) {
  TestUpstream upstream(echoing());
  serve_pool(a_picker([](const auto&) {
               return refused({.status = 503, .code_name = "ServiceUnavailable", .message = "x"});
             }),
             {upstream.address()}, true);
  start();
  EXPECT_THAT(ask(post(kPath, kBody)), StartsWith("HTTP/1.1 503 "));
}

TEST_F(Inference, HeldBodiesHaveLimits) {
  options_.held_body_bytes_max = 1000;
  options_.held_bytes_max = 1500;
  const auto picker = a_picker([](const auto&) { return picker::PickOutcome(); });
  picker->never = true;
  serve_pool(picker);
  start();
  EXPECT_THAT(ask(post(kPath, std::string(1001, 'x'))), StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(
      ask("POST " + kPath + " HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" +
          std::string(1001, 'x') + "\r\n0\r\n\r\n"),
      StartsWith("HTTP/1.1 413 "));
  const auto waiting = client();
  waiting->send(post(kPath, std::string(900, 'x')));
  while (picker->requests.with([](auto& all) { return all.empty(); })) std::this_thread::yield();
  EXPECT_THAT(ask(post(kPath, std::string(900, 'x'))),
              AllOf(StartsWith("HTTP/1.1 503 "), HasSubstr("retry-after")));
}

TEST_F(Inference, EvictionAnswersBeforeTheReplyAndCutsAfterwards) {
  std::atomic<bool> asked = false;
  TestUpstream upstream([&](RawStream& stream) {
    const std::string request = stream.read_message();
    if (request.find("begin") != std::string::npos) {
      stream.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");
    }
    asked = true;
    stream.read_to_end();
  });
  serve_pool(a_picker([&](const auto&) { return to({upstream.text()}); }));
  start();
  const picker::Refusal evicted{.status = 429,
                                .code_name = "ResourceExhausted",
                                .message = "request evicted by flow control",
                                .dropped_reason = "evicted"};
  const auto first = client();
  first->send(post(kPath, kBody));
  while (!asked) std::this_thread::yield();
  record().evict(evicted);
  EXPECT_THAT(first->read_message(),
              AllOf(StartsWith("HTTP/1.1 429 "), HasSubstr("dropped-reason: evicted")));
  EXPECT_EQ(record().finished.front(), picker::Completion::kEvicted);
  const auto second = client();
  second->send(post(kPath, "begin"));
  second->read_past("x\r\n");
  record().evict(evicted);
  EXPECT_EQ(second->read_to_end(), "");  // No last chunk.
}

TEST_F(Inference, RequestsWithoutBodyArePickedFor) {
  TestUpstream upstream(echoing());
  const auto picker = a_picker([&](const auto&) { return to({upstream.text()}); });
  serve_pool(picker);
  start();
  EXPECT_THAT(ask("GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n"), StartsWith("HTTP/1.1 200 "));
  EXPECT_FALSE(picker->requests.with([](auto& all) { return all.at(0).body; }));
}

}  // namespace
}  // namespace rage::gateway
