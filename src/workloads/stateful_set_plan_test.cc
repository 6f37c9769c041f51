#include "workloads/stateful_set_plan.h"

#include <gmock/gmock.h>

#include "workloads/world_for_test.h"

namespace rage::workloads {
namespace {

using namespace std::chrono_literals;

class StatefulSetPlan : public testing::Test {
 protected:
  void make(const char* spec = "{}") {
    Json set = parse(R"({"metadata": {"name": "db"},
      "spec": {"replicas": 3, "serviceName": "db-headless",
               "selector": {"matchLabels": {"app": "db"}},
               "volumeClaimTemplates": [{"metadata": {"name": "data"},
                   "spec": {"accessModes": ["ReadWriteOnce"],
                            "resources": {"requests": {"storage": "1Gi"}}}}],
               "template": {"metadata": {"labels": {"app": "db"}},
                            "spec": {"containers": [{"name": "c", "image": "one"}]}}}})");
    set["spec"].merge_patch(parse(spec));
    world.put(kinds().stateful_set, std::move(set));
  }
  Json& set() { return world.get(kinds().stateful_set, "db"); }
  void change(const char* spec) {
    world.apply(PatchObject{
        kinds().stateful_set, {.ns = "default", .name = "db"}, {{"spec", parse(spec)}}});
  }
  void change_image(const char* image) {
    set()["spec"]["template"]["spec"]["containers"][0]["image"] = image;
  }
  Plan pass() {
    Plan plan = plan_stateful_set({.stateful_set = set(),
                                   .pods = world.owned(kinds().pod, set()),
                                   .orphans = {},
                                   .revisions = world.all(kinds().revision),
                                   .claims = world.all(kinds().claim),
                                   .now = world.now});
    world.carry_out(kinds().stateful_set, "db", plan);
    return plan;
  }
  void settle(int passes = 25) {
    for (int i = 0; i < passes; ++i) {
      pass();
      world.run_all();
      world.end_pods();
      world.now += 1s;
    }
  }
  std::vector<std::string> names() {
    std::vector<std::string> found;
    for (const Json& pod : world.all(kinds().pod)) found.push_back(apis::parse_meta(pod).name);
    return found;
  }
  std::string image(const std::string& pod) {
    return world.get(kinds().pod, pod)["spec"]["containers"][0]["image"];
  }
  World world;
};

TEST_F(StatefulSetPlan, MakesPodsOneByOneWithNamesAndVolumes) {
  make();
  pass();
  EXPECT_THAT(names(), testing::ElementsAre("db-0"));
  pass();  // db-0 is not ready.
  EXPECT_THAT(names(), testing::ElementsAre("db-0"));
  world.run_all();
  pass();
  EXPECT_THAT(names(), testing::ElementsAre("db-0", "db-1"));
  settle();
  EXPECT_THAT(names(), testing::ElementsAre("db-0", "db-1", "db-2"));
  const Json& pod = world.get(kinds().pod, "db-2");
  EXPECT_EQ(pod["spec"]["hostname"], "db-2");
  EXPECT_EQ(pod["spec"]["subdomain"], "db-headless");
  EXPECT_EQ(pod["metadata"]["labels"]["apps.kubernetes.io/pod-index"], "2");
  EXPECT_EQ(pod["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"], "data-db-2");
  EXPECT_EQ(world.get(kinds().claim, "data-db-2")["metadata"]["labels"]["app"], "db");
  const Json& status = set()["status"];
  EXPECT_EQ(status["readyReplicas"], 3);
  EXPECT_EQ(status["currentRevision"], status["updateRevision"]);
  EXPECT_EQ(status["currentReplicas"], 3);
  EXPECT_TRUE(pass().changes.empty());
}

TEST_F(StatefulSetPlan, ParallelMakesAllAtOnce) {
  make(R"({"podManagementPolicy": "Parallel"})");
  pass();
  EXPECT_THAT(names(), testing::ElementsAre("db-0", "db-1", "db-2"));
}

TEST_F(StatefulSetPlan, ScalesDownFromTheTopAndKeepsTheVolumes) {
  make();
  settle();
  change(R"({"replicas": 1})");
  pass();
  EXPECT_TRUE(apis::parse_meta(world.get(kinds().pod, "db-2")).deleting);
  EXPECT_FALSE(apis::parse_meta(world.get(kinds().pod, "db-1")).deleting);
  settle();
  EXPECT_THAT(names(), testing::ElementsAre("db-0"));
  EXPECT_EQ(world.all(kinds().claim).size(), 3U);
}

TEST_F(StatefulSetPlan, GivesVolumesBackIfItSaysSo) {
  make(R"({"persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete",
                                                    "whenScaled": "Delete"}})");
  settle();
  EXPECT_EQ(world.get(kinds().claim, "data-db-0")["metadata"]["ownerReferences"][0]["name"], "db");
  change(R"({"replicas": 1})");
  settle();
  EXPECT_EQ(world.all(kinds().claim).size(), 1U);
}

TEST_F(StatefulSetPlan, RollsFromTheTopOneByOne) {
  make();
  settle();
  change_image("two");
  pass();
  EXPECT_TRUE(apis::parse_meta(world.get(kinds().pod, "db-2")).deleting);
  EXPECT_NE(set()["status"]["currentRevision"], set()["status"]["updateRevision"]);
  world.end_pods();
  pass();  // Makes db-2 again; db-1 waits until it is ready.
  pass();
  EXPECT_EQ(image("db-2"), "two");
  EXPECT_FALSE(apis::parse_meta(world.get(kinds().pod, "db-1")).deleting);
  settle();
  EXPECT_EQ(image("db-0"), "two");
  EXPECT_EQ(set()["status"]["currentRevision"], set()["status"]["updateRevision"]);
  EXPECT_EQ(world.all(kinds().revision).size(), 2U);
}

TEST_F(StatefulSetPlan, APartitionHoldsTheLowerOnes) {
  make(R"({"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}})");
  settle();
  change_image("two");
  settle();
  EXPECT_EQ(image("db-0"), "one");
  EXPECT_EQ(image("db-1"), "one");
  EXPECT_EQ(image("db-2"), "two");
  world.erase(kinds().pod, "db-0");  // Comes back as it was.
  settle();
  EXPECT_EQ(image("db-0"), "one");
}

TEST_F(StatefulSetPlan, OnDeleteWaitsForAHand) {
  make(R"({"updateStrategy": {"type": "OnDelete"}})");
  settle();
  change_image("two");
  settle();
  EXPECT_EQ(image("db-1"), "one");
  world.erase(kinds().pod, "db-1");
  settle();
  EXPECT_EQ(image("db-1"), "two");
}

// Upstream waits for ever for the broken pod; a repaired template must reach it by itself.
TEST_F(StatefulSetPlan, ARepairedTemplateReplacesTheBrokenPod) {
  make();
  change_image("broken");
  pass();
  world.run("db-0", false);
  change_image("two");
  settle();
  EXPECT_EQ(image("db-0"), "two");
  EXPECT_EQ(names().size(), 3U);
}

TEST_F(StatefulSetPlan, StartsAtItsFirstOrdinalAndReplacesWhatEnded) {
  make(R"({"replicas": 2, "ordinals": {"start": 5}})");
  settle();
  EXPECT_THAT(names(), testing::ElementsAre("db-5", "db-6"));
  world.finish("db-5", "Failed");
  settle();
  EXPECT_EQ(world.get(kinds().pod, "db-5")["status"]["phase"], "Running");
}

}  // namespace
}  // namespace rage::workloads
