#include "workloads/cron_job_plan.h"

#include <algorithm>
#include <tuple>

#include "workloads/detail/json_at.h"
#include "workloads/kinds.h"

namespace rage::workloads {
namespace {

using namespace std::chrono_literals;
using detail::find_path;
using detail::list_at;
using detail::map_at;
using detail::number_at;
using detail::text_at;

Timetable timetable_of(const CronJobObservation& observed, const ObjectMeta& meta) {
  const Json& object = observed.cron_job;
  Timetable timetable{.schedules = {text_at(object, {"spec", "schedule"})},
                      .zone = observed.zone,
                      .since = observed.now,
                      .lateness = std::nullopt};
  const auto last = parse_time(text_at(object, {"status", "lastScheduleTime"}));
  const auto created = parse_time(meta.creation_timestamp);
  if (last || created) timetable.since = last ? *last : *created;
  if (find_path(object, {"spec", "startingDeadlineSeconds"}) != nullptr) {
    timetable.lateness =
        std::chrono::seconds(number_at(object, {"spec", "startingDeadlineSeconds"}));
  }
  return timetable;
}

Json reference_to(const ObjectMeta& job) {
  return {{"apiVersion", "batch/v1"},
          {"kind", "Job"},
          {"name", job.name},
          {"namespace", job.ns},
          {"uid", job.uid}};
}

Json new_job(const Json& cron_job, const ObjectMeta& meta, WallTime due) {
  const std::int64_t minutes =
      std::chrono::floor<std::chrono::minutes>(due).time_since_epoch().count();
  Json job =
      object_of(kinds().job, {.ns = meta.ns, .name = fmt::format("{}-{}", meta.name, minutes)});
  const Json& pattern = map_at(cron_job, {"spec", "jobTemplate"});
  Json annotations = map_at(pattern, {"metadata", "annotations"});
  annotations["batch.kubernetes.io/cronjob-scheduled-timestamp"] = render_time(due);
  job["metadata"]["annotations"] = std::move(annotations);
  const Json& labels = map_at(pattern, {"metadata", "labels"});
  if (!labels.empty()) job["metadata"]["labels"] = labels;
  job["metadata"]["ownerReferences"] = Json::array({controller_reference(kinds().cron_job, meta)});
  job["spec"] = map_at(pattern, {"spec"});
  return job;
}

struct Jobs {
  std::vector<ObjectMeta> active;
  std::vector<ObjectMeta> succeeded;
  std::vector<ObjectMeta> failed;
  std::string last_success;  // RFC 3339.
};

Jobs sort_jobs(const std::vector<Json>& documents) {
  Jobs jobs;
  for (const Json& document : documents) {
    ObjectMeta meta = apis::parse_meta(document);
    if (is_condition_true(document, "Complete")) {
      jobs.last_success =
          std::max(jobs.last_success, text_at(document, {"status", "completionTime"}));
      jobs.succeeded.push_back(std::move(meta));
    } else if (is_condition_true(document, "Failed")) {
      jobs.failed.push_back(std::move(meta));
    } else if (!meta.deleting) {
      jobs.active.push_back(std::move(meta));
    }
  }
  return jobs;
}

// False: the run is not made now.
bool make_room(Plan& plan, const Json& cron_job, std::vector<ObjectMeta>& active) {
  const std::string policy = text_at(cron_job, {"spec", "concurrencyPolicy"}, "Allow");
  if (active.empty() || policy == "Allow") return true;
  if (policy == "Forbid") {
    plan.tell("JobAlreadyActive",
              "Not starting job because prior execution is running and "
              "concurrency policy is Forbid");
    return false;
  }
  for (const ObjectMeta& job : active) {
    plan.changes.emplace_back(DeleteObject{kinds().job, job.key(), job.uid});
    plan.tell("SuccessfulDelete", "Deleted job " + job.name);
  }
  active.clear();
  return true;
}

}  // namespace

Result<Due> find_due(const Timetable& timetable, WallTime now) {
  if (!timetable.zone) return fail(timetable.zone.error());
  Due due;
  for (const std::string& text : timetable.schedules) {
    ASSIGN_OR_RETURN(const CronSchedule schedule, parse_cron(text));
    const auto last = last_tick(schedule, *timetable.zone, timetable.since, now);
    if (last && timetable.lateness && *last + *timetable.lateness < now) {
      due.late = due.late ? std::max(*due.late, *last) : *last;
    } else if (last) {
      due.now = due.now ? std::max(*due.now, *last) : *last;
    }
    const auto next = next_tick(schedule, *timetable.zone, now);
    if (next) due.next = due.next ? std::min(*due.next, *next) : *next;
  }
  return due;
}

std::vector<ObjectMeta> beyond_history(std::vector<ObjectMeta> finished, std::int64_t kept) {
  std::ranges::sort(finished, [](const ObjectMeta& a, const ObjectMeta& b) {
    return std::tie(a.creation_timestamp, a.name) < std::tie(b.creation_timestamp, b.name);
  });
  const auto stay = static_cast<std::size_t>(std::max<std::int64_t>(0, kept));
  finished.resize(finished.size() > stay ? finished.size() - stay : 0);
  std::erase_if(finished, [](const ObjectMeta& meta) { return meta.deleting; });
  return finished;
}

Plan plan_cron_job(const CronJobObservation& observed) {
  Plan plan;
  const Json& cron_job = observed.cron_job;
  const ObjectMeta meta = apis::parse_meta(cron_job);
  if (meta.deleting) return plan;
  Jobs jobs = sort_jobs(observed.jobs);
  for (const auto& [finished, limit, fallback] :
       {std::tuple(&jobs.succeeded, "successfulJobsHistoryLimit", 3),
        std::tuple(&jobs.failed, "failedJobsHistoryLimit", 1)}) {
    for (const ObjectMeta& job :
         beyond_history(*finished, number_at(cron_job, {"spec", limit}, fallback))) {
      plan.changes.emplace_back(DeleteObject{kinds().job, job.key(), job.uid});
    }
  }
  Json status = map_at(cron_job, {"status"});
  const auto due = find_due(timetable_of(observed, meta), observed.now);
  if (!due) {
    plan.warn(observed.zone ? "InvalidSchedule" : "UnknownTimeZone", due.error().message);
  } else if (!detail::flag_at(cron_job, {"spec", "suspend"})) {
    if (due->now && make_room(plan, cron_job, jobs.active)) {
      Json job = new_job(cron_job, meta, *due->now);
      plan.tell("SuccessfulCreate", "Created job " + text_at(job, {"metadata", "name"}));
      plan.changes.emplace_back(CreateObject{kinds().job, std::move(job)});
      status["lastScheduleTime"] = render_time(*due->now);
    } else if (due->late && !due->now) {
      plan.warn("MissSchedule", "Missed scheduled time to start a job: " + render_time(*due->late));
    }
    if (due->next) {
      plan.look_again(std::chrono::ceil<std::chrono::milliseconds>(*due->next - observed.now));
    }
  }
  status.erase("active");
  for (const ObjectMeta& job : jobs.active) status["active"].push_back(reference_to(job));
  if (!jobs.last_success.empty()) status["lastSuccessfulTime"] = jobs.last_success;
  plan.status = std::move(status);
  return plan;
}

}  // namespace rage::workloads
