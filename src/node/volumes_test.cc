#include "node/volumes.h"

#include <gmock/gmock.h>

#include "base/files.h"
#include "codec/json_for_test.h"

namespace rage::node {
namespace {

using codec::json_of;
using testing::ElementsAre;
using testing::HasSubstr;

std::optional<Json> find_source(std::string_view kind, const ObjectKey& key) {
  if (kind == "ConfigMap" && key.name == "policy") {
    return json_of(R"({"data":{"a.yaml":"a","b.yaml":"b"},"binaryData":{"c":"AAE="}})");
  }
  if (kind == "Secret" && key.name == "tls") return json_of(R"({"data":{"tls.key":"a2V5"}})");
  if (kind == "PersistentVolumeClaim" && key.name == "bound") {
    return json_of(R"({"spec":{"volumeName":"pv-1"}})");
  }
  if (kind == "PersistentVolumeClaim" && key.name == "waiting") return json_of(R"({"spec":{}})");
  return std::nullopt;
}

Result<std::vector<Volume>> plan(std::string_view volume) {
  const Json pod = json_of(fmt::format(
      R"({{"metadata":{{"name":"p","namespace":"d","uid":"u1","labels":{{"app":"x"}}}},
           "spec":{{"volumes":[{}]}}}})",
      volume));
  return plan_volumes(pod, {.pod_ip = "127.97.0.2"}, {.data = "/data"}, find_source);
}

std::string refusal(std::string_view volume) {
  const auto planned = plan(volume);
  EXPECT_FALSE(planned.has_value());
  return planned ? std::string() : planned.error().message;
}

TEST(PlanVolumes, EveryKindIsADirectory) {
  EXPECT_EQ(plan(R"({"name":"w","emptyDir":{}})")->at(0).directory, "/data/pods/u1/volumes/w");
  EXPECT_EQ(plan(R"({"name":"w","persistentVolumeClaim":{"claimName":"bound"}})")->at(0).directory,
            "/data/volumes/pv-1");
  EXPECT_EQ(plan(R"({"name":"w","hostPath":{"path":"/data/shared"}})")->at(0).directory,
            "/data/shared");
  EXPECT_EQ(plan(R"({"name":"w","hostPath":{"path":"/opt/kaito/models/x"}})")->at(0).directory,
            "/data/pods/u1/volumes/w");
  const auto all = plan(R"({"name":"w","configMap":{"name":"policy"}})");
  EXPECT_THAT(all->at(0).files,
              ElementsAre(VolumeFile{"a.yaml", "a", 0644}, VolumeFile{"b.yaml", "b", 0644},
                          VolumeFile{"c", std::string("\0\1", 2), 0644}));
  const auto some = plan(R"({"name":"w","projected":{"sources":[
      {"configMap":{"name":"policy","items":[{"key":"a.yaml","path":"x/y","mode":256}]}},
      {"secret":{"name":"tls"}},{"serviceAccountToken":{"path":"token"}},
      {"downwardAPI":{"items":[
          {"path":"labels","fieldRef":{"fieldPath":"metadata.labels"}}]}}]}})");
  ASSERT_TRUE(some.has_value()) << some.error().message;
  EXPECT_THAT(some->at(0).files,
              ElementsAre(VolumeFile{"x/y", "a", 0400}, VolumeFile{"tls.key", "key", 0644},
                          VolumeFile{"labels", "app=\"x\"\n", 0644}));
}

// A pod must not reach the machine's files by naming them, nor another pod's.
TEST(PlanVolumes, NothingLeavesTheDataDirectory) {
  EXPECT_THAT(refusal(R"({"name":"w","hostPath":{"path":"/etc"}})"), HasSubstr("must not leave"));
  EXPECT_THAT(refusal(R"({"name":"w","hostPath":{"path":"/data/../etc"}})"),
              HasSubstr("must not leave"));
  EXPECT_THAT(refusal(R"({"name":"../w","emptyDir":{}})"), HasSubstr("no name of a volume"));
  EXPECT_THAT(refusal(R"({"name":"w","configMap":{"name":"policy",
                         "items":[{"key":"a.yaml","path":"../../x"}]}})"),
              HasSubstr("no path inside a volume"));
}

TEST(PlanVolumes, SaysWhatIsMissing) {
  EXPECT_EQ(refusal(R"({"name":"w","configMap":{"name":"none"}})"), "configmap \"none\" not found");
  EXPECT_TRUE(plan(R"({"name":"w","configMap":{"name":"none","optional":true}})").has_value());
  EXPECT_EQ(refusal(R"({"name":"w","persistentVolumeClaim":{"claimName":"waiting"}})"),
            "persistentvolumeclaim \"waiting\" is not bound to a volume yet");
  EXPECT_THAT(refusal(R"({"name":"w","nfs":{"server":"x"}})"), HasSubstr("use one of them"));
}

// An edit of a ConfigMap arrives, and what it no longer has goes.
TEST(MakeVolumes, FollowsWhatItIsGiven) {
  const auto folder = *TemporaryDirectory::create("volumes");
  Volume volume{.name = "w", .directory = folder->path() / "w", .generated = true};
  volume.files = {{"a", "1", 0600}, {"sub/b", "2"}};
  ASSERT_TRUE(make_volumes({volume}));
  EXPECT_EQ(*read_file(folder->path() / "w/sub/b", 10), "2");
  volume.files = {{"a", "3", 0600}};
  ASSERT_TRUE(make_volumes({volume}));
  EXPECT_EQ(*read_file(folder->path() / "w/a", 10), "3");
  EXPECT_FALSE(std::filesystem::exists(folder->path() / "w/sub/b"));
}

}  // namespace
}  // namespace rage::node
