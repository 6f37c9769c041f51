#include "workloads/job_plan.h"

#include <gmock/gmock.h>

#include "workloads/world_for_test.h"

namespace rage::workloads {
namespace {

using namespace std::chrono_literals;

class JobPlan : public testing::Test {
 protected:
  void make(const char* spec = "{}") {
    Json job = parse(R"({"metadata": {"name": "sum"}, "spec": {"completions": 1, "parallelism": 1,
      "backoffLimit": 6, "template": {"spec": {"restartPolicy": "Never",
          "containers": [{"name": "c", "image": "i"}]}}}})");
    job["spec"].merge_patch(parse(spec));
    world.put(kinds().job, std::move(job));
  }
  Json& job() { return world.get(kinds().job, "sum"); }
  Plan pass() {
    Plan plan = plan_job({.job = job(), .pods = world.owned(kinds().pod, job()), .now = world.now});
    world.carry_out(kinds().job, "sum", plan);
    return plan;
  }
  std::vector<std::string> running() {
    std::vector<std::string> names;
    for (const Json& pod : world.all(kinds().pod)) {
      if (!pod.contains("status")) names.push_back(apis::parse_meta(pod).name);
    }
    return names;
  }
  void end_all(const char* phase) {
    for (const std::string& name : running()) world.finish(name, phase);
  }
  World world;
};

TEST_F(JobPlan, RunsItsPodsSideBySideUntilEnoughSucceeded) {
  make(R"({"completions": 3, "parallelism": 2})");
  pass();
  EXPECT_EQ(running().size(), 2U);
  EXPECT_TRUE(pass().changes.empty());
  EXPECT_EQ(job()["status"]["active"], 2);
  end_all("Succeeded");
  pass();
  EXPECT_EQ(running().size(), 1U);
  end_all("Succeeded");
  pass();
  EXPECT_TRUE(is_condition_true(job(), "Complete"));
  EXPECT_EQ(job()["status"]["succeeded"], 3);
  EXPECT_EQ(job()["status"]["completionTime"], render_time(world.now));
  EXPECT_FALSE(job()["status"].contains("active"));
  EXPECT_TRUE(pass().changes.empty());
  EXPECT_EQ(world.all(kinds().pod).size(), 3U);
}

// A failing pod that is started again and again at once burns a laptop's battery.
TEST_F(JobPlan, WaitsLongerAfterEachFailureAndGivesUp) {
  make(R"({"backoffLimit": 2})");
  std::vector<std::int64_t> waits;
  for (int i = 0; i < 3; ++i) {
    pass();
    world.now += 1s;
    end_all("Failed");
    const Plan next = pass();
    if (!next.requeue_after) break;
    waits.push_back(std::chrono::ceil<std::chrono::seconds>(*next.requeue_after).count());
    world.now += *next.requeue_after;
  }
  EXPECT_THAT(waits, testing::ElementsAre(9, 19));
  EXPECT_EQ(reason_of(job(), "Failed"), "BackoffLimitExceeded");
  EXPECT_EQ(job()["status"]["failed"], 3);
  EXPECT_TRUE(pass().changes.empty());
}

TEST_F(JobPlan, EndsAtItsDeadline) {
  make(R"({"activeDeadlineSeconds": 60})");
  EXPECT_EQ(pass().requeue_after, std::chrono::milliseconds(60s));
  world.run_all();
  world.now += 60s;
  pass();
  EXPECT_EQ(reason_of(job(), "Failed"), "DeadlineExceeded");
  EXPECT_TRUE(apis::parse_meta(world.all(kinds().pod)[0]).deleting);
}

TEST_F(JobPlan, IndexesRunOnceEach) {
  make(R"({"completions": 4, "parallelism": 4, "completionMode": "Indexed"})");
  pass();
  const Json pod = world.all(kinds().pod)[2];
  EXPECT_EQ(pod["metadata"]["annotations"]["batch.kubernetes.io/job-completion-index"], "2");
  EXPECT_EQ(pod["spec"]["containers"][0]["env"][0]["value"], "2");
  EXPECT_EQ(pod["spec"]["hostname"], "sum-2");
  std::vector<std::string> names = running();
  for (const std::size_t good : {0U, 1U, 3U}) world.finish(names[good], "Succeeded");
  world.finish(names[2], "Failed");
  world.now += 1h;
  pass();
  EXPECT_EQ(job()["status"]["completedIndexes"], "0-1,3");
  ASSERT_EQ(running().size(), 1U);
  EXPECT_EQ(
      world.get(
          kinds().pod,
          running()[0])["metadata"]["annotations"]["batch.kubernetes.io/job-completion-index"],
      "2");
  end_all("Succeeded");
  pass();
  EXPECT_TRUE(is_condition_true(job(), "Complete"));
}

TEST_F(JobPlan, SuspendedItHasNoPodsAndResumesLater) {
  make(R"({"suspend": true})");
  pass();
  EXPECT_TRUE(world.all(kinds().pod).empty());
  EXPECT_TRUE(is_condition_true(job(), "Suspended"));
  EXPECT_FALSE(job()["status"].contains("startTime"));
  job()["spec"]["suspend"] = false;
  pass();
  EXPECT_EQ(running().size(), 1U);
  EXPECT_FALSE(is_condition_true(job(), "Suspended"));
}

TEST_F(JobPlan, IsDeletedWhenItsTimeAfterTheEndIsOver) {
  make(R"({"ttlSecondsAfterFinished": 100})");
  pass();
  end_all("Succeeded");
  EXPECT_EQ(pass().requeue_after, std::chrono::milliseconds(100s));
  EXPECT_TRUE(world.has(kinds().job, "sum"));
  world.now += 100s;
  pass();
  EXPECT_FALSE(world.has(kinds().job, "sum"));
}

TEST_F(JobPlan, AWorkQueueEndsWhenOneSucceededAndTheRestHaveEnded) {
  make(R"({"completions": null, "parallelism": 2})");
  pass();
  const std::vector<std::string> names = running();
  world.finish(names[0], "Succeeded");
  pass();
  EXPECT_EQ(running().size(), 1U);
  EXPECT_FALSE(is_condition_true(job(), "Complete"));
  end_all("Succeeded");
  pass();
  EXPECT_TRUE(is_condition_true(job(), "Complete"));
}

}  // namespace
}  // namespace rage::workloads
