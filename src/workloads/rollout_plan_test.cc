#include "workloads/rollout_plan.h"

#include <gmock/gmock.h>

#include "workloads/replica_set_plan.h"
#include "workloads/world_for_test.h"

namespace rage::workloads {
namespace {

using namespace std::chrono_literals;

class RolloutPlan : public testing::Test {
 protected:
  RolloutPlan() {
    world.put(kinds().rollout, parse(R"({"metadata": {"name": "agent"},
      "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "agent"}},
               "strategy": {"canary": {"steps": [{"setWeight": 25}, {"pause": {}}]}},
               "template": {"metadata": {"labels": {"app": "agent"}},
                            "spec": {"containers": [{"name": "c", "image": "one"}]}}}})"));
  }
  Json& rollout() { return world.get(kinds().rollout, "agent"); }
  void settle() {
    for (int i = 0; i < 20; ++i) {
      world.carry_out(kinds().rollout, "agent",
                      plan_rollout({.rollout = rollout(),
                                    .replica_sets = world.owned(kinds().replica_set, rollout()),
                                    .orphans = {},
                                    .pods = world.all(kinds().pod),
                                    .now = world.now}));
      for (const Json& set : world.all(kinds().replica_set)) {
        world.carry_out(kinds().replica_set, apis::parse_meta(set).name,
                        plan_replica_set({.replica_set = set,
                                          .pods = world.owned(kinds().pod, set),
                                          .orphans = {},
                                          .now = world.now}));
      }
      world.run_all();
      world.end_pods();
      world.now += 1s;
    }
  }
  World world;
};

// A pause without an end on the first roll-out would leave the demo without its assistant.
TEST_F(RolloutPlan, TheFirstOneIsHealthyAtOnceAndSaysNothingOfSteps) {
  settle();
  EXPECT_EQ(world.all(kinds().pod).size(), 2U);
  const Json& status = rollout()["status"];
  EXPECT_EQ(status["phase"], "Healthy");
  EXPECT_FALSE(status.contains("message"));
  EXPECT_EQ(status["observedGeneration"], "1");
  EXPECT_EQ(status["stableRS"], status["currentPodHash"]);
  EXPECT_EQ(status["currentStepIndex"], 2);
  EXPECT_EQ(world.all(kinds().pod)[0]["metadata"]["labels"]["rollouts-pod-template-hash"],
            status["stableRS"]);
}

TEST_F(RolloutPlan, ALaterOneIsPromotedFullyAndSaysSo) {
  settle();
  rollout()["spec"]["template"]["spec"]["containers"][0]["image"] = "two";
  settle();
  EXPECT_EQ(rollout()["status"]["phase"], "Healthy");
  EXPECT_THAT(rollout()["status"]["message"].get<std::string>(),
              testing::HasSubstr("2 canary steps, pauses included, were passed over"));
  for (const Json& pod : world.all(kinds().pod)) {
    EXPECT_EQ(pod["spec"]["containers"][0]["image"], "two");
  }
  EXPECT_EQ(rollout()["metadata"]["annotations"]["rollout.argoproj.io/revision"], "2");
}

TEST_F(RolloutPlan, PausedByHandItStays) {
  settle();
  rollout()["spec"]["paused"] = true;
  rollout()["spec"]["template"]["spec"]["containers"][0]["image"] = "two";
  settle();
  EXPECT_EQ(rollout()["status"]["phase"], "Paused");
  EXPECT_EQ(world.all(kinds().pod)[0]["spec"]["containers"][0]["image"], "one");
}

TEST_F(RolloutPlan, WithoutATemplateItIsRefusedInWords) {
  rollout()["spec"].erase("template");
  rollout()["spec"]["workloadRef"] = {{"kind", "Deployment"}, {"name", "x"}};
  settle();
  EXPECT_EQ(rollout()["status"]["phase"], "Degraded");
  EXPECT_THAT(rollout()["status"]["message"].get<std::string>(), testing::HasSubstr("workloadRef"));
  EXPECT_TRUE(world.all(kinds().pod).empty());
}

}  // namespace
}  // namespace rage::workloads
