#include "apis/meta.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apis/kinds.h"
#include "codec/json_for_test.h"

namespace rage::apis {
namespace {

using codec::json_of;

Condition a_condition(ConditionStatus status, std::string_view reason) {
  Condition condition;
  condition.type = "Ready";
  condition.status = status;
  condition.reason = reason;
  return condition;
}

TEST(Meta, ReadsWhatEveryObjectHas) {
  const ObjectMeta meta = parse_meta(json_of(R"({"metadata":{
      "name":"a","namespace":"ns","uid":"u","resourceVersion":"7","generation":3,
      "creationTimestamp":"2026-01-01T00:00:00Z","deletionTimestamp":"2026-01-02T00:00:00Z",
      "labels":{"x":"y"},"annotations":{"p":"q"},"finalizers":["f"],
      "ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"p","uid":"1"},
        {"apiVersion":"kaito.sh/v1beta1","kind":"Workspace","name":"w","uid":"2",
         "controller":true}]}})"));
  EXPECT_EQ(meta.key().str(), "ns/a");
  EXPECT_EQ(meta.uid, "u");
  EXPECT_EQ(meta.resource_version, "7");
  EXPECT_EQ(meta.generation, 3);
  EXPECT_TRUE(meta.deleting);
  EXPECT_EQ(meta.label("x"), "y");
  EXPECT_EQ(meta.label("y"), "");
  EXPECT_EQ(meta.annotation("p"), "q");
  EXPECT_TRUE(meta.has_finalizer("f"));
  EXPECT_FALSE(meta.has_finalizer("g"));
  ASSERT_NE(meta.controller(), nullptr);
  EXPECT_EQ(meta.controller()->name, "w");
}

TEST(Meta, WhatHasAnotherTypeReadsAsAbsent) {
  for (const char* text : {"null", "[]", "{}", R"({"metadata":[]})", R"({"metadata":{"name":1}})",
                           R"({"metadata":{"labels":["x"],"finalizers":{},"ownerReferences":[3]}})",
                           R"({"metadata":{"generation":"x","labels":{"a":null}}})"}) {
    const ObjectMeta meta = parse_meta(json_of(text));
    EXPECT_EQ(meta.name, "") << text;
    EXPECT_EQ(meta.generation, 0) << text;
    EXPECT_EQ(meta.controller(), nullptr) << text;
  }
}

// Dashboards and `kubectl wait` count from the transition: a rewrite of the same status must not
// move it.
TEST(Conditions, TheTransitionTimeMovesOnlyWithTheStatus) {
  Conditions conditions;
  set_condition(conditions, a_condition(ConditionStatus::kFalse, "Waiting"), "t1");
  set_condition(conditions, a_condition(ConditionStatus::kFalse, "Pulling"), "t2");
  ASSERT_EQ(conditions.size(), 1U);
  EXPECT_EQ(conditions[0].last_transition_time, "t1");
  EXPECT_EQ(conditions[0].reason, "Pulling");
  set_condition(conditions, a_condition(ConditionStatus::kTrue, "Done"), "t3");
  EXPECT_EQ(conditions[0].last_transition_time, "t3");
  EXPECT_TRUE(is_true(conditions, "Ready"));
  remove_condition(conditions, "Ready");
  EXPECT_EQ(find_condition(conditions, "Ready"), nullptr);
}

TEST(Conditions, RenderingIsReadBack) {
  const Conditions conditions = {{.type = "Ready",
                                  .status = ConditionStatus::kUnknown,
                                  .reason = "Progressing",
                                  .message = "pulling",
                                  .observed_generation = 4,
                                  .last_transition_time = "2026-01-01T00:00:00Z"}};
  Json status = Json::object();
  status["conditions"] = render_conditions(conditions);
  EXPECT_EQ(parse_conditions(status), conditions);
  EXPECT_THAT(parse_conditions(json_of(R"({"conditions":[7,{"type":3}]})")), testing::SizeIs(1));
}

// The API server refuses a whole status for one empty reason.
TEST(Conditions, AnEmptyReasonIsNeverWritten) {
  EXPECT_EQ(render_conditions({a_condition(ConditionStatus::kTrue, "")})[0]["reason"], "Ready");
}

TEST(LabelSelector, MatchesAsKubernetesDoes) {
  const LabelSelector selector = parse_label_selector(json_of(R"({"matchLabels":{"a":"1"},
      "matchExpressions":[{"key":"b","operator":"In","values":["x","y"]},
        {"key":"c","operator":"NotIn","values":["z"]},{"key":"d","operator":"Exists"},
        {"key":"e","operator":"DoesNotExist"}]})"));
  EXPECT_EQ(selector.str(), "a=1,b in (x,y),c notin (z),d,!e");
  EXPECT_TRUE(selector.matches({{"a", "1"}, {"b", "y"}, {"d", ""}}));
  EXPECT_FALSE(selector.matches({{"a", "2"}, {"b", "y"}, {"d", ""}}));
  EXPECT_FALSE(selector.matches({{"a", "1"}, {"d", ""}}));
  EXPECT_FALSE(selector.matches({{"a", "1"}, {"b", "y"}, {"c", "z"}, {"d", ""}}));
  EXPECT_FALSE(selector.matches({{"a", "1"}, {"b", "y"}}));
  EXPECT_FALSE(selector.matches({{"a", "1"}, {"b", "y"}, {"d", ""}, {"e", ""}}));
  EXPECT_EQ(parse_label_selector(render_label_selector(selector)), selector);
}

TEST(LabelSelector, AnUnknownOperatorSelectsNothing) {
  const LabelSelector selector = parse_label_selector(
      json_of(R"({"matchExpressions":[{"key":"a","operator":"Gt","values":["1"]}]})"));
  EXPECT_FALSE(selector.matches({{"a", "2"}}));
}

TEST(LabelSelector, OnlyOneValuePerKeyBecomesAMap) {
  const auto as_map = [](std::string_view text) {
    return parse_label_selector(json_of(text)).as_map();
  };
  const Result<StringMap> map = as_map(R"({"matchLabels":{"a":"1"},
      "matchExpressions":[{"key":"b","operator":"In","values":["2"]}]})");
  ASSERT_TRUE(map.has_value());
  EXPECT_EQ(*map, (StringMap{{"a", "1"}, {"b", "2"}}));
  EXPECT_FALSE(as_map(R"({"matchExpressions":[{"key":"b","operator":"In","values":["2","3"]}]})"));
  EXPECT_FALSE(as_map(R"({"matchExpressions":[{"key":"b","operator":"Exists"}]})"));
  EXPECT_FALSE(as_map(R"({"matchLabels":{"b":"1"},
      "matchExpressions":[{"key":"b","operator":"In","values":["2"]}]})"));
}

TEST(Kinds, NameTheirPlaceInTheApi) {
  EXPECT_EQ(workspace_type().api_version(), "kaito.sh/v1beta1");
  EXPECT_EQ(auto_indexer_type().api_version(), "kaito.sh/v1alpha1");
  EXPECT_FALSE(model_mirror_type().namespaced);
  EXPECT_EQ(builtin_type("StatefulSet").api_version(), "apps/v1");
  EXPECT_EQ(builtin_type("Pod").api_version(), "v1");
  EXPECT_FALSE(builtin_type("Node").namespaced);
}

}  // namespace
}  // namespace rage::apis
