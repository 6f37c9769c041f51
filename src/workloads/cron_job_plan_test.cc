#include "workloads/cron_job_plan.h"

#include <gmock/gmock.h>

#include "workloads/workflow_plan.h"
#include "workloads/world_for_test.h"

namespace rage::workloads {
namespace {

using namespace std::chrono_literals;

class CronJobPlan : public testing::Test {
 protected:
  void make(const char* spec = "{}") {
    Json object = parse(R"({"metadata": {"name": "tick"}, "spec": {"schedule": "*/10 * * * *",
      "concurrencyPolicy": "Allow", "successfulJobsHistoryLimit": 3, "failedJobsHistoryLimit": 1,
      "jobTemplate": {"metadata": {"labels": {"a": "b"}}, "spec": {"parallelism": 1}}}})");
    object["spec"].merge_patch(parse(spec));
    world.put(kinds().cron_job, std::move(object));
  }
  Json& cron() { return world.get(kinds().cron_job, "tick"); }
  Plan pass() {
    Plan plan = plan_cron_job(
        {.cron_job = cron(), .jobs = world.owned(kinds().job, cron()), .now = world.now});
    world.carry_out(kinds().cron_job, "tick", plan);
    return plan;
  }
  void finish_all(const char* how = "Complete") {
    for (const Json& job : world.all(kinds().job)) {
      Json& stored = world.get(kinds().job, apis::parse_meta(job).name);
      if (stored.contains("status")) continue;
      Json conditions = Json::array({{{"type", how}, {"status", "True"}}});
      stored["status"] = {{"conditions", conditions}, {"completionTime", render_time(world.now)}};
    }
  }
  World world;  // At midnight.
};

TEST_F(CronJobPlan, MakesAJobAtItsTimeAndWakesForTheNext) {
  make();
  EXPECT_EQ(pass().requeue_after, std::chrono::milliseconds(10min));
  EXPECT_TRUE(world.all(kinds().job).empty());
  world.now += 10min;
  pass();
  ASSERT_EQ(world.all(kinds().job).size(), 1U);
  const Json job = world.all(kinds().job)[0];
  EXPECT_EQ(job["metadata"]["name"], "tick-29453770");
  EXPECT_EQ(job["metadata"]["labels"]["a"], "b");
  EXPECT_EQ(cron()["status"]["lastScheduleTime"], "2026-01-01T00:10:00Z");
  EXPECT_TRUE(pass().changes.empty());
  EXPECT_EQ(cron()["status"]["active"][0]["name"], "tick-29453770");
}

TEST_F(CronJobPlan, WhatWasMissedIsMadeUpForOnceUnlessItIsTooLate) {
  make();
  world.now += 5h + 3min;  // The laptop slept.
  pass();
  EXPECT_EQ(world.all(kinds().job).size(), 1U);
  EXPECT_EQ(cron()["status"]["lastScheduleTime"], "2026-01-01T05:00:00Z");
  cron()["spec"]["startingDeadlineSeconds"] = 60;
  world.now += 5h;
  const Plan late = pass();
  EXPECT_TRUE(late.changes.empty());
  EXPECT_EQ(late.events.at(0).reason, "MissSchedule");
}

TEST_F(CronJobPlan, ConcurrencyPolicies) {
  for (const auto& [policy, jobs, active] :
       std::initializer_list<std::tuple<const char*, std::size_t, std::size_t>>{
           {"Allow", 2, 2}, {"Forbid", 1, 1}, {"Replace", 1, 1}}) {
    world = World();
    make(fmt::format(R"({{"concurrencyPolicy": "{}"}})", policy).c_str());
    world.now += 10min;
    pass();
    world.now += 10min;
    pass();
    pass();
    EXPECT_EQ(world.all(kinds().job).size(), jobs) << policy;
    EXPECT_EQ(cron()["status"]["active"].size(), active) << policy;
    const bool newest = world.has(kinds().job, "tick-29453780");
    EXPECT_EQ(newest, std::string_view(policy) != "Forbid") << policy;
  }
}

TEST_F(CronJobPlan, KeepsAsManyFinishedJobsAsItSays) {
  make(R"({"successfulJobsHistoryLimit": 2})");
  for (int i = 0; i < 5; ++i) {
    world.now += 10min;
    pass();
    finish_all(i == 1 ? "Failed" : "Complete");
  }
  pass();
  EXPECT_EQ(world.all(kinds().job).size(), 3U);  // Two that succeeded, one that failed.
  EXPECT_EQ(cron()["status"]["lastSuccessfulTime"], render_time(world.now));
}

TEST_F(CronJobPlan, SuspendedOrWrongItMakesNothingAndSaysWhy) {
  make(R"({"suspend": true})");
  world.now += 1h;
  EXPECT_TRUE(pass().changes.empty());
  cron()["spec"]["suspend"] = false;
  cron()["spec"]["schedule"] = "61 * * * *";
  EXPECT_EQ(pass().events.at(0).reason, "InvalidSchedule");
  const Plan plan = plan_cron_job({.cron_job = cron(),
                                   .jobs = {},
                                   .zone = TimeZone::load("/nowhere", "A/B"),
                                   .now = world.now});
  EXPECT_EQ(plan.events.at(0).reason, "UnknownTimeZone");
}

class CronWorkflowPlan : public testing::Test {
 protected:
  void make(const char* spec) {
    Json cron = parse(R"({"metadata": {"name": "index"}, "spec": {"schedules": ["30 14 * * *"],
      "startingDeadlineSeconds": 0, "concurrencyPolicy": "Replace",
      "workflowSpec": {"workflowTemplateRef": {"name": "pipeline"}}}})");
    cron["spec"].merge_patch(parse(spec));
    world.put(kinds().cron_workflow, std::move(cron));
  }
  Json& cron() { return world.get(kinds().cron_workflow, "index"); }
  Plan pass() {
    Plan plan = plan_cron_workflow({.cron_workflow = cron(),
                                    .workflows = world.owned(kinds().workflow, cron()),
                                    .now = world.now});
    world.carry_out(kinds().cron_workflow, "index", plan);
    return plan;
  }
  World world;
};

TEST_F(CronWorkflowPlan, MakesAWorkflowAtItsTimeAndLeavesOutWhatItSleptThrough) {
  make("{}");
  EXPECT_EQ(pass().requeue_after, std::chrono::milliseconds(14h + 30min));
  world.now += 14h + 30min + 1s;
  pass();
  ASSERT_EQ(world.all(kinds().workflow).size(), 1U);
  const Json workflow = world.all(kinds().workflow)[0];
  EXPECT_EQ(workflow["metadata"]["name"], "index-1767277800");
  EXPECT_EQ(workflow["metadata"]["labels"]["workflows.argoproj.io/cron-workflow"], "index");
  EXPECT_EQ(workflow["spec"]["workflowTemplateRef"]["name"], "pipeline");
  world.now += 24h + 10min;
  pass();
  EXPECT_EQ(world.all(kinds().workflow).size(), 1U);
  cron()["spec"]["startingDeadlineSeconds"] = 3600;
  pass();  // Replaces the one that is still active.
  ASSERT_EQ(world.all(kinds().workflow).size(), 1U);
  EXPECT_EQ(world.all(kinds().workflow)[0]["metadata"]["name"], "index-1767364200");
}

TEST_F(CronWorkflowPlan, SeveralSchedulesAndWrongOnes) {
  make(R"({"schedules": ["0 3 * * *", "0 1 * * *"]})");
  EXPECT_EQ(pass().requeue_after, std::chrono::milliseconds(1h));
  cron()["spec"]["schedules"] = Json::array({"nonsense"});
  pass();
  EXPECT_EQ(reason_of(cron(), "SpecError"), "SpecError");
  cron()["spec"]["schedules"] = Json::array({"0 3 * * *"});
  pass();
  EXPECT_EQ(reason_of(cron(), "SpecError"), "absent");
}

}  // namespace
}  // namespace rage::workloads
