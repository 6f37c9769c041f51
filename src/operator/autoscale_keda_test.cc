#include "operator/autoscale_keda.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "base/files.h"
#include "kube/fake_client_for_test.h"
#include "operator/inference_set_world_for_test.h"
#include "test_paths.h"

namespace rage::op {
namespace {

using testing::HasSubstr;

Settings with_keda() {
  Settings settings;
  settings.autoscaler = Autoscaler::kKeda;
  return settings;
}

apis::InferenceSet a_scaled_set() {
  apis::InferenceSet set = a_set(1);
  set.meta.annotations[std::string(kAutoProvision)] = "true";
  set.meta.annotations["scaledobject.kaito.sh/threshold"] = "10";
  set.meta.annotations["scaledobject.kaito.sh/max-replicas"] = "5";
  return set;
}

Plan planned(const apis::InferenceSet& set, const Json& scaled_object,
             const Settings& settings = with_keda()) {
  InferenceSetObservation observed;
  observed.scaled_object = scaled_object;
  return plan_inference_set(set, observed, settings, "2026-01-01T00:00:00Z");
}

template <class T>
std::vector<T> scaled_objects(const Plan& plan) {
  std::vector<T> found;
  for (const Change& change : plan.changes) {
    const auto* item = std::get_if<T>(&change);
    if (item != nullptr && item->type == scaled_object_type()) found.push_back(*item);
  }
  return found;
}

apis::Condition scaling_of(const Plan& plan) {
  const auto conditions = apis::parse_conditions(plan.status);
  const auto* found = apis::find_condition(conditions, "ScalingActive");
  return found == nullptr ? apis::Condition{} : *found;
}

// keda-kaito-scaler finds the set by what the trigger says; RAGE_WRITE_GOLDEN=1 rewrites the file.
TEST(ScaledObject, IsWhatTheExternalScalerExpects) {
  apis::InferenceSet set = a_scaled_set();
  const Json object = render_scaled_object(set, *parse_scale_settings(set, 0), with_keda());
  const std::filesystem::path path =
      test::source_dir() / "src/operator/testdata/scaled_object.json";
  const std::string text = codec::render_json_pretty(object) + "\n";
  if (std::getenv("RAGE_WRITE_GOLDEN") != nullptr) {
    ASSERT_TRUE(write_file_atomically(path, text));
    return;
  }
  const auto golden = read_file(path, 1 << 20);
  ASSERT_TRUE(golden) << golden.error().message;
  EXPECT_EQ(text, *golden);
}

// Without a replica there is no metric: KEDA would never bring the set back.
TEST(ScaledObject, NeverGoesToZero) {
  apis::InferenceSet set = a_scaled_set();
  set.meta.annotations["scaledobject.kaito.sh/min-replicas"] = "0";
  const Json object = render_scaled_object(set, *parse_scale_settings(set, 0), with_keda());
  EXPECT_EQ(object["spec"]["minReplicaCount"], 1);
  EXPECT_THAT(scaling_of(planned(set, nullptr)).message, HasSubstr("not to zero"));
}

TEST(ScaledObject, IsAppliedOnceAndGoesWithTheAnnotation) {
  apis::InferenceSet set = a_scaled_set();
  Plan plan = planned(set, nullptr);
  auto applied = scaled_objects<ApplyObject>(plan);
  ASSERT_EQ(applied.size(), 1U);
  EXPECT_EQ(scaling_of(plan).reason, "ScaledObjectManaged");
  Json there = applied[0].object;
  there["metadata"]["uid"] = "so-1";
  there["metadata"]["finalizers"] = {"finalizer.keda.sh"};
  there["metadata"]["labels"]["scaledobject.keda.sh/name"] = "phi";
  EXPECT_TRUE(scaled_objects<ApplyObject>(planned(set, there)).empty());

  set.meta.annotations["scaledobject.kaito.sh/max-replicas"] = "6";
  applied = scaled_objects<ApplyObject>(planned(set, there));
  ASSERT_EQ(applied.size(), 1U);
  EXPECT_EQ(applied[0].object["spec"]["maxReplicaCount"], 6);

  set.meta.annotations.erase(std::string(kAutoProvision));
  plan = planned(set, there);
  const auto deleted = scaled_objects<DeleteObject>(plan);
  ASSERT_EQ(deleted.size(), 1U);
  EXPECT_EQ(deleted[0].uid, "so-1");
  EXPECT_EQ(scaling_of(plan).type, "");
  EXPECT_TRUE(scaled_objects<DeleteObject>(planned(set, nullptr)).empty());
}

// A ScaledObject that somebody wrote, or that keda-kaito-scaler made, is not fought over.
TEST(ScaledObject, OfSomebodyElseIsLeftAlone) {
  const apis::InferenceSet set = a_scaled_set();
  const Json theirs = {{"metadata", {{"name", "phi"}, {"uid", "x"}}}, {"spec", Json::object()}};
  const Plan plan = planned(set, theirs);
  EXPECT_TRUE(scaled_objects<ApplyObject>(plan).empty());
  EXPECT_TRUE(scaled_objects<DeleteObject>(plan).empty());
  EXPECT_EQ(scaling_of(plan).reason, "ForeignScaledObject");
}

TEST(ScaledObject, ItsTroubleIsShown) {
  const apis::InferenceSet set = a_scaled_set();
  Json there = scaled_objects<ApplyObject>(planned(set, nullptr)).at(0).object;
  there["status"]["conditions"] =
      Json::array({{{"type", "Ready"}, {"status", "False"}, {"message", "no such scaler"}}});
  const apis::Condition condition = scaling_of(planned(set, there));
  EXPECT_EQ(condition.status, apis::ConditionStatus::kFalse);
  EXPECT_EQ(condition.message, "KEDA says: no such scaler");
}

TEST(ScaledObject, WrongAnnotationsAreACondition) {
  apis::InferenceSet set = a_scaled_set();
  Json there = scaled_objects<ApplyObject>(planned(set, nullptr)).at(0).object;
  there["metadata"]["uid"] = "so-1";
  set.meta.annotations["scaledobject.kaito.sh/threshold"] = "many";
  const Plan plan = planned(set, there);
  EXPECT_EQ(scaling_of(plan).reason, "InvalidAnnotations");
  EXPECT_THAT(scaling_of(plan).message, HasSubstr("threshold"));
  EXPECT_EQ(scaled_objects<DeleteObject>(plan).size(), 1U);
}

// The scaler's findings appear in the status, and stay there while a new operator has none yet.
TEST(NativeScaling, IsToldInTheStatus) {
  apis::InferenceSet set = a_scaled_set();
  InferenceSetObservation observed;
  observed.scaling = {apis::ConditionStatus::kTrue, "ValidMetricFound", "scaled"};
  Plan plan = plan_inference_set(set, observed, {}, "2026-01-01T00:00:00Z");
  EXPECT_EQ(scaling_of(plan).message, "scaled");
  EXPECT_TRUE(scaled_objects<ApplyObject>(plan).empty());
  set.status = plan.status;
  EXPECT_EQ(scaling_of(planned(set, nullptr, {})).message, "scaled");
  Settings off;
  off.autoscaler = Autoscaler::kOff;
  EXPECT_EQ(scaling_of(planned(set, nullptr, off)).type, "");
}

TEST(NativeScaling, AtZeroTheStatusSaysWhatWakesTheSet) {
  apis::InferenceSet set = a_scaled_set();
  set.replicas = 0;
  const auto ready = [&] {
    const Plan plan = planned(set, nullptr, {});
    const auto conditions = apis::parse_conditions(plan.status);
    return apis::find_condition(conditions, "InferenceSetReady")->message;
  };
  EXPECT_THAT(ready(), HasSubstr("until spec.replicas is raised"));
  set.meta.annotations["scaledobject.kaito.sh/min-replicas"] = "0";
  EXPECT_THAT(ready(), HasSubstr("requests are refused; wakes on the annotation rage.dev/wake"));
}

TEST(DiscoverAutoscaler, KedaWhereItIsInstalled) {
  kube::FakeKubeClient client;
  EXPECT_EQ(discover_autoscaler({}, client).value(), Autoscaler::kNative);
  client.set_raw("/apis/keda.sh/v1alpha1",
                 R"({"resources": [{"name": "triggerauthentications"}]})");
  EXPECT_EQ(discover_autoscaler({}, client).value(), Autoscaler::kNative);
  client.set_raw("/apis/keda.sh/v1alpha1", R"({"resources": [{"name": "scaledobjects"}]})");
  EXPECT_EQ(discover_autoscaler({}, client).value(), Autoscaler::kKeda);
  client.intercept([](const auto&) -> Result<void> {
    return fail(ErrorCode::kUnavailable, "connection refused");
  });
  EXPECT_FALSE(discover_autoscaler({}, client));
}

}  // namespace
}  // namespace rage::op
