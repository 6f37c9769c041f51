#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/workspace_cluster_for_test.h"

namespace rage::op {
namespace {

using testing::IsEmpty;

Json waiting(const char* reason) {
  Json pod = parse_for_test(R"({"metadata": {"name": "w-0"}, "status": {"containerStatuses": [
      {"name": "w", "restartCount": 3, "state": {"waiting": {"message": "why"}}}]}})");
  pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] = reason;
  return pod;
}

Json out_of_memory() {
  return parse_for_test(R"({"metadata": {"name": "w-1"}, "status": {"containerStatuses": [
      {"name": "w", "restartCount": 2, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
       "lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137}}}]}})");
}

Json evicted(const char* message) {
  Json pod = parse_for_test(
      R"({"metadata": {"name": "w-0"}, "status": {"phase": "Failed", "reason": "Evicted"}})");
  pod["status"]["message"] = message;
  return pod;
}

std::string reason_of(const std::vector<Json>& pods) {
  const auto problem = diagnose_pods(pods);
  return problem ? problem->reason : "";
}

TEST(PodProblems, ReasonsAreUpstreams) {
  for (const char* image : {"ImagePullBackOff", "ErrImagePull", "InvalidImageName",
                            "ErrImageNeverPull", "ImageInspectError", "RegistryUnavailable"}) {
    EXPECT_EQ(reason_of({waiting(image)}), "ImagePullError") << image;
  }
  for (const char* start : {"CreateContainerConfigError", "CreateContainerError",
                            "RunContainerError", "PreStartHookError", "PostStartHookError"}) {
    EXPECT_EQ(reason_of({waiting(start)}), "ContainerStartError") << start;
  }
  EXPECT_EQ(reason_of({waiting("CrashLoopBackOff")}), "ContainerCrashLoopBackOff");
  EXPECT_EQ(reason_of({out_of_memory()}), "ContainerOOMKilled");
  EXPECT_EQ(reason_of({evicted("The node was low on resource: ephemeral-storage.")}),
            "NodeDiskPressure");
  EXPECT_EQ(reason_of({evicted("The node was low on resource: memory.")}), "NodeMemoryPressure");
  EXPECT_EQ(reason_of({evicted("preempted")}), "PodEvicted");
  EXPECT_EQ(reason_of({waiting("ContainerCreating")}), "");
  EXPECT_EQ(reason_of({}), "");
}

TEST(PodProblems, UnschedulablePodsSayWhatTheSchedulerSays) {
  const auto problem = diagnose_pods({parse_for_test(R"({"metadata": {"name": "w-0"}, "status": {
      "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
                      "message": "0/3 nodes are available"}]}})")});
  ASSERT_TRUE(problem);
  EXPECT_EQ(problem->reason, "Unschedulable");
  EXPECT_EQ(problem->message, "pod w-0: 0/3 nodes are available");
}

TEST(PodProblems, TheTokenOfStreamedWeightsComesFirst) {
  const Json pod = parse_for_test(R"({"metadata": {"name": "w-9"}, "status": {
      "initContainerStatuses": [{"name": "fetch-sas",
        "state": {"terminated": {"exitCode": 1, "message": "denied"}}}]}})");
  EXPECT_EQ(reason_of({out_of_memory(), pod}), "SASTokenFetchFailed");
}

// A crash loop is how a container that lacks memory looks; the cause must win, whichever pod has it
// and in whatever order a cache lists them.
TEST(PodProblems, TheCauseComesBeforeTheSymptom) {
  const std::vector<Json> pods{waiting("CrashLoopBackOff"), out_of_memory()};
  EXPECT_EQ(reason_of(pods), "ContainerOOMKilled");
  EXPECT_EQ(reason_of({pods[1], pods[0]}), "ContainerOOMKilled");
}

// A roll-out that replaces a failing pod must not go on reporting the pod that leaves.
TEST(PodProblems, ReadyAndTerminatingPodsDoNotCount) {
  Json leaving = waiting("ImagePullBackOff");
  leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z";
  Json recovered = out_of_memory();
  recovered["status"]["conditions"] = parse_for_test(R"([{"type": "Ready", "status": "True"}])");
  EXPECT_EQ(reason_of({leaving, recovered}), "");
}

TEST(PodProblems, LongMessagesAreCutBetweenCharacters) {
  std::string text;
  for (int i = 0; i < 300; ++i) text += "ü";
  Json pod = waiting("ErrImagePull");
  pod["status"]["containerStatuses"][0]["state"]["waiting"]["message"] = text;
  const auto problem = diagnose_pods({pod});
  ASSERT_TRUE(problem);
  EXPECT_LE(problem->message.size(), 256U);
  EXPECT_EQ(codec::render_json(problem->message).find("\xEF\xBF\xBD"), std::string::npos);
}

TEST(PodProblems, NonsenseIsNoProblem) {
  for (const char* text : {"null", "[]", "7", R"({"status": []})", R"({"metadata": 1})",
                           R"({"status": {"containerStatuses": [null, 3, {"state": "x"}]}})",
                           R"({"status": {"conditions": {"type": "Ready"}}})"}) {
    EXPECT_FALSE(diagnose_pods({parse_for_test(text)})) << text;
  }
}

// A template that was put back must reach the pod that the bad one left behind.
TEST(StuckPods, AreReplacedWhereAnOrderedSetWaitsForThem) {
  const Json set = parse_for_test(R"({"metadata": {"generation": 3}, "spec": {},
      "status": {"observedGeneration": 3, "updateRevision": "w-2"}})");
  const auto pod = [](const char* revision, const char* ready) {
    Json made = parse_for_test(R"({"metadata": {"name": "w-0", "namespace": "n", "uid": "u"}})");
    made["metadata"]["labels"] = {{"controller-revision-hash", revision}};
    made["status"]["conditions"] = Json::array({{{"type", "Ready"}, {"status", ready}}});
    return made;
  };
  const auto changes = replace_stuck_pods(set, {pod("w-1", "False")});
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(std::get<DeleteObject>(changes[0]).key.str(), "n/w-0");
  EXPECT_EQ(std::get<DeleteObject>(changes[0]).uid, "u");
  EXPECT_THAT(replace_stuck_pods(set, {pod("w-1", "True"), pod("w-2", "False")}), IsEmpty());
  Json unseen = set;
  unseen["metadata"]["generation"] = 4;
  EXPECT_THAT(replace_stuck_pods(unseen, {pod("w-1", "False")}), IsEmpty());
  Json parallel = set;
  parallel["spec"]["podManagementPolicy"] = "Parallel";
  EXPECT_THAT(replace_stuck_pods(parallel, {pod("w-1", "False")}), IsEmpty());
}

}  // namespace
}  // namespace rage::op
