#include "routing/objectives.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codec/json_for_test.h"
#include "codec/yaml.h"

namespace rage::routing {
namespace {

using codec::yaml_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

InferenceModelRewrite rewrite(std::string_view name, std::string_view created,
                              std::string_view rules) {
  const std::string text = fmt::format(R"(
apiVersion: llm-d.ai/v1alpha2
kind: InferenceModelRewrite
metadata: {{name: {}, namespace: ns, creationTimestamp: "{}"}}
spec: {{poolRef: {{name: pool}}, rules: {}}}
)",
                                       name, created, rules);
  return parse_inference_model_rewrite(yaml_of(text)).value();
}

TEST(InferenceObjective, DefaultsAndLegacyGroup) {
  const auto objective = parse_inference_objective(yaml_of(R"(
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceObjective
metadata: {name: batch, namespace: ns}
spec: {poolRef: {name: pool}}
)"));
  ASSERT_TRUE(objective) << objective.error().message;
  EXPECT_EQ(objective->priority, 0);
  EXPECT_TRUE(objective->pool.is_pool("pool"));
}

TEST(InferenceObjective, RefusesWhatTheSchemaRefuses) {
  const struct {
    const char* spec;
    const char* message;
  } kCases[] = {{"{}", "spec.poolRef: is required"},
                {"{poolRef: {}}", "spec.poolRef.name"},
                {"{poolRef: {name: p}, priority: high}", "spec.priority"},
                {"{poolRef: {name: p}, priority: 1.5}", "spec.priority"},
                {"{poolRef: {name: p}, priority: 2147483648}", "spec.priority"},
                {"{poolRef: {name: p}, priority: 18446744073709551615}", "spec.priority"}};
  for (const auto& test : kCases) {
    const auto objective = parse_inference_objective(
        yaml_of(fmt::format("{{apiVersion: llm-d.ai/v1alpha2, kind: InferenceObjective, "
                            "metadata: {{name: a}}, spec: {}}}",
                            test.spec)));
    ASSERT_FALSE(objective) << test.spec;
    EXPECT_THAT(objective.error().message, HasSubstr(test.message));
  }
  EXPECT_FALSE(parse_inference_objective(yaml_of("{kind: Pod}")));
  EXPECT_FALSE(parse_inference_objective(yaml_of("[]")));
}

TEST(Objectives, PriorityByName) {
  const auto objective = [](const char* ns, const char* name, const char* pool, int priority) {
    return InferenceObjective{.name_space = ns,
                              .name = name,
                              .pool = {"inference.networking.k8s.io", "InferencePool", pool},
                              .priority = priority};
  };
  const Objectives objectives(
      {objective("ns", "high", "pool", 100), objective("ns", "low", "pool", -5),
       objective("ns", "other", "other-pool", 7), objective("elsewhere", "far", "pool", 9)},
      "ns", "pool");
  EXPECT_EQ(objectives.priority_of("high"), 100);
  EXPECT_EQ(objectives.priority_of("low"), -5);
  EXPECT_EQ(objectives.priority_of("other"), 0);
  EXPECT_EQ(objectives.priority_of("far"), 0);
  EXPECT_EQ(objectives.priority_of(""), 0);
  EXPECT_THAT(objectives.priorities(), ElementsAre(-5, 100));
}

constexpr const char* kGeneric = "[{targets: [{modelRewrite: generic}]}]";

std::string exact(std::string_view target) {
  return fmt::format(
      "[{{matches: [{{model: {{value: llama}}}}], targets: [{{modelRewrite: {}}}]}}]", target);
}

// Two rewrites for one model must not take turns by chance: users would get now this model, now
// that.
TEST(ModelRewrites, Precedence) {
  const auto old_generic = rewrite("g", "2025-01-01T00:00:00Z", kGeneric);
  const auto older = rewrite("z", "2025-02-01T00:00:00Z", exact("older"));
  const auto newer = rewrite("a", "2025-03-01T00:00:00Z", exact("newer"));
  const auto same_time = rewrite("w", "2025-02-01T00:00:00Z", exact("same-time"));
  const auto two_rules =
      rewrite("two", "2024-01-01T00:00:00Z",
              "[{targets: [{modelRewrite: generic-of-two}]}, "
              "{matches: [{model: {value: llama}}, {model: {value: phi}}], "
              "targets: [{modelRewrite: first}]}, "
              "{matches: [{model: {value: llama}}], targets: [{modelRewrite: second}]}]");
  const struct {
    const char* what;
    std::vector<InferenceModelRewrite> all;
    const char* model;
    const char* target;  // Empty: no rule applies.
  } kCases[] = {
      {"exact before generic", {old_generic, newer}, "llama", "newer"},
      {"generic for the others", {old_generic, newer}, "phi", "generic"},
      {"generic for a request without model", {old_generic, newer}, "", "generic"},
      {"the older", {newer, older}, "llama", "older"},
      {"whatever their order", {older, newer}, "llama", "older"},
      {"at one time by name", {older, same_time}, "llama", "same-time"},
      {"the earlier rule", {two_rules}, "llama", "first"},
      {"any of its matches", {two_rules}, "phi", "first"},
      {"exact, though after a generic", {two_rules}, "mistral", "generic-of-two"},
      {"case matters", {newer}, "Llama", ""},
      {"none", {}, "llama", ""},
      {"not without model", {newer}, "", ""},
  };
  for (const auto& test : kCases) {
    const ModelRewrites rewrites(test.all, "ns", "pool");
    const auto choice = rewrites.resolve(test.model, 0.5);
    EXPECT_EQ(choice ? choice->model : "", test.target) << test.what;
  }
  EXPECT_FALSE(ModelRewrites({older}, "ns", "other").resolve("llama", 0));
  EXPECT_FALSE(ModelRewrites({older}, "other", "pool").resolve("llama", 0));
}

TEST(ModelRewrites, TargetsByWeight) {
  const auto shares = [](const char* targets) {
    const ModelRewrites rewrites({rewrite("r", "", fmt::format("[{{targets: {}}}]", targets))},
                                 "ns", "pool");
    std::map<std::string, int> out;
    for (int i = 0; i < 100; ++i) {
      ++out[std::string(rewrites.resolve("llama", (i + 0.5) / 100)->model)];
    }
    return out;
  };
  using Shares = std::map<std::string, int>;
  EXPECT_EQ(shares("[{modelRewrite: a, weight: 90}, {modelRewrite: b, weight: 10}]"),
            (Shares{{"a", 90}, {"b", 10}}));
  EXPECT_EQ(shares("[{modelRewrite: a}, {modelRewrite: b}]"), (Shares{{"a", 50}, {"b", 50}}));
  EXPECT_EQ(shares("[{modelRewrite: a}, {modelRewrite: b, weight: 3}]"), (Shares{{"b", 100}}));
}

TEST(ModelRewrites, RefusesWhatTheSchemaRefuses) {
  const struct {
    const char* rules;
    const char* message;
  } kCases[] = {
      {"[{}]", "targets: is required"},
      {"[{targets: [{}]}]", "modelRewrite: is required"},
      {"[{targets: [{modelRewrite: a, weight: 0}]}]", "weight"},
      {"[{targets: [{modelRewrite: a, weight: 1000001}]}]", "weight"},
      {"[{targets: [{modelRewrite: a}], matches: [{}]}]", "model: is required"},
      {"[{targets: [{modelRewrite: a}], matches: [{model: {type: Regex, value: b}}]}]", "Exact"},
      {"[{targets: [{modelRewrite: a}], matches: [{model: {}}]}]", "value: is required"},
      {"no list", "rules: must be a list"},
  };
  for (const auto& test : kCases) {
    const auto parsed = parse_inference_model_rewrite(
        yaml_of(fmt::format("{{apiVersion: llm-d.ai/v1alpha2, kind: InferenceModelRewrite, "
                            "metadata: {{name: a}}, spec: {{poolRef: {{name: p}}, rules: {}}}}}",
                            test.rules)));
    ASSERT_FALSE(parsed) << test.rules;
    EXPECT_THAT(parsed.error().message, HasSubstr(test.message));
  }
}

TEST(ChooseTargetModel, HeaderThenRulesThenBody) {
  const ModelRewrites rewrites({rewrite("r", "", exact("tuned"))}, "ns", "pool");
  const struct {
    const char* body;
    const char* header;
    const char* target;
    const char* applied;
  } kCases[] = {{"llama", "", "tuned", "r"},
                {"llama", "forced", "forced", ""},
                {"", "forced", "forced", ""},
                {"phi", "", "phi", ""}};
  for (const auto& test : kCases) {
    const auto chosen = choose_target_model(test.body, test.header, rewrites, 0);
    ASSERT_TRUE(chosen);
    EXPECT_EQ(chosen->model, test.target);
    EXPECT_EQ(chosen->rewrite, test.applied);
  }
  const auto none = choose_target_model("", "", rewrites, 0);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().message, "model not found in request body");
}

}  // namespace
}  // namespace rage::routing
