#include "operator/multi_role_inference_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codec/json_for_test.h"
#include "codec/yaml.h"
#include "operator/json_compare.h"

namespace rage::op {
namespace {

using codec::json_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kRolesTime = "2026-01-01T00:00:00Z";

// A pair in a cluster of the mind.
struct RolesWorld {
  Json document = json_of(R"({"apiVersion": "kaito.sh/v1alpha1", "kind": "MultiRoleInference",
    "metadata": {"name": "split", "namespace": "ml", "uid": "u", "generation": 3,
                 "resourceVersion": "1", "annotations": {"kaito.sh/disable-benchmark": "true",
                     "kubectl.kubernetes.io/last-applied-configuration": "{}"}},
    "spec": {"labelSelector": {"matchLabels": {"apps": "x"}},
             "model": {"name": "phi-4", "modelAccessSecret": "token"},
             "roles": [{"type": "prefill", "replicas": 2, "instanceType": "t",
                        "runtimeConfig": "fast"},
                       {"type": "decode"}]}})");
  MultiRoleObservation observed;
  Settings settings;
  std::vector<std::string> events;

  Plan plan() const {
    return plan_multi_role_inference(apis::parse_multi_role_inference(document).value(), observed,
                                     settings, kRolesTime);
  }
  Plan step() {
    Plan plan = this->plan();
    for (const Change& change : plan.changes) {
      std::visit([this](const auto& one) { carry_out(one); }, change);
    }
    for (const PlannedEvent& event : plan.events) events.push_back(event.reason);
    if (plan.status.is_object()) document["status"] = plan.status;
    return plan;
  }
  Json& child(std::string_view name) {
    static Json none;
    for (Json& child : observed.children) {
      if (child["metadata"]["name"] == name) return child;
    }
    return none = Json();
  }
  void make_ready() {
    for (Json& child : observed.children) {
      child["metadata"]["generation"] = 1;
      child["status"]["conditions"] = Json::array({{{"type", "InferenceSetReady"},
                                                    {"status", "True"},
                                                    {"reason", "inferencesetReady"},
                                                    {"observedGeneration", 1}}});
    }
    for (Json& part : observed.pool_objects) {
      if (part["kind"] == "Deployment") {
        part["status"] = {{"updatedReplicas", 1}, {"readyReplicas", 1}};
      }
    }
  }
  std::string reason(std::string_view type) const {
    const auto conditions = apis::parse_conditions(document["status"]);
    const auto* found = apis::find_condition(conditions, type);
    return found == nullptr ? "" : found->reason;
  }

 private:
  static void put(std::vector<Json>& list, const Json& object) {
    for (Json& other : list) {
      if (other["kind"] != object["kind"] || !same_name(other, object)) continue;
      Json next = object;
      if (other.contains("status")) next["status"] = other["status"];
      other = std::move(next);
      return;
    }
    list.push_back(object);
  }
  static bool same_name(const Json& a, const Json& b) {
    return a["metadata"]["name"] == b["metadata"]["name"];
  }
  void carry_out(const ApplyObject& change) {
    put(change.type.kind == "InferenceSet" ? observed.children : observed.pool_objects,
        change.object);
  }
  void carry_out(const DeleteObject& change) {
    std::erase_if(observed.children,
                  [&](const Json& child) { return child["metadata"]["name"] == change.key.name; });
  }
  void carry_out(const PatchObject& change) { document.merge_patch(change.patch); }
  void carry_out(const CreateObject& /*change*/) { FAIL() << "everything is applied"; }
};

std::vector<std::string> names_of(const Plan& plan) {
  std::vector<std::string> names;
  for (const Change& change : plan.changes) {
    if (const auto* apply = std::get_if<ApplyObject>(&change)) {
      names.push_back(apply->type.kind + " " +
                      apply->object["metadata"]["name"].get<std::string>());
    }
  }
  return names;
}

TEST(PlanMultiRoleInference, MakesAnInferenceSetForEachRole) {
  RolesWorld world;
  EXPECT_THAT(names_of(world.step()),
              ElementsAre("InferenceSet split-prefill", "InferenceSet split-decode"));
  EXPECT_EQ(world.document["metadata"]["finalizers"],
            json_of(R"(["multiroleinference.kaito.sh/finalizer"])"));
  const Json& prefill = world.child("split-prefill");
  EXPECT_TRUE(same_json(prefill["spec"], json_of(R"({"replicas": 2,
    "labelSelector": {"matchLabels": {"apps": "x", "kaito.sh/inference-role": "prefill",
                                      "multiroleinference.kaito.sh/created-by": "split"}},
    "template": {
      "metadata": {"labels": {"apps": "x", "kaito.sh/inference-role": "prefill",
                              "multiroleinference.kaito.sh/created-by": "split"},
                   "annotations": {"kaito.sh/disable-benchmark": "true"}},
      "resource": {"instanceType": "t"},
      "inference": {"preset": {"name": "phi-4",
                               "presetOptions": {"modelAccessSecret": "token"}},
                    "config": "fast"}}})")))
      << prefill["spec"].dump(1);
  EXPECT_EQ(prefill["metadata"]["labels"]["kaito.sh/inference-role"], "prefill");
  EXPECT_EQ(prefill["metadata"]["ownerReferences"][0]["uid"], "u");
  const Json& decode = world.child("split-decode");
  EXPECT_FALSE(decode["spec"].contains("replicas"));
  EXPECT_FALSE(decode["spec"]["template"].contains("resource"));
  EXPECT_FALSE(decode["spec"]["template"]["inference"].contains("config"));
}

// The original writes an event at every pass; an idle operator must be idle.
TEST(PlanMultiRoleInference, IsReadyThenQuiet) {
  RolesWorld world;
  world.step();
  EXPECT_EQ(world.reason("PrefillReady"), "PrefillNotFound");
  EXPECT_EQ(world.reason("Ready"), "NotReady");
  world.make_ready();
  world.step();
  EXPECT_EQ(world.reason("PrefillReady"), "PrefillReady");
  EXPECT_EQ(world.reason("DecodeReady"), "DecodeReady");
  EXPECT_EQ(world.reason("InferencePoolReady"), "InferencePoolReady");
  EXPECT_EQ(world.reason("Ready"), "Ready");
  EXPECT_EQ(world.document["status"]["observedGeneration"], 3);
  EXPECT_THAT(world.events, ElementsAre("Reconciled", "Reconciled"));
  const Json before = world.document["status"];
  const Plan idle = world.step();
  EXPECT_THAT(idle.changes, IsEmpty());
  EXPECT_THAT(idle.events, IsEmpty());
  EXPECT_EQ(world.document["status"], before);
}

// The original never clears a runtimeConfig, and old settings live on in the pods.
TEST(PlanMultiRoleInference, WhatIsClearedIsClearedInTheChild) {
  RolesWorld world;
  world.step();
  world.document["spec"]["roles"][0].erase("runtimeConfig");
  world.document["metadata"].erase("annotations");
  EXPECT_THAT(names_of(world.step()),
              ElementsAre("InferenceSet split-prefill", "InferenceSet split-decode"));
  EXPECT_FALSE(world.child("split-prefill")["spec"]["template"]["inference"].contains("config"));
  EXPECT_FALSE(world.child("split-decode")["spec"]["template"]["metadata"].contains("annotations"));
  EXPECT_THAT(world.step().changes, IsEmpty());
}

// A status of before an edit must not pass for the edited one.
TEST(PlanMultiRoleInference, AnOldStatusOfAChildDoesNotCount) {
  RolesWorld world;
  world.step();
  world.make_ready();
  world.child("split-decode")["metadata"]["generation"] = 2;
  world.step();
  EXPECT_EQ(world.reason("DecodeReady"), "DecodeNotReady");
  EXPECT_EQ(world.reason("Ready"), "NotReady");
}

TEST(PlanMultiRoleInference, AChildWithoutARoleGoes) {
  RolesWorld world;
  world.step();
  Json stray = world.child("split-decode");
  stray["metadata"]["name"] = "split-encode";
  world.observed.children.push_back(stray);
  world.step();
  EXPECT_TRUE(world.child("split-encode").is_null());
  EXPECT_EQ(world.observed.children.size(), 2U);
}

TEST(PlanMultiRoleInference, LeavesAnotherOnesInferenceSetAlone) {
  RolesWorld world;
  world.observed.children = {
      json_of(R"({"kind": "InferenceSet", "metadata": {"name": "split-decode",
    "ownerReferences": [{"kind": "MultiRoleInference", "name": "other", "uid": "v",
                         "controller": true}]}})")};
  EXPECT_THAT(names_of(world.step()), ElementsAre("InferenceSet split-prefill"));
  EXPECT_EQ(world.reason("Ready"), "ReconcileFailed");
  world.step();
  EXPECT_THAT(world.events, ElementsAre("Reconciled", "ReconcileFailed"));  // Said once.
  world.document["metadata"]["deletionTimestamp"] = kRolesTime;
  world.step();
  EXPECT_EQ(world.observed.children.size(), 1U);  // Not ours to delete.
}

// --- Pool ----------------------------------------------------------------------------------------

Json find_part(const RolesWorld& world, std::string_view kind) {
  for (const Json& part : world.observed.pool_objects) {
    if (part["kind"] == kind) return part;
  }
  return {};
}

TEST(PlanMultiRoleInference, OnePoolHoldsThePodsOfBothRoles) {
  RolesWorld world;
  world.settings.inference_extension = true;
  world.step();
  EXPECT_EQ(world.reason("InferencePoolReady"), "InferencePoolNotReady");
  const Json pool = find_part(world, "InferencePool");
  EXPECT_EQ(pool["metadata"]["name"], "split-inferencepool");
  EXPECT_EQ(pool["metadata"]["ownerReferences"][0]["kind"], "MultiRoleInference");
  EXPECT_TRUE(same_json(pool["spec"]["selector"]["matchLabels"], json_of(R"({
    "multiroleinference.kaito.sh/created-by": "split", "apps.kubernetes.io/pod-index": "0"})")));
  EXPECT_EQ(find_part(world, "ConfigMap")["data"]["config.yaml"], default_epp_plugins());
  EXPECT_THAT(find_part(world, "Deployment").dump(),
              HasSubstr(R"("--config-file","/config/config.yaml")"));
  world.make_ready();
  world.step();
  EXPECT_EQ(world.reason("Ready"), "Ready");
  EXPECT_THAT(world.step().changes, IsEmpty());
}

TEST(PlanMultiRoleInference, OwnPluginsReplaceTheDefaultAndRestartThePicker) {
  RolesWorld world;
  world.settings.inference_extension = true;
  world.document["spec"]["eppPluginsConfig"] = "plugins";
  world.step();
  EXPECT_EQ(world.reason("Ready"), "ReconcileFailed");
  EXPECT_THAT(world.observed.pool_objects, IsEmpty());
  world.observed.plugins_config = {{"data", {{"config.yaml", "plugins: []"}}}};
  world.step();
  EXPECT_EQ(find_part(world, "ConfigMap")["data"]["config.yaml"], "plugins: []");
  const Json before = find_part(world, "Deployment")["spec"]["template"]["metadata"]["annotations"];
  world.observed.plugins_config["data"]["config.yaml"] = "plugins: [x]";
  world.step();
  EXPECT_NE(find_part(world, "Deployment")["spec"]["template"]["metadata"]["annotations"], before);
}

TEST(DefaultEppPlugins, IsYamlWithBothProfiles) {
  const auto config = codec::parse_yaml(default_epp_plugins());
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ((*config)["kind"], "EndpointPickerConfig");
  ASSERT_EQ((*config)["schedulingProfiles"].size(), 2U);
  for (const Json& profile : (*config)["schedulingProfiles"]) {
    for (const Json& plugin : profile["plugins"]) {
      const auto& all = (*config)["plugins"];
      EXPECT_TRUE(std::ranges::any_of(all, [&](const Json& known) {
        const std::string type = codec::string_or(known, "type", "");
        return codec::string_or(known, "name", type) == codec::string_or(plugin, "pluginRef", "");
      })) << plugin.dump();
    }
  }
}

// --- Deletion ------------------------------------------------------------------------------------

TEST(PlanMultiRoleInference, GoesWhenItsChildrenAreGone) {
  RolesWorld world;
  world.step();
  world.document["metadata"]["deletionTimestamp"] = kRolesTime;
  for (Json& child : world.observed.children) child["metadata"]["deletionTimestamp"] = kRolesTime;
  Plan plan = world.step();
  EXPECT_THAT(plan.changes, IsEmpty());  // On their way already.
  EXPECT_FALSE(plan.release);
  EXPECT_EQ(world.reason("Deleting"), "MultiRoleInferenceDeleted");
  world.observed.children.clear();
  EXPECT_TRUE(world.step().release);
}

}  // namespace
}  // namespace rage::op
