#include <algorithm>
#include <tuple>

#include "workloads/detail/json_at.h"
#include "workloads/kinds.h"
#include "workloads/workflow_plan.h"

namespace rage::workloads {
namespace {

using namespace std::chrono_literals;
using detail::list_at;
using detail::map_at;
using detail::number_at;
using detail::text_at;

constexpr std::chrono::seconds kLateness = 60s;
constexpr const char* kCronLabel = "workflows.argoproj.io/cron-workflow";

Timetable timetable_of(const CronWorkflowObservation& observed, const ObjectMeta& meta) {
  const Json& object = observed.cron_workflow;
  Timetable timetable{
      .schedules = {}, .zone = observed.zone, .since = observed.now, .lateness = kLateness};
  for (const Json& schedule : list_at(object, {"spec", "schedules"})) {
    if (schedule.is_string()) timetable.schedules.push_back(schedule.get<std::string>());
  }
  const std::string one = text_at(object, {"spec", "schedule"});
  if (timetable.schedules.empty() || !one.empty()) timetable.schedules.push_back(one);
  const auto last = parse_time(text_at(object, {"status", "lastScheduledTime"}));
  const auto created = parse_time(meta.creation_timestamp);
  if (last || created) timetable.since = last ? *last : *created;
  const std::int64_t stated = number_at(object, {"spec", "startingDeadlineSeconds"});
  if (stated > 0) timetable.lateness = std::chrono::seconds(stated);
  return timetable;
}

struct Runs {
  std::vector<ObjectMeta> active;
  std::vector<ObjectMeta> succeeded;
  std::vector<ObjectMeta> failed;
};

Runs sort_runs(const std::vector<Json>& workflows) {
  Runs runs;
  for (const Json& workflow : workflows) {
    ObjectMeta meta = apis::parse_meta(workflow);
    const std::string phase = text_at(workflow, {"status", "phase"});
    if (phase == "Succeeded") {
      runs.succeeded.push_back(std::move(meta));
    } else if (phase == "Failed" || phase == "Error") {
      runs.failed.push_back(std::move(meta));
    } else if (!meta.deleting) {
      runs.active.push_back(std::move(meta));
    }
  }
  return runs;
}

Json new_workflow(const Json& cron, const ObjectMeta& meta, WallTime due) {
  Json workflow =
      object_of(kinds().workflow,
                {.ns = meta.ns, .name = fmt::format("{}-{}", meta.name, unix_seconds(due))});
  Json labels = map_at(cron, {"spec", "workflowMetadata", "labels"});
  labels[kCronLabel] = meta.name;
  workflow["metadata"]["labels"] = std::move(labels);
  Json annotations = map_at(cron, {"spec", "workflowMetadata", "annotations"});
  annotations["workflows.argoproj.io/scheduled-time"] = render_time(due);
  workflow["metadata"]["annotations"] = std::move(annotations);
  workflow["metadata"]["ownerReferences"] =
      Json::array({controller_reference(kinds().cron_workflow, meta)});
  workflow["spec"] = map_at(cron, {"spec", "workflowSpec"});
  return workflow;
}

bool make_room_for_workflow(Plan& plan, const Json& cron, std::vector<ObjectMeta>& active) {
  const std::string policy = text_at(cron, {"spec", "concurrencyPolicy"}, "Allow");
  if (active.empty() || policy == "Allow") return true;
  if (policy == "Forbid") return false;
  for (const ObjectMeta& run : active) {
    plan.changes.emplace_back(DeleteObject{kinds().workflow, run.key(), run.uid});
  }
  active.clear();
  return true;
}

}  // namespace

Plan plan_cron_workflow(const CronWorkflowObservation& observed) {
  Plan plan;
  const Json& cron = observed.cron_workflow;
  const ObjectMeta meta = apis::parse_meta(cron);
  if (meta.deleting) return plan;
  Runs runs = sort_runs(observed.workflows);
  for (const auto& [finished, limit, fallback] :
       {std::tuple(&runs.succeeded, "successfulJobsHistoryLimit", 3),
        std::tuple(&runs.failed, "failedJobsHistoryLimit", 1)}) {
    for (const ObjectMeta& run :
         beyond_history(*finished, number_at(cron, {"spec", limit}, fallback))) {
      plan.changes.emplace_back(DeleteObject{kinds().workflow, run.key(), run.uid});
    }
  }
  Json status = map_at(cron, {"status"});
  Json conditions = list_at(status, {"conditions"});
  const auto due = find_due(timetable_of(observed, meta), observed.now);
  if (!due) {
    set_condition(conditions,
                  {.type = "SpecError",
                   .status = "True",
                   .reason = "SpecError",
                   .message = due.error().message},
                  observed.now);
  } else {
    std::erase_if(conditions.get_ref<Json::array_t&>(), [](const Json& condition) {
      return codec::string_or(condition, "type", "") == "SpecError";
    });
    const bool suspended = detail::flag_at(cron, {"spec", "suspend"});
    if (due->now && !suspended && make_room_for_workflow(plan, cron, runs.active)) {
      Json workflow = new_workflow(cron, meta, *due->now);
      plan.tell("SuccessfulCreate", "Created workflow " + text_at(workflow, {"metadata", "name"}));
      plan.changes.emplace_back(CreateObject{kinds().workflow, std::move(workflow)});
      status["lastScheduledTime"] = render_time(*due->now);
    }
    if (due->next && !suspended) {
      plan.look_again(std::chrono::ceil<std::chrono::milliseconds>(*due->next - observed.now));
    }
  }
  Json active = Json::array();
  for (const ObjectMeta& run : runs.active) {
    active.push_back({{"apiVersion", kinds().workflow.api_version()},
                      {"kind", "Workflow"},
                      {"name", run.name},
                      {"namespace", run.ns},
                      {"uid", run.uid}});
  }
  status["active"] = std::move(active);
  status["phase"] = "Active";
  status.erase("conditions");
  if (!conditions.empty()) status["conditions"] = std::move(conditions);
  plan.status = std::move(status);
  return plan;
}

}  // namespace rage::workloads
