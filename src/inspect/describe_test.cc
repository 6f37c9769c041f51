#include "inspect/describe.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "base/files.h"
#include "inspect/world_for_test.h"
#include "test_paths.h"

namespace rage::inspect {
namespace {

void expect_golden(const char* name, const std::string& text) {
  const auto path = test::source_dir() / "src/inspect/testdata" / name;
  if (std::getenv("RAGE_WRITE_GOLDEN") != nullptr) {
    ASSERT_TRUE(write_file_atomically(path, text));
    return;
  }
  const auto golden = read_file(path, 1 << 20);
  ASSERT_TRUE(golden) << golden.error().message;
  EXPECT_EQ(text, *golden) << name;
}

TEST(Describe, ShowsAResourceWithAllThatBelongsToIt) {
  World world = a_world();
  Json set = an_object("kaito.sh/v1beta1", "InferenceSet", "phis");
  set["metadata"]["labels"] = {{"team", "a"}};
  set["metadata"]["annotations"] = {{"kubectl.kubernetes.io/last-applied-configuration", "{}"},
                                    {"kaito.sh/runtime", "vllm"}};
  set["spec"] = {{"replicas", 2},
                 {"labelSelector", {{"matchLabels", {{"apps", "phi"}}}}},
                 {"template", {{"inference", {{"preset", {{"name", "phi-4"}}}}}}}};
  set_condition(set, "InferenceSetReady", "False", "inferencesetNotReady",
                "inferenceset is not ready, 1/2 replicas are ready; container model of pod phi-1 "
                "restarted 4 times, last: exit code 1; see kubectl logs phi-1 -c model --previous");
  own(set, world.documents["Workspace"].front());
  Json& pod = world.documents["Pod"].front();
  pod["status"]["containerStatuses"][0]["restartCount"] = 4;
  pod["status"]["containerStatuses"][0]["lastState"] = json_of(
      R"({"terminated": {"exitCode": 137, "reason": "OOMKilled",
                         "finishedAt": "2026-01-01T00:40:00Z"}})");
  world.documents["InferenceSet"] = {set};
  world.documents["Event"] = {an_event(pod, "Unhealthy", "Readiness probe failed\n"),
                              an_event(set, "ReplicaCreated", "created Workspace phi")};
  world.documents["Event"][0]["count"] = 12;
  world.documents["Event"][1]["lastTimestamp"] = "2026-01-01T00:20:00Z";
  expect_golden("describe_inference_set.txt",
                render_description(world.documents["InferenceSet"].front(), world, kNow));
}

TEST(Describe, NeverShowsASecretsData) {
  Json secret = an_object("v1", "Secret", "hf");
  secret["data"] = {{"HF_TOKEN", "c2VjcmV0LXRva2Vu"}};
  const std::string text = render_description(secret, {}, kNow);
  EXPECT_EQ(text.find("c2VjcmV0"), std::string::npos) << text;
  EXPECT_NE(text.find("HF_TOKEN: about 12 bytes"), std::string::npos) << text;
}

TEST(Readiness, IsAFewWords) {
  World world = a_world();
  EXPECT_EQ(readiness_of(world.documents["Pod"][0]), "Running, 1/1 ready, on gpu-0");
  EXPECT_EQ(readiness_of(world.documents["StatefulSet"][0]), "1/1 ready");
  EXPECT_EQ(readiness_of(world.documents["Workspace"][0]), "ready");
  EXPECT_EQ(readiness_of(an_object("kaito.sh/v1beta1", "RAGEngine", "r")), "no status yet");
  EXPECT_EQ(readiness_of(an_object("v1", "ConfigMap", "c")), "");
}

}  // namespace
}  // namespace rage::inspect
