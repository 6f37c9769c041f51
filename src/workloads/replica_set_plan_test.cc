#include "workloads/replica_set_plan.h"

#include <gmock/gmock.h>

#include "workloads/world_for_test.h"

namespace rage::workloads {
namespace {

using namespace std::chrono_literals;

class ReplicaSetPlan : public testing::Test {
 protected:
  ReplicaSetPlan() {
    world.put(kinds().replica_set, parse(R"({"metadata": {"name": "web"},
      "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "web"}},
               "template": {"metadata": {"labels": {"app": "web"}},
                            "spec": {"containers": [{"name": "c", "image": "i"}]}}}})"));
  }
  Json& set() { return world.get(kinds().replica_set, "web"); }
  Plan plan() {
    std::vector<Json> orphans;
    for (const Json& pod : world.all(kinds().pod)) {
      if (apis::parse_meta(pod).controller() == nullptr) orphans.push_back(pod);
    }
    return plan_replica_set({.replica_set = set(),
                             .pods = world.owned(kinds().pod, set()),
                             .orphans = orphans,
                             .now = world.now});
  }
  Plan pass() {
    Plan next = plan();
    world.carry_out(kinds().replica_set, "web", next);
    return next;
  }

  World world;
};

TEST_F(ReplicaSetPlan, MakesItsPodsAndThenIsSilent) {
  EXPECT_EQ(count_of<CreateObject>(pass()), 3);
  const Json pod = world.all(kinds().pod).front();
  EXPECT_EQ(pod["metadata"]["labels"]["app"], "web");
  EXPECT_EQ(pod["metadata"]["ownerReferences"][0]["controller"], true);
  EXPECT_EQ(pod["spec"]["containers"][0]["image"], "i");
  world.run_all();
  EXPECT_TRUE(pass().changes.empty());
  EXPECT_EQ(set()["status"]["readyReplicas"], 3);
  EXPECT_EQ(set()["status"]["observedGeneration"], 1);
}

// Scaling down must not take a pod that serves while one that does not is left.
TEST_F(ReplicaSetPlan, DeletesThoseThatServeNobodyFirst) {
  pass();
  std::vector<std::string> names;
  for (const Json& pod : world.all(kinds().pod)) names.push_back(apis::parse_meta(pod).name);
  world.run(names[0]);
  world.run(names[1], false);
  world.run(names[2]);
  set()["spec"]["replicas"] = 2;
  const Plan next = plan();
  ASSERT_EQ(next.changes.size(), 1U);
  EXPECT_EQ(std::get<DeleteObject>(next.changes[0]).key.name, names[1]);
}

// A pod that fails at once would be made again thousands of times a minute.
TEST_F(ReplicaSetPlan, ReplacesFailedPodsEverMoreSlowlyAndKeepsFive) {
  set()["spec"]["replicas"] = 1;
  std::vector<std::int64_t> waits;
  for (int i = 0; i < 8; ++i) {
    pass();
    for (const Json& pod : world.owned(kinds().pod, set())) {
      world.finish(apis::parse_meta(pod).name, "Failed");
    }
    const Plan next = pass();
    EXPECT_EQ(count_of<CreateObject>(next), 0);
    ASSERT_TRUE(next.requeue_after);
    waits.push_back(std::chrono::duration_cast<std::chrono::seconds>(*next.requeue_after).count());
    world.now += *next.requeue_after;
  }
  EXPECT_THAT(waits, testing::ElementsAre(10, 20, 40, 80, 160, 160, 160, 160));
  EXPECT_LE(world.all(kinds().pod).size(), 6U);
}

TEST_F(ReplicaSetPlan, TakesOverPodsThatNobodyControls) {
  world.put(kinds().pod, parse(R"({"metadata": {"name": "lost", "labels": {"app": "web"}}})"));
  world.put(kinds().pod, parse(R"({"metadata": {"name": "other", "labels": {"app": "db"}}})"));
  pass();
  EXPECT_EQ(world.get(kinds().pod, "lost")["metadata"]["ownerReferences"][0]["name"], "web");
  EXPECT_FALSE(world.get(kinds().pod, "other")["metadata"].contains("ownerReferences"));
  EXPECT_EQ(count_of<CreateObject>(pass()), 2);
}

TEST_F(ReplicaSetPlan, IsAvailableOnlyAfterMinReadySeconds) {
  set()["spec"]["minReadySeconds"] = 30;
  pass();
  world.run_all();
  const Plan next = pass();
  EXPECT_FALSE(set()["status"].contains("availableReplicas"));
  EXPECT_EQ(next.requeue_after, std::chrono::milliseconds(30s));
  world.now += 30s;
  pass();
  EXPECT_EQ(set()["status"]["availableReplicas"], 3);
}

}  // namespace
}  // namespace rage::workloads
