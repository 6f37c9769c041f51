// What a request holds of its endpoint is given back exactly once, however it ends; otherwise the
// endpoint looks busy, or idle, for ever.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "picker/director_for_test.h"

namespace rage::picker {
namespace {

using namespace std::chrono_literals;

constexpr char kLabels[] =
    R"({model_name="m",target_model_name="m",fairness_id="default-flow",priority="0"})";

class ExchangeTest : public DirectorTest {
 protected:
  void SetUp() override {
    DirectorOptions options;
    options.saturation =
        routing::ConcurrencyOptions{.mode = routing::ConcurrencyMode::kTokens, .tokens_max = 1000};
    start("", &options);
    have({{0, .1}});
  }
  std::shared_ptr<Exchange> begin(std::string body) {
    PickOutcome outcome = pick(post(std::move(body)));
    EXPECT_TRUE(outcome.pick);
    return outcome.pick ? outcome.pick->exchange : nullptr;
  }
  // Requests and tokens in flight at the endpoint, by the gauges.
  std::pair<double, double> in_flight() {
    have({{0, .1}});  // Refreshes the gauges.
    const std::string labels = R"({endpoint_name="pod-0-rank-0",namespace="default",)"
                               R"(producer_name="inflight-load-producer",fairness_id="",)"
                               R"(priority=""})";
    return {metric("llm_d_epp_inflight_requests" + labels),
            metric("llm_d_epp_inflight_tokens" + labels)};
  }
  double of(const std::string& name, const std::string& suffix = "_count") const {
    return metric("llm_d_epp_" + name + suffix + kLabels);
  }
};

const std::string kBody =
    R"({"model":"m","stream":true,"prompt":")" + std::string(400, 'x') + "\"}";

TEST_F(ExchangeTest, TokensGoBackWithTheFirstBytesAndTheRequestAtTheEnd) {
  const auto exchange = begin(kBody);
  EXPECT_EQ(in_flight(), std::pair(1.0, 100.0));
  (void)exchange->on_response_headers(
      {.status = 200, .headers = {{"content-type", "text/event-stream"}}});
  EXPECT_EQ(in_flight(), std::pair(1.0, 100.0));
  clock_.advance(300ms);
  const std::string event = "data: {\"model\":\"m\"}\n\n";
  EXPECT_EQ(exchange->on_response_body(event, false), event);
  EXPECT_EQ(in_flight(), std::pair(1.0, 0.0));
  clock_.advance(100ms);
  const std::string last =
      "data: {\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":11,"
      "\"prompt_tokens_details\":{\"cached_tokens\":3}}}\n\ndata: [DONE]\n\n";
  EXPECT_EQ(exchange->on_response_body(last, false), last);
  EXPECT_EQ(exchange->on_response_body("", true), "");
  EXPECT_EQ(in_flight(), std::pair(0.0, 0.0));
  exchange->finish(Completion::kError);  // Too late: it has ended.
  EXPECT_EQ(in_flight(), std::pair(0.0, 0.0));
  EXPECT_EQ(of("request_running", ""), 0);
  EXPECT_EQ(of("request_input_tokens", "_sum"), 7);
  EXPECT_EQ(of("request_output_tokens", "_sum"), 11);
  EXPECT_EQ(of("request_cached_tokens", "_sum"), 3);
  EXPECT_NEAR(of("request_duration_seconds", "_sum"), .4, 1e-9);
  EXPECT_NEAR(of("request_streaming_tpot_seconds", "_sum"), .01, 1e-9);
  EXPECT_EQ(of("request_streaming_itl_seconds"), 1);
  EXPECT_EQ(metric(R"(inference_objective_input_tokens_count{model_name="m",)"
                   R"(target_model_name="m"})"),
            1);
  EXPECT_EQ(registry_.render().find("ClientDisconnect"), std::string::npos);
}

TEST_F(ExchangeTest, AnAbandonedExchangeIsAClientThatLeft) {
  begin(kBody).reset();
  EXPECT_EQ(in_flight(), std::pair(0.0, 0.0));
  EXPECT_EQ(metric(R"(inference_objective_request_error_total{model_name="m",)"
                   R"(target_model_name="m",error_code="ClientDisconnect"})"),
            1);
}

// The original looks for "status" instead of ":status" and counts no failure of a model server.
TEST_F(ExchangeTest, FailuresOfTheModelServerAreCounted) {
  const auto exchange = begin(kBody);
  (void)exchange->on_response_headers({.status = 503});
  (void)exchange->on_response_body("overloaded", true);
  EXPECT_EQ(metric(R"(inference_objective_request_error_total{model_name="m",)"
                   R"(target_model_name="m",error_code="ModelServerError"})"),
            1);
}

TEST_F(ExchangeTest, OutlivesItsDirector) {
  const auto exchange = begin(kBody);
  director_.reset();
  (void)exchange->on_response_headers({.status = 200});
  EXPECT_EQ(exchange->on_response_body("{}", true), "{}");
}

TEST_F(ExchangeTest, ARetryElsewhereIsInFlightThere) {
  const auto exchange = begin(kBody);
  source_->push({.endpoints = pods({{0, .1}, {0, .1}})});
  (void)exchange->on_response_headers({.status = 200, .served = "192.168.1.2:8000"});
  source_->push({.endpoints = pods({{0, .1}, {0, .1}})});
  const auto requests_of = [&](const std::string& pod) {
    return metric("llm_d_epp_inflight_requests{endpoint_name=\"" + pod +
                  R"(",namespace="default",producer_name="inflight-load-producer",)"
                  R"(fairness_id="",priority=""})");
  };
  EXPECT_EQ(requests_of("pod-0-rank-0"), 0);
  EXPECT_EQ(requests_of("pod-1-rank-0"), 1);
  exchange->finish(Completion::kNormal);
  source_->push({.endpoints = pods({{0, .1}, {0, .1}})});
  EXPECT_EQ(requests_of("pod-1-rank-0"), 0);
}

TEST_F(ExchangeTest, PutsTheModelsNameBackAcrossChunks) {
  PickOutcome outcome =
      pick(post(R"({"model":"mine"})", {{"x-llm-d-model-name-rewrite", "theirs"}}));
  ASSERT_TRUE(outcome.pick);
  Exchange& exchange = *outcome.pick->exchange;
  (void)exchange.on_response_headers(
      {.status = 200, .headers = {{"content-type", "application/json"}}});
  std::string reply = exchange.on_response_body(R"({"id":1,"model":"the)", false);
  reply += exchange.on_response_body(R"(irs","x":"theirs"})", true);
  EXPECT_EQ(reply, R"({"id":1,"model":"mine","x":"theirs"})");
}

class ServedEndpointTest : public DirectorTest {
 protected:
  std::string reported(PickRequest request, std::string served) {
    const PickOutcome outcome = pick(std::move(request));
    if (!outcome.pick) return "no pick";
    std::string value = "no header";
    for (const auto& [name, text] : outcome.pick->exchange->on_response_headers(
             {.status = 200, .served = std::move(served)})) {
      if (name == "x-conformance-test-served-endpoint") value = text;
    }
    return value;
  }
};

// Without it nobody can show that a gateway reports which endpoint served: upstream's suite asks
// for this plugin by name, and a gateway that is silent must fail there, not pass on our own guess.
TEST_F(ServedEndpointTest, IsReportedToConformanceTestsIfConfigured) {
  start(
      "{apiVersion: llm-d.ai/v1alpha1, kind: EndpointPickerConfig,"
      " plugins: [{type: destination-endpoint-served-verifier}]}");
  have({{}, {}});
  const std::string missing = "fail: missing destination endpoint served metadata";
  EXPECT_EQ(reported(post(prompt_for("m")), "10.0.0.9:3000"), "10.0.0.9:3000");
  EXPECT_EQ(reported(post(prompt_for("m")), ""), missing);
  EXPECT_EQ(reported({.method = "GET", .path = "/"}, "10.0.0.9:3000"), "10.0.0.9:3000");
  EXPECT_EQ(reported({.method = "GET", .path = "/"}, ""), missing);
}

// Clients of ordinary pools are told no addresses.
TEST_F(ServedEndpointTest, IsNobodysBusinessOtherwise) {
  start();
  have({{}, {}});
  EXPECT_EQ(reported(post(prompt_for("m")), "10.0.0.9:3000"), "no header");
  EXPECT_EQ(reported({.method = "GET", .path = "/"}, "10.0.0.9:3000"), "no header");
}

}  // namespace
}  // namespace rage::picker
