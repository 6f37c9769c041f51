#include "operator/auto_indexer_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "apis/kinds.h"
#include "operator/detail/auto_indexer_objects.h"
#include "operator/detail/auto_indexer_runs.h"
#include "operator/detail/auto_indexer_status.h"
#include "operator/detail/json_path.h"
#include "operator/maintenance_window.h"

namespace rage::op {
namespace {

using detail::IndexRun;
using detail::Obstacle;
using detail::RunState;
using kube::EventType;
using std::chrono::milliseconds;

// For the last Job of a resource that is being deleted; then it goes all the same.
constexpr std::chrono::minutes kCleanupMax{10};

WallTime time_of(std::string_view text) {
  return parse_time(text).value_or(WallTime{});
}

// Nothing can be planned from such a spec.
std::optional<Obstacle> fault_of_spec(const apis::AutoIndexer& indexer) {
  const bool git = indexer.git && apis::has_password(indexer.git->url);
  if (git || (indexer.http && std::ranges::any_of(indexer.http->urls, apis::has_password))) {
    return Obstacle{.reason = "InvalidSource",
                    .message =
                        "a URL of the source has a password in it: put it into a Secret and "
                        "name that as accessSecret"};
  }
  if (indexer.schedule.empty()) return std::nullopt;
  const auto schedule = parse_cron(indexer.schedule);
  if (schedule) return std::nullopt;
  return Obstacle{.reason = "InvalidSchedule", .message = schedule.error().message};
}

std::optional<Obstacle> fault_of_engine(const apis::AutoIndexer& indexer, const Json& engine) {
  if (!engine.is_object()) {
    return Obstacle{
        .reason = "RAGEngineNotFound",
        .message = fmt::format("RAGEngine {} does not exist in namespace {}: create it, or create "
                               "this AutoIndexer anew with another name in spec.ragEngine",
                               indexer.rag_engine, indexer.meta.ns)};
  }
  const Json* ready = detail::find_condition_json(engine, "ServiceReady");
  if (ready != nullptr && detail::text_at(*ready, {"status"}) == "True") return std::nullopt;
  const std::string why = ready != nullptr ? detail::text_at(*ready, {"message"}) : "";
  return Obstacle{.reason = "RAGEngineNotReady",
                  .message = fmt::format("RAGEngine {} is not ready{}; indexing waits for it",
                                         indexer.rag_engine, why.empty() ? "" : ": " + why)};
}

// Only a resource whose documents are to go has something to do before it goes itself.
void add_finalizer(const apis::AutoIndexer& indexer, std::vector<Change>& changes) {
  if (indexer.on_delete != apis::Retention::kRemove ||
      indexer.meta.has_finalizer(kAutoIndexerFinalizer)) {
    return;
  }
  std::vector<std::string> finalizers = indexer.meta.finalizers;
  finalizers.emplace_back(kAutoIndexerFinalizer);
  Json patch;
  patch["metadata"]["finalizers"] = finalizers;
  // A merge patch replaces the list: only if nobody has changed it meanwhile.
  patch["metadata"]["resourceVersion"] = indexer.meta.resource_version;
  changes.emplace_back(
      PatchObject{apis::auto_indexer_type(), indexer.meta.key(), std::move(patch)});
}

void remove_object(std::string_view kind, const Json& object, std::vector<Change>& changes) {
  const ObjectMeta meta = apis::parse_meta(object);
  if (meta.deleting) return;
  changes.emplace_back(
      DeleteObject{.type = apis::builtin_type(kind), .key = meta.key(), .uid = meta.uid});
}

bool is_ours_directly(const Json& job, const apis::AutoIndexer& indexer) {
  const ObjectMeta meta = apis::parse_meta(job);
  return meta.controller() != nullptr && meta.controller()->uid == indexer.meta.uid;
}

const Json* find_job(const AutoIndexerObservation& observed, const std::string& name) {
  const auto found = std::ranges::find_if(
      observed.jobs, [&](const Json& job) { return apis::parse_meta(job).name == name; });
  return found == observed.jobs.end() ? nullptr : &*found;
}

enum class Start { kNo, kYes };

// Without a schedule: the Job of this generation, made once nothing stands in the way. Those of
// earlier ones go; what they did is in the status.
void plan_single_run(const apis::AutoIndexer& indexer, const AutoIndexerObservation& observed,
                     Start start, const Settings& settings, std::vector<Change>& changes) {
  if (observed.cron_job.is_object()) remove_object("CronJob", observed.cron_job, changes);
  const std::string wanted = detail::index_job_name(indexer);
  for (const Json& job : observed.jobs) {
    if (apis::parse_meta(job).name != wanted && is_ours_directly(job, indexer)) {
      remove_object("Job", job, changes);
    }
  }
  if (start == Start::kNo || find_job(observed, wanted) != nullptr) return;
  changes.emplace_back(
      CreateObject{apis::builtin_type("Job"), detail::render_index_job(indexer, settings)});
}

// A RAGEngine that restarts does not stop the clock: a run waits for it. One that is not there
// does.
void plan_schedule(const apis::AutoIndexer& indexer, const AutoIndexerObservation& observed,
                   const Settings& settings, std::vector<Change>& changes) {
  for (const Json& job : observed.jobs) {
    if (is_ours_directly(job, indexer)) remove_object("Job", job, changes);
  }
  const bool paused = indexer.suspend || !observed.engine.is_object();
  plan_apply(changes, apis::builtin_type("CronJob"),
             detail::render_cron_job(indexer, paused ? detail::Paused::kYes : detail::Paused::kNo,
                                     settings),
             observed.cron_job);
}

bool is_at_work(const Json& pod) {
  const std::string phase = detail::text_at(pod, {"status", "phase"});
  return phase != "Succeeded" && phase != "Failed";
}

Plan release(EventType type, const char* reason, std::string message) {
  Plan plan;
  plan.events.push_back({type, reason, std::move(message)});
  plan.release = true;
  return plan;
}

// First nothing may add documents any more, then the last Job removes them.
void plan_cleanup(const apis::AutoIndexer& indexer, const AutoIndexerObservation& observed,
                  const Settings& settings, Plan& plan) {
  const std::string cleanup = detail::cleanup_job_name(indexer);
  bool quiet = !observed.cron_job.is_object();
  if (!quiet) remove_object("CronJob", observed.cron_job, plan.changes);
  for (const Json& job : observed.jobs) {
    if (apis::parse_meta(job).name == cleanup) continue;
    quiet = false;
    remove_object("Job", job, plan.changes);
  }
  if (find_job(observed, cleanup) != nullptr) return;
  if (!quiet || std::ranges::any_of(observed.pods, is_at_work)) return;
  plan.changes.emplace_back(
      CreateObject{apis::builtin_type("Job"), detail::render_cleanup_job(indexer, settings)});
}

std::optional<Plan> plan_release(const apis::AutoIndexer& indexer,
                                 const AutoIndexerObservation& observed, WallTime deadline,
                                 WallTime now) {
  if (!indexer.meta.has_finalizer(kAutoIndexerFinalizer) ||
      indexer.on_delete == apis::Retention::kKeep) {
    Plan plan;
    plan.release = true;
    return plan;
  }
  if (!observed.engine.is_object() || apis::parse_meta(observed.engine).deleting) {
    return release(EventType::kWarning, "CleanupSkipped",
                   fmt::format("RAGEngine {} is gone, so its documents could not be removed",
                               indexer.rag_engine));
  }
  const Json* job = find_job(observed, detail::cleanup_job_name(indexer));
  if (job != nullptr) {
    const auto runs = detail::view_runs({*job}, observed.pods);
    const IndexRun& run = runs.front();
    if (run.state == RunState::kSucceeded) {
      return release(EventType::kNormal, "DocumentsRemoved",
                     fmt::format("{} documents were removed from index {}",
                                 run.report ? std::to_string(run.report->removed) : "all",
                                 indexer.index_name));
    }
    if (run.state == RunState::kFailed) {
      return release(EventType::kWarning, "CleanupFailed",
                     fmt::format("documents may be left in index {}: {}", indexer.index_name,
                                 run.report ? run.report->message : run.problem));
    }
  }
  if (now < deadline) return std::nullopt;
  return release(EventType::kWarning, "CleanupTimedOut",
                 fmt::format("documents may be left in index {}: they could not be removed within "
                             "{} minutes",
                             indexer.index_name, kCleanupMax.count()));
}

Plan plan_deletion(const apis::AutoIndexer& indexer, const AutoIndexerObservation& observed,
                   const Settings& settings, std::string_view now_text) {
  const WallTime now = time_of(now_text);
  const WallTime deadline = time_of(indexer.deletion_timestamp) + kCleanupMax;
  if (auto released = plan_release(indexer, observed, deadline, now)) return *std::move(released);
  Plan plan;
  plan_cleanup(indexer, observed, settings, plan);
  plan.requeue_after = std::chrono::duration_cast<milliseconds>(deadline - now);
  plan.status = indexer.status.is_object() ? indexer.status : Json::object();
  apis::Conditions conditions = apis::parse_conditions(plan.status);
  apis::set_condition(conditions,
                      {.type = "Ready",
                       .status = apis::ConditionStatus::kFalse,
                       .reason = "RemovingDocuments",
                       .message = fmt::format("until {} at the latest, as "
                                              "spec.retention.onDelete says",
                                              render_time(deadline)),
                       .observed_generation = indexer.meta.generation,
                       .last_transition_time = {}},
                      now_text);
  plan.status["conditions"] = apis::render_conditions(conditions);
  return plan;
}

std::optional<WallTime> next_run_of(const apis::AutoIndexer& indexer, WallTime now) {
  if (indexer.schedule.empty() || indexer.suspend) return std::nullopt;
  const auto schedule = parse_cron(indexer.schedule);
  return schedule ? next_tick(*schedule, now) : std::nullopt;
}

}  // namespace

Plan plan_auto_indexer(const apis::AutoIndexer& indexer, const AutoIndexerObservation& observed,
                       const Settings& settings, std::string_view now) {
  if (indexer.meta.deleting) return plan_deletion(indexer, observed, settings, now);
  Plan plan;
  add_finalizer(indexer, plan.changes);
  auto obstacle = fault_of_spec(indexer);
  std::optional<WallTime> next_run;
  if (!obstacle) {
    obstacle = fault_of_engine(indexer, observed.engine);
    if (indexer.schedule.empty()) {
      const Start start = obstacle || indexer.suspend ? Start::kNo : Start::kYes;
      plan_single_run(indexer, observed, start, settings, plan.changes);
    } else {
      plan_schedule(indexer, observed, settings, plan.changes);
      if (observed.engine.is_object()) next_run = next_run_of(indexer, time_of(now));
    }
  }
  const auto runs = detail::view_runs(observed.jobs, observed.pods);
  auto rendered = detail::render_auto_indexer_status(indexer, obstacle, runs,
                                                     next_run ? render_time(*next_run) : "", now);
  plan.status = std::move(rendered.status);
  plan.events = std::move(rendered.events);
  if (next_run) {  // To name the one after it.
    plan.requeue_after = std::chrono::duration_cast<milliseconds>(*next_run - time_of(now)) +
                         std::chrono::seconds(1);
  }
  return plan;
}

}  // namespace rage::op
