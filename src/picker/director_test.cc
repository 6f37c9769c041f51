// The cases of llm-d's hermetic suite that a picker decides by itself: what proxies and clients of
// the original see, they must see here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "picker/director_for_test.h"

namespace rage::picker {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

std::vector<std::string> destinations(const PickOutcome& outcome) {
  return outcome.pick ? outcome.pick->destinations : std::vector<std::string>{};
}

constexpr char kLoraConfig[] = R"(
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
- type: queue-scorer
- type: kv-cache-utilization-scorer
- type: lora-affinity-scorer
schedulingProfiles:
- name: default
  plugins:
  - {pluginRef: queue-scorer, weight: 1}
  - {pluginRef: kv-cache-utilization-scorer, weight: 1}
  - {pluginRef: lora-affinity-scorer, weight: 4}
)";

TEST_F(DirectorTest, ShorterQueueAndLessCacheWin) {
  start();
  have({{3, .2}, {0, .1}, {10, .2}});
  const PickOutcome outcome = pick(post(prompt_for("my-model")));
  EXPECT_THAT(destinations(outcome), ElementsAre("192.168.1.2:8000"));
  ASSERT_TRUE(outcome.pick);
  EXPECT_FALSE(outcome.pick->body) << "bytes that need not change are passed as they are";
  EXPECT_EQ(outcome.pick->model, "my-model");
  EXPECT_EQ(outcome.pick->scores.size(), 1);
  EXPECT_EQ(metric(R"(inference_objective_request_total{model_name="my-model",)"
                   R"(target_model_name="my-model",priority="0"})"),
            1);
  EXPECT_EQ(metric(R"(inference_pool_ready_pods{name="pool"})"), 3);
  EXPECT_EQ(metric(R"(llm_d_epp_request_running{model_name="my-model",)"
                   R"(target_model_name="my-model",fairness_id="default-flow",priority="0"})"),
            1);
}

TEST_F(DirectorTest, AnActiveAdapterAndAShortQueueWin) {
  start(kLoraConfig);
  have({{0, .2, {"foo"}}, {0, .1, {"sql-lora"}}, {10, .2, {"foo"}}});
  EXPECT_THAT(destinations(pick(post(prompt_for("sql-lora")))), ElementsAre("192.168.1.2:8000"));
}

TEST_F(DirectorTest, AnActiveAdapterBeatsTheCache) {
  start(kLoraConfig);
  have({{10, .2, {"foo"}}, {10, .4, {"sql-lora"}}, {10, .3, {"foo"}}});
  EXPECT_THAT(destinations(pick(post(prompt_for("sql-lora")))), ElementsAre("192.168.1.2:8000"));
}

TEST_F(DirectorTest, WithoutPriorityNothingIsShed) {
  start(kLoraConfig);
  have({{6, .2, {"sql-lora"}}, {0, .85, {"foo"}}, {10, .9, {"foo"}}});
  EXPECT_THAT(destinations(pick(post(prompt_for("sql-lora")))), ElementsAre("192.168.1.1:8000"));
}

TEST_F(DirectorTest, BodiesOfOtherPathsAreRoutedUntouched) {
  start();
  have({{0, .1}});
  const PickOutcome outcome = pick(post("no JSON at all", {}, "/v1/other"));
  EXPECT_THAT(destinations(outcome), ElementsAre("192.168.1.1:8000"));
  EXPECT_FALSE(outcome.pick->body);
  EXPECT_FALSE(outcome.pick->exchange->wants_response_body());
}

struct RefusalCase {
  const char* name;
  std::string body = {};
  std::optional<std::vector<std::string>> subset = {};
  bool has_body = true;
  bool has_pods = true;
  int status;
  std::string_view text;
  std::string_view dropped = "";
};

TEST_F(DirectorTest, RefusesWithTheTextsOfTheOriginal) {
  constexpr std::string_view kNoCandidates =
      "inference error: ServiceUnavailable - failed to find endpoint candidates for serving the "
      "request";
  const RefusalCase cases[] = {
      {.name = "no JSON",
       .body = "no healthy upstream",
       .status = 400,
       .text = "inference error: BadRequest - "},
      {.name = "no model",
       .body = R"({"prompt":"test"})",
       .status = 400,
       .text = "inference error: BadRequest - model not found in request body"},
      {.name = "subset without a match",
       .body = prompt_for("m"),
       .subset = {{"192.168.9.9:8000"}},
       .status = 503,
       .text = kNoCandidates,
       .dropped = "rejected-no-endpoints"},
      {.name = "empty subset",
       .body = prompt_for("m"),
       .subset = {std::vector<std::string>{}},
       .status = 503,
       .text = kNoCandidates,
       .dropped = "rejected-no-endpoints"},
      {.name = "another port",
       .body = prompt_for("m"),
       .subset = {{"192.168.1.1:9000"}},
       .status = 503,
       .text = kNoCandidates,
       .dropped = "rejected-no-endpoints"},
      {.name = "no pods",
       .body = prompt_for("m"),
       .has_pods = false,
       .status = 503,
       .text = kNoCandidates,
       .dropped = "rejected-no-endpoints"},
      {.name = "no pods, no body",
       .has_body = false,
       .has_pods = false,
       .status = 500,
       .text = "inference error: Internal - no pods available in datastore"},
      {.name = "subset without a match, no body",
       .subset = {{"192.168.9.9:8000"}},
       .has_body = false,
       .status = 503,
       .text = kNoCandidates,
       .dropped = "rejected-no-endpoints"},
  };
  start();
  for (const RefusalCase& c : cases) {
    SCOPED_TRACE(c.name);
    have(c.has_pods ? std::vector<Load>{{0, .1}, {0, .2}} : std::vector<Load>{});
    PickRequest request = post(c.body);
    if (!c.has_body) request.body = nullptr;
    request.subset = c.subset;
    const PickOutcome outcome = pick(std::move(request));
    ASSERT_TRUE(outcome.refusal);
    EXPECT_FALSE(outcome.pick);
    EXPECT_EQ(outcome.refusal->status, c.status);
    EXPECT_THAT(outcome.refusal->text(), StartsWith(c.text));
    EXPECT_EQ(outcome.refusal->dropped_reason, c.dropped);
  }
  EXPECT_EQ(metric(R"(inference_objective_request_error_total{model_name="m",)"
                   R"(target_model_name="m",error_code="ServiceUnavailable"})"),
            4);
}

TEST_F(DirectorTest, ASubsetLimitsTheChoice) {
  start();
  have({{3, .2}, {0, .1}, {10, .2}});
  const auto within = [&](std::vector<std::string> subset) {
    PickRequest request = post(prompt_for("m"));
    request.subset = std::move(subset);
    return destinations(pick(std::move(request)));
  };
  EXPECT_THAT(within({"192.168.1.1:8000", "192.168.1.2:8000", "192.168.1.3:8000"}),
              ElementsAre("192.168.1.2:8000"));
  EXPECT_THAT(within({"192.168.1.3:8000", "10.0.0.9:8000"}), ElementsAre("192.168.1.3:8000"));
}

TEST_F(DirectorTest, ARequestWithoutBodyGoesToAnyEndpointOfTheSubset) {
  start();
  have({{0, .1}, {0, .1}, {0, .1}});
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const PickOutcome outcome = pick({.method = "GET", .path = "/v1/models", .body = nullptr});
    ASSERT_TRUE(outcome.pick);
    EXPECT_TRUE(outcome.pick->request_headers.empty());
    EXPECT_FALSE(outcome.pick->exchange->wants_response_body());
    seen.insert(outcome.pick->destinations.begin(), outcome.pick->destinations.end());
  }
  EXPECT_EQ(seen.size(), 3);
  PickRequest limited{.method = "GET", .path = "/v1/models", .body = nullptr};
  limited.subset = {{"192.168.1.2:8000"}};
  EXPECT_THAT(destinations(pick(limited)), ElementsAre("192.168.1.2:8000"));
}

TEST_F(DirectorTest, ARewrittenModelReachesBodyHeaderAndMetrics) {
  start();
  const auto rewrite = routing::parse_inference_model_rewrite(*codec::parse_json(R"({
    "apiVersion":"llm-d.ai/v1alpha2","kind":"InferenceModelRewrite",
    "metadata":{"name":"canary","namespace":"default","creationTimestamp":"2026-01-01T00:00:00Z"},
    "spec":{"poolRef":{"name":"pool"},"rules":[
      {"matches":[{"model":{"value":"direct"}}],"targets":[{"modelRewrite":"direct-v2"}]}]}})"));
  ASSERT_TRUE(rewrite) << rewrite.error().message;
  source_->push({.endpoints = pods({{0, .1}}),
                 .rewrites = std::make_shared<const routing::ModelRewrites>(std::vector{*rewrite},
                                                                            "default", "pool")});
  const PickOutcome outcome = pick(post(R"({ "model" : "direct", "seed":12345678901234567890 })"));
  ASSERT_TRUE(outcome.pick);
  EXPECT_EQ(outcome.pick->body, R"({ "model" : "direct-v2", "seed":12345678901234567890 })");
  EXPECT_EQ(outcome.pick->model, "direct");
  EXPECT_TRUE(outcome.pick->exchange->may_change_body());
  EXPECT_EQ(metric(R"(llm_d_epp_model_rewrite_decisions_total{model_rewrite_name="canary",)"
                   R"(model_name="direct",target_model="direct-v2"})"),
            1);
  EXPECT_EQ(metric(R"(inference_objective_request_total{model_name="direct",)"
                   R"(target_model_name="direct-v2",priority="0"})"),
            1);
  // A header overrides the rules, and supplies a model where the body has none.
  const net::Headers header = {{"x-llm-d-model-name-rewrite", "forced"}};
  EXPECT_EQ(pick(post(prompt_for("direct"), header)).pick->body,
            R"({"model":"forced","prompt":"test","max_tokens":100})");
  EXPECT_EQ(pick(post(R"({"prompt":"test"})", header)).pick->body,
            R"({"model":"forced","prompt":"test"})");
  EXPECT_EQ(pick(post("{}", header)).pick->body, R"({"model":"forced"})");
}

routing::InferenceObjective an_objective(std::string name, std::int32_t priority) {
  return {
      .name_space = "default",
      .name = std::move(name),
      .pool = {.group = std::string(routing::kPoolGroup), .kind = "InferencePool", .name = "pool"},
      .priority = priority};
}

TEST_F(DirectorTest, AFullPoolTurnsAwayWhatIsSheddable) {
  start();
  const auto objectives = std::make_shared<const routing::Objectives>(
      std::vector{an_objective("batch", -1), an_objective("chat", 2)}, "default", "pool");
  source_->push({.endpoints = pods({{6, .2}, {7, .9}}), .objectives = objectives});
  const PickOutcome shed = pick(post(prompt_for("m"), {{"x-llm-d-inference-objective", "batch"}}));
  ASSERT_TRUE(shed.refusal);
  EXPECT_EQ(shed.refusal->status, 429);
  EXPECT_EQ(shed.refusal->dropped_reason, "rejected-saturated");
  EXPECT_TRUE(shed.refusal->retry_after);
  EXPECT_TRUE(pick(post(prompt_for("m"), {{"x-gateway-inference-objective", "chat"}})).pick);
  EXPECT_TRUE(pick(post(prompt_for("m"), {{"x-llm-d-inference-objective", "unknown"}})).pick);
  EXPECT_EQ(metric(R"(llm_d_epp_request_total{model_name="m",target_model_name="m",)"
                   R"(fairness_id="default-flow",priority="2"})"),
            1);
  source_->push({.endpoints = pods({{0, .2}, {0, .2}}), .objectives = objectives});
  EXPECT_TRUE(pick(post(prompt_for("m"), {{"x-llm-d-inference-objective", "batch"}})).pick);
}

// Upstream answers 500 to what its admission plug-ins deny, and clients do not come back.
TEST_F(DirectorTest, WhatAnAdmitterDeniesIsA429) {
  start(
      "{apiVersion: llm-d.ai/v1, kind: EndpointPickerConfig, "
      "plugins: [{type: probabilistic-admitter}]}");
  const auto objectives = std::make_shared<const routing::Objectives>(
      std::vector{an_objective("batch", -1)}, "default", "pool");
  source_->push({.endpoints = pods({{4, .7}}), .objectives = objectives});
  const PickOutcome shed = pick(post(prompt_for("m"), {{"x-llm-d-inference-objective", "batch"}}));
  ASSERT_TRUE(shed.refusal);
  EXPECT_EQ(shed.refusal->status, 429);
  EXPECT_EQ(shed.refusal->dropped_reason, "rejected-saturated");
  EXPECT_TRUE(shed.refusal->retry_after);
  EXPECT_TRUE(pick(post(prompt_for("m"))).pick);
}

TEST_F(DirectorTest, PreferIfAvailableNeedsAKnownPrefix) {
  start();
  have({{0, .1}});
  const std::string body = R"({"model":"m","prompt":")" + std::string(2000, 'x') + R"("})";
  const net::Headers headers = {{"prefer", "respond-async, If-Available"}};
  const PickOutcome cold = pick(post(body, headers));
  ASSERT_TRUE(cold.refusal);
  EXPECT_EQ(cold.refusal->status, 412);
  EXPECT_TRUE(pick(post(body)).pick);  // Teaches the prefix.
  EXPECT_TRUE(pick(post(body, headers)).pick);
}

TEST_F(DirectorTest, KeepsTheClientsRequestIdAndMakesOneWhereThereIsNone) {
  start();
  have({{0, .1}});
  const auto made = pick(post(prompt_for("m"))).pick->request_headers;
  ASSERT_EQ(made.size(), 1);
  EXPECT_EQ(made[0].first, "x-request-id");
  EXPECT_EQ(made[0].second.size(), 36);
  EXPECT_TRUE(
      pick(post(prompt_for("m"), {{"x-request-id", "mine"}})).pick->request_headers.empty());
}

TEST_F(DirectorTest, IsReadyOnceThePoolIsKnownAndRefusesAfterDraining) {
  start();
  EXPECT_FALSE(director_->ready());
  have({{0, .1}});
  EXPECT_TRUE(director_->ready());
  EXPECT_TRUE(codec::parse_json(director_->debug_state()));
  director_->begin_drain();
  EXPECT_FALSE(director_->ready());
  const PickOutcome outcome = pick(post(prompt_for("m")));
  ASSERT_TRUE(outcome.refusal);
  EXPECT_EQ(outcome.refusal->status, 503);
  EXPECT_EQ(outcome.refusal->dropped_reason, "rejected-shutting-down");
}

// A session or model name that a client makes up must not fill our memory.
TEST_F(DirectorTest, LabelsThatClientsChooseAreCapped) {
  DirectorOptions options;
  options.metrics = {.models_max = 2, .fairness_ids_max = 1, .sets_max = 3};
  start("", &options);
  have({{0, .1}});
  for (int i = 0; i < 10; ++i) {
    const std::string name = "m" + std::to_string(i);
    ASSERT_TRUE(pick(post(prompt_for(name), {{"x-llm-d-inference-fairness-id", name}})).pick);
  }
  EXPECT_EQ(metric(R"(llm_d_epp_request_total{model_name="m0",target_model_name="m0",)"
                   R"(fairness_id="m0",priority="0"})"),
            1);
  EXPECT_EQ(metric(R"(llm_d_epp_request_total{model_name="other",target_model_name="other",)"
                   R"(fairness_id="other",priority="0"})"),
            8);
}

}  // namespace
}  // namespace rage::picker
