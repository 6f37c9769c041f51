#include "operator/auto_indexer_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "apis/index_report.h"
#include "apis/kinds.h"
#include "operator/detail/auto_indexer_objects.h"
#include "operator/plan_for_test.h"

namespace rage::op {
namespace {

using apis::ConditionStatus;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr std::string_view kPlanTime = "2026-03-05T10:00:00Z";

Json json_of(std::string_view text) {
  const Result<Json> value = codec::parse_json(text);
  EXPECT_TRUE(value.has_value()) << text;
  return value ? *value : Json();
}

apis::AutoIndexer an_indexer() {
  apis::AutoIndexer indexer;
  indexer.meta.name = "docs";
  indexer.meta.ns = "team";
  indexer.meta.uid = "u1";
  indexer.meta.generation = 2;
  indexer.rag_engine = "rag";
  indexer.index_name = "handbook";
  indexer.git = apis::GitSource{.url = "https://example.com/handbook.git",
                                .ref = "main",
                                .paths = {"docs/**"},
                                .exclude_paths = {"*$(X).md"},
                                .access_secret = "git-token"};
  return indexer;
}

apis::AutoIndexer a_scheduled_one() {
  apis::AutoIndexer indexer = an_indexer();
  indexer.schedule = "0 3 * * *";
  return indexer;
}

AutoIndexerObservation with_engine() {
  return {.engine = json_of(R"({"metadata":{"name":"rag","namespace":"team"},"status":{
      "conditions":[{"type":"ServiceReady","status":"True"}]}})")};
}

std::vector<std::string> reasons_of(const Plan& plan) {
  std::vector<std::string> reasons;
  for (const PlannedEvent& event : plan.events) reasons.push_back(event.reason);
  return reasons;
}

Json job_of(const std::string& name, const char* owner_uid = "u1") {
  Json job = object_of(apis::builtin_type("Job"), {.ns = "team", .name = name});
  job["metadata"]["uid"] = "uid-of-" + name;
  job["metadata"]["ownerReferences"] =
      Json::array({{{"kind", "X"}, {"name", "x"}, {"uid", owner_uid}, {"controller", true}}});
  job["status"]["startTime"] = "2026-03-05T09:00:00Z";
  return job;
}

void end(Json& job, const char* type, const char* message = "") {
  job["status"]["conditions"] = Json::array({{{"type", type},
                                              {"status", "True"},
                                              {"reason", "BackoffLimitExceeded"},
                                              {"message", message},
                                              {"lastTransitionTime", "2026-03-05T09:01:00Z"}}});
  if (std::string_view(type) == "Complete") {
    job["status"]["completionTime"] = "2026-03-05T09:01:00Z";
  }
}

Json pod_of_job(const std::string& job, const std::string& message, int exit_code = 0) {
  Json pod = json_of(R"({"metadata":{"name":"p","namespace":"team"},"status":{
      "phase":"Succeeded","containerStatuses":[{"name":"auto-index","state":{"terminated":{
      "finishedAt":"2026-03-05T09:01:00Z"}}}]}})");
  pod["metadata"]["labels"]["batch.kubernetes.io/job-name"] = job;
  Json& ended = pod["status"]["containerStatuses"][0]["state"]["terminated"];
  ended["exitCode"] = exit_code;
  ended["message"] = message;
  return pod;
}

std::string report_of(bool succeeded, std::string reason, std::string message = "") {
  return apis::render_index_report({.succeeded = succeeded,
                                    .reason = std::move(reason),
                                    .message = std::move(message),
                                    .revision = "abc123",
                                    .documents = 12,
                                    .added = 3,
                                    .failed = succeeded ? 0 : 1,
                                    .failures = {}});
}

AutoIndexerObservation after_a_run(const char* type, const std::string& message) {
  AutoIndexerObservation observed = with_engine();
  observed.jobs = {job_of("docs-g2")};
  end(observed.jobs[0], type, "Job has reached the specified backoff limit");
  observed.pods = {pod_of_job("docs-g2", message, std::string_view(type) == "Failed" ? 1 : 0)};
  return observed;
}

std::vector<std::string> arguments_of(const Json& job_spec) {
  return job_spec["template"]["spec"]["containers"][0]["args"].get<std::vector<std::string>>();
}

TEST(AutoIndexerPlan, RunsOnceForEachGeneration) {
  const Plan plan = plan_auto_indexer(an_indexer(), with_engine(), {}, kPlanTime);
  const auto* job = find_change<CreateObject>(plan, "Job");
  ASSERT_TRUE(job);
  EXPECT_EQ(job->object["metadata"]["name"], "docs-g2");
  EXPECT_EQ(job->object["metadata"]["ownerReferences"][0]["uid"], "u1");
  EXPECT_EQ(condition_of(plan).reason, "Pending");
  const auto arguments = arguments_of(job->object["spec"]);
  for (const char* argument :
       {"--index=handbook", "--owner=team/docs", "--server=http://rag.team.svc", "--ref=main",
        "--include=docs/**", "--exclude=*$$(X).md", "--credentials=/etc/rage/credentials",
        "--report=/dev/termination-log", "--max-removed-percent=50"}) {
    EXPECT_THAT(arguments, Contains(argument));
  }
  AutoIndexerObservation observed = with_engine();
  observed.jobs = {job_of("docs-g1"), job_of("docs-g2")};
  const Plan next = plan_auto_indexer(an_indexer(), observed, {}, kPlanTime);
  EXPECT_FALSE(find_change<CreateObject>(next, "Job"));
  EXPECT_EQ(find_change<DeleteObject>(next, "Job")->key.name, "docs-g1");
  EXPECT_EQ(condition_of(next).reason, "Indexing");
  EXPECT_EQ(condition_of(next, "Indexing").status, ConditionStatus::kTrue);
}

// What reads other people's repositories must be able to do as little as possible.
TEST(AutoIndexerPlan, GivesItsPodNoRights) {
  const Json job = detail::render_index_job(an_indexer(), {});
  const Json& pod = job["spec"]["template"]["spec"];
  EXPECT_EQ(pod["automountServiceAccountToken"], false);
  EXPECT_EQ(pod["securityContext"]["runAsNonRoot"], true);
  const Json& container = pod["containers"][0];
  EXPECT_EQ(container["securityContext"]["readOnlyRootFilesystem"], true);
  EXPECT_FALSE(container.contains("env"));
  EXPECT_EQ(pod["volumes"][1]["secret"]["secretName"], "git-token");
  // The cleanup needs no credentials of the source.
  EXPECT_EQ(
      detail::render_cleanup_job(an_indexer(), {})["spec"]["template"]["spec"]["volumes"].size(),
      1U);
}

TEST(AutoIndexerPlan, FollowsASchedule) {
  AutoIndexerObservation observed = with_engine();
  Plan plan = plan_auto_indexer(a_scheduled_one(), observed, {}, kPlanTime);
  const auto* cron = find_change<ApplyObject>(plan, "CronJob");
  ASSERT_TRUE(cron);
  EXPECT_EQ(cron->object["metadata"]["name"], "docs-index");
  EXPECT_EQ(cron->object["spec"]["concurrencyPolicy"], "Forbid");
  EXPECT_EQ(cron->object["spec"]["timeZone"], "Etc/UTC");
  EXPECT_EQ(cron->object["spec"]["suspend"], false);
  EXPECT_EQ(plan.status["nextScheduledTime"], "2026-03-06T03:00:00Z");
  EXPECT_EQ(condition_of(plan).reason, "WaitingForSchedule");
  observed.cron_job = cron->object;
  EXPECT_THAT(plan_auto_indexer(a_scheduled_one(), observed, {}, kPlanTime).changes, IsEmpty());
  apis::AutoIndexer suspended = a_scheduled_one();
  suspended.suspend = true;
  plan = plan_auto_indexer(suspended, observed, {}, kPlanTime);
  EXPECT_EQ(find_change<ApplyObject>(plan, "CronJob")->object["spec"]["suspend"], true);
  EXPECT_FALSE(plan.status.contains("nextScheduledTime"));
  EXPECT_EQ(condition_of(plan).reason, "Suspended");
  // Without a schedule the CronJob goes.
  EXPECT_TRUE(find_change<DeleteObject>(plan_auto_indexer(an_indexer(), observed, {}, kPlanTime),
                                        "CronJob"));
}

TEST(AutoIndexerPlan, LeavesRoomForTheNamesOfScheduledJobs) {
  apis::AutoIndexer indexer = a_scheduled_one();
  indexer.meta.name = std::string(63, 'a');
  EXPECT_LE(detail::cron_job_name(indexer).size(), 52U);
  EXPECT_LE(detail::index_job_name(indexer).size(), 63U);
}

TEST(AutoIndexerPlan, WaitsForItsEngineAndSaysSo) {
  AutoIndexerObservation observed;
  Plan plan = plan_auto_indexer(an_indexer(), observed, {}, kPlanTime);
  EXPECT_THAT(plan.changes, IsEmpty());
  EXPECT_EQ(condition_of(plan).reason, "RAGEngineNotFound");
  EXPECT_THAT(condition_of(plan).message, HasSubstr("RAGEngine rag does not exist"));
  plan = plan_auto_indexer(a_scheduled_one(), observed, {}, kPlanTime);
  EXPECT_EQ(find_change<ApplyObject>(plan, "CronJob")->object["spec"]["suspend"], true);
  observed = with_engine();
  observed.engine["status"]["conditions"][0] = {
      {"type", "ServiceReady"}, {"status", "False"}, {"message", "the service is starting"}};
  plan = plan_auto_indexer(an_indexer(), observed, {}, kPlanTime);
  EXPECT_FALSE(find_change<CreateObject>(plan, "Job"));
  EXPECT_EQ(condition_of(plan).reason, "RAGEngineNotReady");
  EXPECT_THAT(condition_of(plan).message, HasSubstr("the service is starting"));
}

// Arguments of a pod are readable for everybody who may list pods.
TEST(AutoIndexerPlan, KeepsPasswordsOutOfArguments) {
  apis::AutoIndexer indexer = an_indexer();
  indexer.git->url = "https://me:secret@example.com/handbook.git";
  for (const char* schedule : {"", "0 3 * * *"}) {
    indexer.schedule = schedule;
    const Plan plan = plan_auto_indexer(indexer, with_engine(), {}, kPlanTime);
    EXPECT_THAT(plan.changes, IsEmpty());
    EXPECT_EQ(condition_of(plan).reason, "InvalidSource");
    EXPECT_THAT(condition_of(plan).message, Not(HasSubstr("secret@")));
  }
}

TEST(AutoIndexerPlan, TellsWhatTheRunReported) {
  apis::AutoIndexer indexer = an_indexer();
  const auto observed = after_a_run("Complete", report_of(true, "Indexed"));
  const Plan plan = plan_auto_indexer(indexer, observed, {}, kPlanTime);
  EXPECT_EQ(condition_of(plan).status, ConditionStatus::kTrue);
  EXPECT_EQ(condition_of(plan).reason, "Indexed");
  EXPECT_EQ(plan.status["documents"], 12);
  EXPECT_EQ(plan.status["lastRun"]["added"], 3);
  EXPECT_EQ(plan.status["lastIndexedRevision"], "abc123");
  EXPECT_EQ(plan.status["lastIndexedTime"], "2026-03-05T09:01:00Z");
  EXPECT_EQ(plan.status["lastAttemptTime"], "2026-03-05T09:00:00Z");
  EXPECT_THAT(reasons_of(plan), Contains("Indexed"));
  // Silent from then on, also when Job and pod are gone.
  indexer.status = plan.status;
  Plan again = plan_auto_indexer(indexer, observed, {}, "2026-03-05T11:00:00Z");
  EXPECT_EQ(again.status, plan.status);
  EXPECT_THAT(again.events, IsEmpty());
  again = plan_auto_indexer(indexer, with_engine(), {}, kPlanTime);
  EXPECT_EQ(again.status["documents"], 12);
}

// A service that is down for a night does not mean that the index is empty.
TEST(AutoIndexerPlan, KeepsCountsThatARunCouldNotSee) {
  apis::AutoIndexer indexer = a_scheduled_one();
  indexer.status = json_of(R"({"documents":12,"lastIndexedTime":"2026-03-04T03:00:10Z"})");
  const std::string report = apis::render_index_report(
      {.reason = "ServiceUnavailable", .message = "no RAG service", .revision = {}});
  const Plan plan = plan_auto_indexer(indexer, after_a_run("Failed", report), {}, kPlanTime);
  EXPECT_EQ(plan.status["documents"], 12);
  EXPECT_EQ(condition_of(plan).reason, "ServiceUnavailable");
  EXPECT_THAT(condition_of(plan).message, HasSubstr("the next run is at 2026-03-06T03:00:00Z"));
}

// The Job may be complete in our cache before its pod is.
TEST(AutoIndexerPlan, TakesAReportThatComesLate) {
  apis::AutoIndexer indexer = an_indexer();
  AutoIndexerObservation observed = after_a_run("Complete", report_of(true, "Indexed"));
  const auto pods = std::exchange(observed.pods, {});
  indexer.status = plan_auto_indexer(indexer, observed, {}, kPlanTime).status;
  EXPECT_FALSE(indexer.status.contains("documents"));
  observed.pods = pods;
  const Plan plan = plan_auto_indexer(indexer, observed, {}, kPlanTime);
  EXPECT_EQ(plan.status["documents"], 12);
}

TEST(AutoIndexerPlan, SaysWhyARunFailedAndWhatToDo) {
  Plan plan = plan_auto_indexer(
      an_indexer(), after_a_run("Failed", report_of(false, "TooManyRemovals", "11 of 20 are gone")),
      {}, kPlanTime);
  EXPECT_EQ(condition_of(plan).status, ConditionStatus::kFalse);
  EXPECT_EQ(condition_of(plan).reason, "TooManyRemovals");
  EXPECT_THAT(condition_of(plan).message, HasSubstr("11 of 20"));
  EXPECT_THAT(condition_of(plan).message, HasSubstr("delete Job docs-g2 to run again"));
  EXPECT_FALSE(plan.status.contains("lastIndexedTime"));
  EXPECT_THAT(reasons_of(plan), Contains("TooManyRemovals"));
  // A pod that was killed reports nothing: then its Job and its last words have to do.
  plan = plan_auto_indexer(an_indexer(), after_a_run("Failed", "terminate called"), {}, kPlanTime);
  EXPECT_EQ(condition_of(plan).reason, "RunFailed");
  EXPECT_THAT(condition_of(plan).message, HasSubstr("BackoffLimitExceeded"));
  EXPECT_THAT(condition_of(plan).message, HasSubstr("terminate called"));
  AutoIndexerObservation observed = after_a_run("Failed", "");
  observed.pods = {};
  plan = plan_auto_indexer(an_indexer(), observed, {}, kPlanTime);
  EXPECT_THAT(condition_of(plan).message, HasSubstr("does Secret git-token exist?"));
}

// An edited spec is not indexed because the one before it was.
TEST(AutoIndexerPlan, IsNotReadyForASpecThatHasNotRun) {
  apis::AutoIndexer indexer = an_indexer();
  indexer.status =
      plan_auto_indexer(indexer, after_a_run("Complete", report_of(true, "Indexed")), {}, kPlanTime)
          .status;
  indexer.meta.generation = 3;
  AutoIndexerObservation observed = with_engine();
  EXPECT_EQ(condition_of(plan_auto_indexer(indexer, observed, {}, kPlanTime)).reason, "Pending");
  observed.jobs = {job_of("docs-g3")};
  EXPECT_EQ(condition_of(plan_auto_indexer(indexer, observed, {}, kPlanTime)).reason, "Indexing");
}

apis::AutoIndexer a_deleted_one() {
  apis::AutoIndexer indexer = an_indexer();
  indexer.on_delete = apis::Retention::kRemove;
  indexer.meta.finalizers = {std::string(kAutoIndexerFinalizer)};
  indexer.meta.deleting = true;
  indexer.deletion_timestamp = "2026-03-05T09:59:00Z";
  return indexer;
}

TEST(AutoIndexerPlan, AsksForAFinalizerOnlyIfDocumentsAreToGo) {
  EXPECT_FALSE(
      find_change<PatchObject>(plan_auto_indexer(an_indexer(), {}, {}, kPlanTime), "AutoIndexer"));
  apis::AutoIndexer indexer = an_indexer();
  indexer.on_delete = apis::Retention::kRemove;
  EXPECT_TRUE(
      find_change<PatchObject>(plan_auto_indexer(indexer, {}, {}, kPlanTime), "AutoIndexer"));
  indexer = a_deleted_one();
  indexer.on_delete = apis::Retention::kKeep;
  EXPECT_TRUE(plan_auto_indexer(indexer, with_engine(), {}, kPlanTime).release);
}

TEST(AutoIndexerPlan, RemovesDocumentsBeforeItGoes) {
  const apis::AutoIndexer indexer = a_deleted_one();
  AutoIndexerObservation observed = with_engine();
  observed.jobs = {job_of("docs-g2")};
  observed.pods = {pod_of_job("docs-g2", "")};
  observed.pods[0]["status"]["phase"] = "Running";
  Plan plan = plan_auto_indexer(indexer, observed, {}, kPlanTime);  // First all else stops.
  EXPECT_EQ(find_change<DeleteObject>(plan, "Job")->key.name, "docs-g2");
  EXPECT_FALSE(find_change<CreateObject>(plan, "Job"));
  observed.jobs = {};
  EXPECT_THAT(plan_auto_indexer(indexer, observed, {}, kPlanTime).changes, IsEmpty());
  observed.pods = {};
  plan = plan_auto_indexer(indexer, observed, {}, kPlanTime);
  const auto* job = find_change<CreateObject>(plan, "Job");
  ASSERT_TRUE(job);
  EXPECT_THAT(arguments_of(job->object["spec"]), Contains("--remove-all"));
  EXPECT_THAT(arguments_of(job->object["spec"]), Not(Contains(HasSubstr("--git"))));
  EXPECT_FALSE(plan.release);
  EXPECT_EQ(plan.requeue_after, std::chrono::minutes(9));
  observed.jobs = {job_of("docs-cleanup")};
  EXPECT_FALSE(plan_auto_indexer(indexer, observed, {}, kPlanTime).release);
  end(observed.jobs[0], "Complete");
  plan = plan_auto_indexer(indexer, observed, {}, kPlanTime);
  EXPECT_TRUE(plan.release);
  EXPECT_THAT(reasons_of(plan), Contains("DocumentsRemoved"));
}

// A resource that cannot be deleted blocks its namespace for ever.
TEST(AutoIndexerPlan, GoesAllTheSameWhenCleaningUpFails) {
  const apis::AutoIndexer indexer = a_deleted_one();
  AutoIndexerObservation observed;
  EXPECT_THAT(reasons_of(plan_auto_indexer(indexer, observed, {}, kPlanTime)),
              Contains("CleanupSkipped"));
  observed = with_engine();
  observed.jobs = {job_of("docs-cleanup")};
  const Plan late = plan_auto_indexer(indexer, observed, {}, "2026-03-05T10:09:00Z");
  EXPECT_TRUE(late.release);
  EXPECT_THAT(reasons_of(late), Contains("CleanupTimedOut"));
  end(observed.jobs[0], "Failed", "no");
  const Plan failed = plan_auto_indexer(indexer, observed, {}, kPlanTime);
  EXPECT_TRUE(failed.release);
  EXPECT_THAT(reasons_of(failed), Contains("CleanupFailed"));
}

}  // namespace
}  // namespace rage::op
