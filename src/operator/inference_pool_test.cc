#include "operator/inference_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/inference_set_world_for_test.h"

namespace rage::op {
namespace {

using testing::ElementsAre;

Settings with_extension() {
  Settings settings;
  settings.inference_extension = true;
  return settings;
}

std::vector<ApplyObject> render_pool(const apis::InferenceSet& set) {
  return render_inference_pool(pool_of(set), with_extension());
}

Json find(const std::vector<ApplyObject>& objects, std::string_view kind) {
  for (const ApplyObject& object : objects) {
    if (object.type.kind == kind) return object.object;
  }
  return {};
}

// HTTPRoutes and DestinationRules that users have name these objects.
TEST(InferencePool, SelectsTheFirstPodOfEveryReplica) {
  const Json pool = find(render_pool(a_set(1)), "InferencePool");
  EXPECT_EQ(pool["metadata"]["name"], "phi-inferencepool");
  EXPECT_EQ(pool["apiVersion"], "inference.networking.k8s.io/v1");
  EXPECT_EQ(pool["spec"], Json::parse(R"({
    "selector": {"matchLabels": {"inferenceset.kaito.sh/created-by": "phi",
                                 "apps.kubernetes.io/pod-index": "0"}},
    "targetPorts": [{"number": 5000}],
    "endpointPickerRef": {"name": "phi-inferencepool-epp", "port": {"number": 9002}}})"));
}

TEST(InferencePool, RunsThePickerOfThePool) {
  const auto objects = render_pool(a_set(1));
  const Json pod = find(objects, "Deployment")["spec"]["template"]["spec"];
  EXPECT_EQ(pod["serviceAccountName"], "phi-inferencepool-epp");
  EXPECT_EQ(pod["containers"][0]["args"],
            Json::parse(R"(["epp", "--address", "0.0.0.0", "--pool-name",
                            "phi-inferencepool", "--pool-namespace", "default",
                            "--metrics-endpoint-auth=false"])"));
  EXPECT_EQ(pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"], true);
  EXPECT_EQ(pod["securityContext"]["runAsNonRoot"], true);
  const Json service = find(objects, "Service");
  EXPECT_EQ(service["spec"]["ports"][0]["port"], 9002);
  EXPECT_EQ(service["spec"]["selector"],
            find(objects, "Deployment")["spec"]["template"]["metadata"]["labels"]);
  EXPECT_EQ(find(objects, "RoleBinding")["subjects"][0]["name"],
            find(objects, "ServiceAccount")["metadata"]["name"]);
  for (const ApplyObject& object : objects) {
    EXPECT_EQ(object.object["metadata"]["ownerReferences"][0]["uid"], "5a1f");
  }
}

TEST(InferencePool, IsWantedForAPresetWhoseRuntimeTellsItsLoad) {
  EXPECT_FALSE(wants_inference_pool(a_set(1), {}));
  EXPECT_TRUE(wants_inference_pool(a_set(0), with_extension()));
  apis::InferenceSet set = a_set(1);
  set.template_annotations["kaito.sh/runtime"] = "llamacpp";
  EXPECT_TRUE(wants_inference_pool(set, with_extension()));
  set.template_annotations["kaito.sh/runtime"] = "transformers";
  EXPECT_FALSE(wants_inference_pool(set, with_extension()));
  set = a_set(1);
  set.meta.owners = {{.api_version = "kaito.sh/v1alpha1",
                      .kind = "MultiRoleInference",
                      .name = "m",
                      .uid = "u",
                      .controller = true}};
  EXPECT_FALSE(wants_inference_pool(set, with_extension()));
  set = a_set(1);
  set.inference.preset.reset();
  EXPECT_FALSE(wants_inference_pool(set, with_extension()));
}

// A name the API server refuses would fail every reconcile for ever.
TEST(InferencePool, NamesFitADnsLabel) {
  apis::InferenceSet set = a_set(1);
  set.meta.name = std::string(63, 'a');
  EXPECT_LE(endpoint_picker_name(set.meta).size(), 63U);
  EXPECT_LE(inference_pool_name(set.meta).size(), 63U);
  EXPECT_TRUE(endpoint_picker_name(set.meta).ends_with("-inferencepool-epp"));
}

// Objects that are as they should be are left alone.
TEST(InferencePool, IsAppliedOnce) {
  World world(a_set(0));
  world.settings = with_extension();
  InferenceSetObservation observed;
  Plan plan = plan_inference_set(world.set, observed, world.settings, world.now());
  std::vector<std::string> kinds;
  for (const Change& change : plan.changes) {
    if (const auto* apply = std::get_if<ApplyObject>(&change)) {
      kinds.push_back(apply->type.kind);
      observed.pool_objects.push_back(apply->object);
    }
  }
  EXPECT_THAT(kinds, ElementsAre("ServiceAccount", "Role", "RoleBinding", "Service", "Deployment",
                                 "InferencePool"));
  plan = plan_inference_set(world.set, observed, world.settings, world.now());
  for (const Change& change : plan.changes) {
    EXPECT_FALSE(std::holds_alternative<ApplyObject>(change));
  }
}

}  // namespace
}  // namespace rage::op
