#include "workloads/deployment_plan.h"

#include <gmock/gmock.h>

#include "workloads/pods.h"
#include "workloads/replica_set_plan.h"
#include "workloads/roll_out.h"
#include "workloads/world_for_test.h"

namespace rage::workloads {
namespace {

using namespace std::chrono_literals;

class DeploymentPlan : public testing::Test {
 protected:
  void deploy(const char* spec = R"({"replicas": 4})") {
    Json deployment = parse(R"({"metadata": {"name": "web"},
      "spec": {"selector": {"matchLabels": {"app": "web"}},
               "template": {"metadata": {"labels": {"app": "web"}},
                            "spec": {"containers": [{"name": "c", "image": "one"}]}}}})");
    deployment["spec"].merge_patch(parse(spec));
    world.put(kinds().deployment, std::move(deployment));
  }
  Json& deployment() { return world.get(kinds().deployment, "web"); }
  void change(const char* spec) {
    world.apply(
        PatchObject{kinds().deployment, {.ns = "default", .name = "web"}, {{"spec", parse(spec)}}});
  }
  void change_image(const char* image) {
    Json containers = Json::array({{{"name", "c"}, {"image", image}}});
    world.apply(PatchObject{kinds().deployment,
                            {.ns = "default", .name = "web"},
                            {{"spec", {{"template", {{"spec", {{"containers", containers}}}}}}}}});
  }

  Plan pass() {
    std::vector<Json> sets = world.owned(kinds().replica_set, deployment());
    Plan plan = plan_deployment({.deployment = deployment(),
                                 .replica_sets = sets,
                                 .orphans = {},
                                 .pods = world.all(kinds().pod),
                                 .now = world.now});
    world.carry_out(kinds().deployment, "web", plan);
    return plan;
  }
  // All controllers once; the node not. False: nothing was to do.
  bool step() {
    bool busy = !pass().changes.empty();
    for (const Json& set : world.all(kinds().replica_set)) {
      const Plan plan = plan_replica_set({.replica_set = set,
                                          .pods = world.owned(kinds().pod, set),
                                          .orphans = {},
                                          .now = world.now});
      busy = busy || !plan.changes.empty() ||
             !detail::same_json(plan.status, set.value("status", Json()));
      world.carry_out(kinds().replica_set, apis::parse_meta(set).name, plan);
    }
    int active = 0;
    int available = 0;
    for (const Json& pod : world.all(kinds().pod)) {
      const Pod each = parse_pod(pod);
      active += each.active() ? 1 : 0;
      available += each.active() && each.ready() ? 1 : 0;
    }
    most_active = std::max(most_active, active);
    least_available = std::min(least_available, available);
    return busy;
  }
  void settle(int steps = 40) {
    for (int i = 0; i < steps && step(); ++i) {
      world.run_all();
      world.end_pods();
      world.now += 1s;
    }
  }
  std::vector<std::string> images() {
    std::vector<std::string> found;
    for (const Json& pod : world.all(kinds().pod)) {
      found.push_back(pod["spec"]["containers"][0]["image"]);
    }
    return found;
  }

  World world;
  int most_active = 0;
  int least_available = 1000;
};

TEST_F(DeploymentPlan, FirstRollOutMakesAllPodsAtOnce) {
  deploy();
  step();
  EXPECT_EQ(world.all(kinds().pod).size(), 4U);
  EXPECT_EQ(reason_of(deployment(), "Progressing"), "NewReplicaSetCreated");
  settle();
  EXPECT_EQ(reason_of(deployment(), "Progressing"), "NewReplicaSetAvailable");
  EXPECT_EQ(reason_of(deployment(), "Available"), "MinimumReplicasAvailable");
  EXPECT_EQ(deployment()["status"]["availableReplicas"], 4);
  EXPECT_EQ(deployment()["status"]["observedGeneration"], 1);
  EXPECT_EQ(deployment()["metadata"]["annotations"]["deployment.kubernetes.io/revision"], "1");
  EXPECT_TRUE(pass().changes.empty());
}

// A roll-out that takes down too much is an outage, one that makes too much starves the machine.
TEST_F(DeploymentPlan, RollingStaysBetweenItsFences) {
  struct Case {
    const char* spec;
    int most;
    int least;
  };
  for (const Case& each : {
           Case{R"({"replicas": 4})", 5, 3},
           Case{R"({"replicas": 4, "strategy": {"rollingUpdate":
                    {"maxSurge": 2, "maxUnavailable": 0}}})",
                6, 4},
           Case{R"({"replicas": 4, "strategy": {"rollingUpdate":
                    {"maxSurge": 0, "maxUnavailable": "50%"}}})",
                4, 2},
           Case{R"({"replicas": 1, "strategy": {"rollingUpdate":
                    {"maxSurge": "25%", "maxUnavailable": "25%"}}})",
                2, 1},
           Case{R"({"replicas": 2, "strategy": {"rollingUpdate":
                    {"maxSurge": 0, "maxUnavailable": 0}}})",
                2, 1},
       }) {
    SCOPED_TRACE(each.spec);
    world = World();
    deploy(each.spec);
    settle();
    most_active = 0;
    least_available = 1000;
    change_image("two");
    settle();
    EXPECT_EQ(most_active, each.most);
    EXPECT_GE(least_available, each.least);
    EXPECT_THAT(images(), testing::Each("two"));
    EXPECT_EQ(deployment()["status"]["updatedReplicas"], deployment()["spec"]["replicas"]);
  }
}

TEST_F(DeploymentPlan, RecreateNeverRunsBothTemplates) {
  deploy(R"({"replicas": 2, "strategy": {"type": "Recreate"}})");
  settle();
  change_image("two");
  for (int i = 0; i < 10; ++i) {
    step();
    world.run_all();
    const std::vector<std::string> now = images();
    EXPECT_FALSE(testing::Value(now, testing::Contains("one")) &&
                 testing::Value(now, testing::Contains("two")));
    if (i % 2 == 1) world.end_pods();
  }
  EXPECT_THAT(images(), testing::ElementsAre("two", "two"));
}

TEST_F(DeploymentPlan, ATemplateThatIsWantedAgainReusesItsReplicaSet) {
  deploy();
  settle();
  change_image("two");
  settle();
  change_image("one");
  settle();
  EXPECT_EQ(world.all(kinds().replica_set).size(), 2U);
  EXPECT_THAT(images(), testing::Each("one"));
  EXPECT_EQ(deployment()["metadata"]["annotations"]["deployment.kubernetes.io/revision"], "3");
}

TEST_F(DeploymentPlan, APausedOneScalesButDoesNotRoll) {
  deploy();
  settle();
  change(R"({"paused": true})");
  change_image("two");
  change(R"({"replicas": 6})");
  settle();
  EXPECT_THAT(images(), testing::AllOf(testing::SizeIs(6), testing::Each("one")));
  EXPECT_EQ(reason_of(deployment(), "Progressing"), "DeploymentPaused");
  change(R"({"paused": false})");
  settle();
  EXPECT_THAT(images(), testing::AllOf(testing::SizeIs(6), testing::Each("two")));
}

TEST_F(DeploymentPlan, ScalingInTheMiddleOfARollOutEndsWithTheNewNumber) {
  deploy();
  settle();
  change_image("two");
  step();
  change(R"({"replicas": 10})");
  settle();
  EXPECT_THAT(images(), testing::AllOf(testing::SizeIs(10), testing::Each("two")));
  change(R"({"replicas": 0})");
  settle();
  EXPECT_THAT(images(), testing::IsEmpty());
  change(R"({"replicas": 3})");
  settle();
  EXPECT_THAT(images(), testing::SizeIs(3));
}

// Pods of a broken template must not cost those that serve.
TEST_F(DeploymentPlan, ABrokenTemplateKeepsTheOldPodsAndTimesOut) {
  deploy(R"({"replicas": 4, "progressDeadlineSeconds": 60})");
  settle();
  change_image("broken");
  least_available = 1000;
  for (int i = 0; i < 10; ++i) step();  // No node makes them ready.
  EXPECT_GE(least_available, 3);
  world.now += 61s;
  step();
  EXPECT_EQ(reason_of(deployment(), "Progressing"), "ProgressDeadlineExceeded");
  EXPECT_TRUE(is_condition_true(deployment(), "Available"));
  change_image("one");
  settle();
  EXPECT_THAT(images(), testing::AllOf(testing::SizeIs(4), testing::Each("one")));
}

TEST_F(DeploymentPlan, KeepsAsManyOldReplicaSetsAsItSays) {
  deploy(R"({"replicas": 1, "revisionHistoryLimit": 2})");
  for (const char* image : {"one", "two", "three", "four", "five"}) {
    change_image(image);
    settle(15);
  }
  EXPECT_EQ(world.all(kinds().replica_set).size(), 3U);
}

TEST(RollOutFence, RoundsAsKubernetesDoes) {
  struct Case {
    Json surge;
    Json unavailable;
    std::int64_t replicas;
    std::int64_t want_surge;
    std::int64_t want_unavailable;
  };
  for (const Case& each :
       {Case{"25%", "25%", 10, 3, 2}, Case{"25%", "25%", 1, 1, 0}, Case{0, 0, 5, 0, 1},
        Case{"0%", "10%", 5, 0, 1}, Case{3, 2, 1, 3, 1}, Case{"nonsense", -4, 2, 0, 1}}) {
    RollOutWish wish;
    wish.replicas = each.replicas;
    resolve_fence(each.surge, each.unavailable, wish);
    EXPECT_EQ(wish.max_surge, each.want_surge);
    EXPECT_EQ(wish.max_unavailable, each.want_unavailable);
  }
}

}  // namespace
}  // namespace rage::workloads
