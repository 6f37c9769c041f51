// batch/v1 CronJob. Pure. Source: Kubernetes, "CronJob".
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "workloads/cron.h"
#include "workloads/plan.h"

namespace rage::workloads {

// What kinds with a schedule have in common.
struct Timetable {
  std::vector<std::string> schedules;
  Result<TimeZone> zone = TimeZone();
  WallTime since;                                // The last run, or the object's creation.
  std::optional<std::chrono::seconds> lateness;  // Later than this, a run is left out.
};
struct Due {
  std::optional<WallTime> now;   // The latest run that has to be made.
  std::optional<WallTime> late;  // One that was left out.
  std::optional<WallTime> next;
};
// The error says what of the schedule or the zone is wrong.
Result<Due> find_due(const Timetable& timetable, WallTime now);

// Those beyond the newest `kept`, by creation, oldest first.
std::vector<ObjectMeta> beyond_history(std::vector<ObjectMeta> finished, std::int64_t kept);

struct CronJobObservation {
  Json cron_job;
  std::vector<Json> jobs;              // It controls them.
  Result<TimeZone> zone = TimeZone();  // Of spec.timeZone.
  WallTime now;
};

// A run that was missed (the machine slept) is made up for once, within startingDeadlineSeconds.
Plan plan_cron_job(const CronJobObservation& observed);

}  // namespace rage::workloads
