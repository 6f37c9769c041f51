#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "operator/detail/auto_indexer_objects.h"
#include "operator/detail/auto_indexer_status.h"
#include "operator/detail/json_path.h"
#include "operator/detail/node_conditions.h"
#include "operator/workspace_plan.h"

namespace rage::op::detail {
namespace {

using apis::ConditionStatus;
using apis::IndexReport;
using kube::EventType;

constexpr std::size_t kFailuresShown = 3;

struct Verdict {
  ConditionStatus status = ConditionStatus::kFalse;
  std::string reason;
  std::string message;
};

template <class Predicate>
const IndexRun* newest(const std::vector<IndexRun>& runs, Predicate&& wanted) {
  const auto found = std::find_if(runs.rbegin(), runs.rend(), [&](const IndexRun& run) {
    return !run.deleting && wanted(run.state);
  });
  return found == runs.rend() ? nullptr : &*found;
}

const IndexRun* newest_ended(const std::vector<IndexRun>& runs) {
  return newest(runs, [](RunState state) { return state != RunState::kActive; });
}

const IndexRun* newest_active(const std::vector<IndexRun>& runs) {
  return newest(runs, [](RunState state) { return state == RunState::kActive; });
}

std::string source_of(const apis::AutoIndexer& indexer) {
  if (indexer.git) return indexer.git->url;
  return fmt::format("{} URLs", indexer.http ? indexer.http->urls.size() : 0);
}

std::string counts_of(const IndexReport& report) {
  return fmt::format("{} added, {} changed, {} removed, {} unchanged, {} failed", report.added,
                     report.changed, report.removed, report.unchanged, report.failed);
}

// What happened, as the report tells it; without one, as the Job does.
Verdict outcome_of(const apis::AutoIndexer& indexer, const IndexRun& run) {
  const bool succeeded = run.state == RunState::kSucceeded;
  Verdict verdict{.status = succeeded ? ConditionStatus::kTrue : ConditionStatus::kFalse,
                  .reason = succeeded ? "Indexed" : "RunFailed",
                  .message = {}};
  if (!run.report) {
    verdict.message =
        succeeded ? "the index holds the source; the pod that said how much is gone" : run.problem;
    const std::string secret = indexer.git    ? indexer.git->access_secret
                               : indexer.http ? indexer.http->access_secret
                                              : "";
    if (!succeeded && run.pods.empty() && !secret.empty()) {
      verdict.message += fmt::format("; if its pod never started: does Secret {} exist?", secret);
    }
    return verdict;
  }
  const IndexReport& report = *run.report;
  if (succeeded) {
    verdict.message = fmt::format("{} documents of {} at {}: {}", report.documents,
                                  source_of(indexer), report.revision, counts_of(report));
    return verdict;
  }
  verdict.reason = report.succeeded ? "RunFailed" : report.reason;
  verdict.message = report.succeeded ? run.problem : report.message;
  for (std::size_t i = 0; i < std::min(report.failures.size(), kFailuresShown); ++i) {
    verdict.message += (i == 0 ? " (" : "; ") + report.failures[i];
  }
  if (!report.failures.empty()) verdict.message += ")";
  verdict.message = shortened(std::move(verdict.message));
  return verdict;
}

Json render_run(const IndexRun& run, const Verdict& outcome) {
  Json json = {{"job", run.job},
               {"outcome", run.state == RunState::kSucceeded ? "Succeeded" : "Failed"},
               {"reason", outcome.reason},
               {"message", outcome.message}};
  if (!run.started.empty()) json["startTime"] = run.started;
  if (!run.ended.empty()) json["completionTime"] = run.ended;
  if (!run.report) return json;
  const IndexReport& report = *run.report;
  json["added"] = report.added;
  json["changed"] = report.changed;
  json["removed"] = report.removed;
  json["unchanged"] = report.unchanged;
  json["failed"] = report.failed;
  json["skipped"] = report.skipped;
  return json;
}

// A quiet run is no event: a schedule of every minute would bury everything else.
void announce(const IndexRun& run, const Verdict& outcome, std::vector<PlannedEvent>& events) {
  if (run.state == RunState::kFailed) {
    events.push_back({EventType::kWarning, outcome.reason, outcome.message});
    return;
  }
  const bool wrote =
      run.report && run.report->added + run.report->changed + run.report->removed > 0;
  if (wrote) events.push_back({EventType::kNormal, outcome.reason, outcome.message});
}

// Once a run, and once more if the report comes after the Job's end.
void record(const apis::AutoIndexer& indexer, const IndexRun& run, AutoIndexerStatus& result) {
  Json& status = result.status;
  const bool known = text_at(status, {"lastRun", "job"}) == run.job &&
                     text_at(status, {"lastRun", "startTime"}) == run.started;
  const bool reported = find_path(status, {"lastRun", "added"}) != nullptr;
  if (known && (reported || !run.report)) return;
  const Verdict outcome = outcome_of(indexer, run);
  status["lastRun"] = render_run(run, outcome);
  announce(run, outcome, result.events);
  if (run.state == RunState::kSucceeded && !run.ended.empty())
    status["lastIndexedTime"] = run.ended;
  if (!run.report) return;
  // A run that did not even see the index knows nothing of it.
  const bool saw_source = !run.report->revision.empty();
  if (saw_source || run.report->documents > 0) status["documents"] = run.report->documents;
  if (!saw_source) return;
  status["failedDocuments"] = run.report->failed;
  if (run.state == RunState::kSucceeded) status["lastIndexedRevision"] = run.report->revision;
}

// What to do about a run that failed.
std::string advice(const apis::AutoIndexer& indexer, const std::string& next_run) {
  if (!next_run.empty()) return "; the next run is at " + next_run;
  if (indexer.suspend) return "; it is suspended";
  return fmt::format("; mend it, then delete Job {} to run again", index_job_name(indexer));
}

Verdict judge(const apis::AutoIndexer& indexer, const std::optional<Obstacle>& obstacle,
              const IndexRun* active, const Json& status, const std::string& next_run) {
  if (obstacle) return {.reason = obstacle->reason, .message = obstacle->message};
  // Without a schedule, only the run of this very spec counts.
  const std::string last = text_at(status, {"lastRun", "job"});
  if (!last.empty() && (!indexer.schedule.empty() || last == index_job_name(indexer))) {
    const bool good = text_at(status, {"lastRun", "outcome"}) == "Succeeded";
    const std::string message = text_at(status, {"lastRun", "message"});
    return {.status = good ? ConditionStatus::kTrue : ConditionStatus::kFalse,
            .reason = text_at(status, {"lastRun", "reason"}),
            .message = good ? message : message + advice(indexer, next_run)};
  }
  if (active != nullptr) {
    if (const auto problem = diagnose_pods(active->pods)) {
      return {.reason = problem->reason, .message = problem->message};
    }
    return {.status = ConditionStatus::kUnknown,
            .reason = "Indexing",
            .message = fmt::format("Job {} is at work", active->job)};
  }
  if (indexer.suspend) {
    return {.reason = "Suspended", .message = "spec.suspend is true: nothing runs"};
  }
  if (!next_run.empty()) {
    return {.reason = "WaitingForSchedule", .message = "the first run is at " + next_run};
  }
  return {.reason = "Pending", .message = "its Job is being made"};
}

}  // namespace

AutoIndexerStatus render_auto_indexer_status(const apis::AutoIndexer& indexer,
                                             const std::optional<Obstacle>& obstacle,
                                             const std::vector<IndexRun>& runs,
                                             const std::string& next_run, std::string_view now) {
  AutoIndexerStatus result;
  Json& status = result.status;
  status = indexer.status.is_object() ? indexer.status : Json::object();
  status["observedGeneration"] = indexer.meta.generation;
  status.erase("nextScheduledTime");
  if (!next_run.empty()) status["nextScheduledTime"] = next_run;
  if (!runs.empty() && text_at(status, {"lastAttemptTime"}) < runs.back().started) {
    status["lastAttemptTime"] = runs.back().started;
  }
  if (const IndexRun* ended = newest_ended(runs)) record(indexer, *ended, result);
  const IndexRun* active = newest_active(runs);
  apis::Conditions conditions = apis::parse_conditions(status);
  const auto set = [&](const char* type, Verdict verdict) {
    apis::set_condition(conditions,
                        {.type = type,
                         .status = verdict.status,
                         .reason = std::move(verdict.reason),
                         .message = std::move(verdict.message),
                         .observed_generation = indexer.meta.generation,
                         .last_transition_time = {}},
                        now);
  };
  set("Ready", judge(indexer, obstacle, active, status, next_run));
  set("Indexing",
      active != nullptr
          ? Verdict{ConditionStatus::kTrue, "Running", fmt::format("Job {}", active->job)}
          : Verdict{ConditionStatus::kFalse, "NotRunning", "no run is under way"});
  status["conditions"] = apis::render_conditions(conditions);
  return result;
}

}  // namespace rage::op::detail
