#include <gtest/gtest.h>

#include "apis/model_mirror.h"
#include "apis/multi_role_inference.h"
#include "codec/json_for_test.h"

namespace rage::apis {
namespace {

using codec::json_of;

TEST(ParseModelMirror, ReadsEveryField) {
  const auto mirror = parse_model_mirror(json_of(R"({"metadata": {"name": "m"}, "spec": {
    "source": {"registry": "huggingface", "modelID": "org/model", "accessSecret": {"name": "s"}},
    "storage": {"size": "100Gi", "storageClassName": "nfs"}, "jobNamespace": "ml",
    "serviceAccountName": "puller"}, "status": {"phase": "Ready"}})"));
  ASSERT_TRUE(mirror) << mirror.error().message;
  EXPECT_EQ(mirror->mode, MirrorMode::kManaged);
  EXPECT_EQ(mirror->model_id, "org/model");
  EXPECT_EQ(mirror->access_secret, "s");
  EXPECT_EQ(mirror->size, "100Gi");
  EXPECT_EQ(mirror->storage_class, "nfs");
  EXPECT_EQ(mirror->job_namespace, "ml");
  EXPECT_EQ(mirror->service_account, "puller");
  EXPECT_EQ(mirror->status["phase"], "Ready");
}

TEST(ParseModelMirror, TakesSizesAsNumbersAndRefusesWrongTypes) {
  const auto mirror =
      parse_model_mirror(json_of(R"({"spec": {"mode": "Static", "storage": {"size": 1000000}}})"));
  ASSERT_TRUE(mirror);
  EXPECT_EQ(mirror->mode, MirrorMode::kStatic);
  EXPECT_EQ(mirror->size, "1000000");
  EXPECT_FALSE(parse_model_mirror(json_of(R"({"spec": {"source": "org/model"}})")));
}

TEST(ParseMultiRoleInference, ReadsEveryField) {
  const auto split = parse_multi_role_inference(json_of(R"({"metadata": {"name": "s"}, "spec": {
    "labelSelector": {"matchLabels": {"apps": "x"}},
    "model": {"name": "phi-4", "modelAccessSecret": "t"}, "eppPluginsConfig": "plugins",
    "roles": [{"type": "prefill", "replicas": 2, "instanceType": "i", "runtimeConfig": "c"},
              {"type": "decode"}]}})"));
  ASSERT_TRUE(split) << split.error().message;
  EXPECT_EQ(split->label_selector.match_labels.at("apps"), "x");
  EXPECT_EQ(split->model, "phi-4");
  EXPECT_EQ(split->model_access_secret, "t");
  EXPECT_EQ(split->epp_plugins_config, "plugins");
  ASSERT_EQ(split->roles.size(), 2U);
  EXPECT_EQ(split->roles[0].replicas, 2);
  EXPECT_EQ(split->roles[0].instance_type, "i");
  EXPECT_EQ(split->roles[0].runtime_config, "c");
  EXPECT_EQ(split->roles[1].replicas, std::nullopt);
  EXPECT_FALSE(parse_multi_role_inference(json_of(R"({"spec": {"roles": {}}})")));
}

}  // namespace
}  // namespace rage::apis
