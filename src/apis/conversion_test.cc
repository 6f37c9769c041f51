#include "apis/conversion.h"

#include <gtest/gtest.h>

#include "apis/crds.h"
#include "apis/random_document_for_test.h"
#include "codec/documents.h"
#include "codec/json_for_test.h"

namespace rage::apis {
namespace {

using codec::json_of;

constexpr const char* kOld = "kaito.sh/v1alpha1";
constexpr const char* kNew = "kaito.sh/v1beta1";

Json converted(const Json& document, const char* to) {
  const Result<Json> result = convert(document, to);
  EXPECT_TRUE(result.has_value()) << result.error().message;
  return result ? *result : Json();
}

class Conversion : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Kinds, Conversion,
                         testing::Values("Workspace", "InferenceSet", "RAGEngine"),
                         [](const auto& kind) { return std::string(kind.param); });

ResourceType type_in(const char* version) {
  return {.group = "kaito.sh",
          .version = version,
          .kind = Conversion::GetParam(),
          .plural = "",
          .namespaced = true};
}

// A client of the old version that reads and writes an object back must not lose what it does not
// know: with the original it does.
TEST_P(Conversion, ThereAndBackIsTheSame) {
  RandomDocuments random(7);
  for (int i = 0; i < 60; ++i) {
    const Json fresh = random.document(GetParam(), "v1beta1");
    const Json back = converted(converted(fresh, kOld), kNew);
    ASSERT_TRUE(codec::same_json(fresh, back)) << fresh << "\n" << back;
    Json old = random.document(GetParam(), "v1alpha1");
    static_cast<void>(check_schema(type_in("v1alpha1"), old));  // For the defaults.
    const Json old_back = converted(converted(old, kNew), kOld);
    ASSERT_TRUE(codec::same_json(old, old_back)) << old << "\n" << old_back;
  }
}

// The API server prunes and fills in what comes through the old version.
TEST_P(Conversion, SurvivesTheOldVersionsSchema) {
  RandomDocuments random(8);
  for (int i = 0; i < 40; ++i) {
    Json fresh = random.document(GetParam(), "v1beta1");
    static_cast<void>(check_schema(type_in("v1beta1"), fresh));  // Only for the defaults.
    Json old = converted(fresh, kOld);
    static_cast<void>(check_schema(type_in("v1alpha1"), old));
    const Json back = converted(old, kNew);
    ASSERT_TRUE(codec::same_json(fresh, back)) << fresh << "\n" << back;
  }
}

TEST_P(Conversion, NeverEndsTheProcess) {
  RandomDocuments random(9);
  int converted_count = 0;
  for (int i = 0; i < 100; ++i) {
    Json document = random.document(GetParam(), i % 2 == 0 ? "v1beta1" : "v1alpha1");
    random.damage(document);
    if (convert(document, kOld).has_value()) ++converted_count;
    if (convert(document, kNew).has_value()) ++converted_count;
  }
  EXPECT_GT(converted_count, 0);
}

TEST(ConvertWorkspace, WhatTheOldVersionCannotSayTravelsInAnAnnotation) {
  const Json old = converted(json_of(R"({"apiVersion":"kaito.sh/v1beta1","kind":"Workspace",
      "metadata":{"name":"w"},"resource":{"instanceType":"t","labelSelector":{},
      "partition":{"mode":"accelerator","count":2}},"status":{"state":"Ready"}})"),
                             kOld);
  EXPECT_FALSE(old["resource"].contains("partition"));
  EXPECT_FALSE(old["status"].contains("state"));
  EXPECT_EQ(old["metadata"]["annotations"]["rage.dev/v1beta1-fields"],
            R"({"resource.partition":{"mode":"accelerator","count":2},"status.state":"Ready"})");
}

TEST(ConvertWorkspace, AChangeThroughTheOldVersionWins) {
  Json old = converted(json_of(R"({"apiVersion":"kaito.sh/v1beta1","kind":"Workspace",
      "metadata":{"name":"w"},"resource":{"instanceType":"t","labelSelector":{},
      "partition":{"mode":"accelerator","count":2}}})"),
                       kOld);
  old["resource"]["instanceType"] = "u";
  const Json fresh = converted(old, kNew);
  EXPECT_EQ(fresh["resource"]["instanceType"], "u");
  EXPECT_EQ(fresh["resource"]["partition"]["count"], 2);
  old.erase("resource");
  EXPECT_FALSE(converted(old, kNew).contains("resource"));
}

// v1alpha1 fills in a machine type; on bring-your-own nodes that would make each edit a refused
// one.
TEST(ConvertWorkspace, TheDefaultMachineOfTheOldVersionIsNotAWish) {
  Json old = converted(json_of(R"({"apiVersion":"kaito.sh/v1beta1","kind":"Workspace",
      "metadata":{"name":"w"},"resource":{"labelSelector":{}}})"),
                       kOld);
  old["resource"]["instanceType"] = "Standard_NC24ads_A100_v4";
  EXPECT_FALSE(converted(old, kNew)["resource"].contains("instanceType"));
  old["resource"]["instanceType"] = "Standard_NC48ads_A100_v4";
  EXPECT_EQ(converted(old, kNew)["resource"]["instanceType"], "Standard_NC48ads_A100_v4");
}

TEST(ConvertRagEngine, FlatStorageBecomesAVolumeAndBack) {
  const Json old = json_of(R"({"apiVersion":"kaito.sh/v1alpha1","kind":"RAGEngine",
      "metadata":{"name":"r"},"spec":{"storage":{"persistentVolumeClaim":"c","mountPath":"/m"},
      "queryServiceName":"q"}})");
  const Json fresh = converted(old, kNew);
  EXPECT_EQ(fresh["spec"]["storage"],
            json_of(R"({"persistentVolume":{"persistentVolumeClaim":"c","mountPath":"/m"}})"));
  EXPECT_FALSE(fresh["spec"].contains("queryServiceName"));
  EXPECT_TRUE(codec::same_json(converted(fresh, kOld), old));
}

TEST(ConvertRagEngine, AChangedClaimKeepsTheVectorStore) {
  Json old = converted(json_of(R"({"apiVersion":"kaito.sh/v1beta1","kind":"RAGEngine",
      "metadata":{"name":"r"},"spec":{"storage":{"persistentVolume":{"size":"5Gi"},
      "vectorDB":{"engine":"qdrant"}}}})"),
                       kOld);
  EXPECT_EQ(old["spec"]["storage"], Json::object());
  old["spec"]["storage"]["persistentVolumeClaim"] = "c";
  EXPECT_TRUE(
      codec::same_json(converted(old, kNew)["spec"]["storage"],
                       json_of(R"({"persistentVolume":{"persistentVolumeClaim":"c","size":"5Gi"},
                  "vectorDB":{"engine":"qdrant"}})")));
  old["spec"].erase("storage");
  EXPECT_EQ(converted(old, kNew)["spec"]["storage"],
            json_of(R"({"vectorDB":{"engine":"qdrant"}})"));
}

// The annotation is anybody's to write.
TEST(Conversion, AForgedAnnotationAddsOnlyKnownFields) {
  Json old = json_of(R"({"apiVersion":"kaito.sh/v1alpha1","kind":"Workspace",
      "metadata":{"name":"w","annotations":{}},"resource":{}})");
  Json& text = old["metadata"]["annotations"]["rage.dev/v1beta1-fields"];
  text = R"({"metadata.ownerReferences":[],"resource.count":7,"kind":"Pod"})";
  const Json fresh = converted(old, kNew);
  EXPECT_EQ(fresh, json_of(R"({"apiVersion":"kaito.sh/v1beta1","kind":"Workspace",
      "metadata":{"name":"w"},"resource":{}})"));
  old["metadata"]["annotations"]["rage.dev/v1beta1-fields"] = "not JSON";
  EXPECT_EQ(converted(old, kNew), fresh);
}

TEST(Conversion, RefusesWhatIsNotOurs) {
  for (const char* text :
       {"null", "{}", R"({"apiVersion":"kaito.sh/v1beta1","kind":"Pod"})",
        R"({"apiVersion":"v1","kind":"Workspace"})", R"({"apiVersion":3,"kind":[]})"}) {
    const Result<Json> result = convert(json_of(text), kOld);
    ASSERT_FALSE(result.has_value()) << text;
    EXPECT_EQ(result.error().code, ErrorCode::kInvalidArgument);
  }
  const Json mirror = json_of(R"({"apiVersion":"kaito.sh/v1alpha1","kind":"ModelMirror"})");
  EXPECT_FALSE(convert(mirror, kNew).has_value());
  EXPECT_EQ(converted(mirror, kOld), mirror);
  EXPECT_FALSE(convert(mirror, "kaito.sh/v2").has_value());
}

}  // namespace
}  // namespace rage::apis
