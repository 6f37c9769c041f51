#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "base/strings.h"
#include "operator/detail/auto_indexer_objects.h"
#include "operator/detail/auto_indexer_runs.h"
#include "operator/detail/json_path.h"
#include "operator/detail/node_conditions.h"

namespace rage::op::detail {
namespace {

std::string job_of(const Json& pod) {
  const ObjectMeta meta = apis::parse_meta(pod);
  const std::string name = meta.label("batch.kubernetes.io/job-name");
  return name.empty() ? meta.label("job-name") : name;
}

// state.terminated of our container; null while it runs.
const Json* terminated_of(const Json& pod) {
  for (const Json& status : list_at(pod, {"status", "containerStatuses"})) {
    if (text_at(status, {"name"}) == kIndexContainer) {
      return find_path(status, {"state", "terminated"});
    }
  }
  return nullptr;
}

const Json* last_ended(const std::vector<Json>& pods) {
  const Json* last = nullptr;
  std::string last_time;
  for (const Json& pod : pods) {
    const Json* ended = terminated_of(pod);
    if (ended == nullptr) continue;
    std::string time = text_at(*ended, {"finishedAt"});
    if (last != nullptr && time < last_time) continue;
    last = ended;
    last_time = std::move(time);
  }
  return last;
}

void read_conditions(const Json& job, IndexRun& run) {
  for (const Json& condition : list_at(job, {"status", "conditions"})) {
    if (text_at(condition, {"status"}) != "True") continue;
    const std::string type = text_at(condition, {"type"});
    if (type != "Complete" && type != "Failed") continue;
    run.state = type == "Complete" ? RunState::kSucceeded : RunState::kFailed;
    run.ended = text_at(job, {"status", "completionTime"});
    if (run.ended.empty()) run.ended = text_at(condition, {"lastTransitionTime"});
    if (type == "Failed") {
      run.problem =
          fmt::format("{}: {}", text_at(condition, {"reason"}), text_at(condition, {"message"}));
    }
  }
}

void read_report(IndexRun& run) {
  const Json* ended = last_ended(run.pods);
  if (ended == nullptr) return;
  const std::string message = text_at(*ended, {"message"});
  auto report = apis::parse_index_report(message);
  if (report) {
    run.report = *std::move(report);
    return;
  }
  if (run.state != RunState::kFailed) return;
  const std::string reason = text_at(*ended, {"reason"});
  run.problem +=
      fmt::format("; its last pod ended with exit code {}{}", int_at(*ended, {"exitCode"}),
                  reason.empty() ? "" : " (" + reason + ")");
  if (!trim(message).empty()) run.problem += ": " + std::string(trim(message));
  run.problem = shortened(std::move(run.problem));
}

}  // namespace

std::vector<IndexRun> view_runs(const std::vector<Json>& jobs, const std::vector<Json>& pods) {
  std::vector<IndexRun> runs;
  for (const Json& job : jobs) {
    const ObjectMeta meta = apis::parse_meta(job);
    IndexRun run{.job = meta.name, .deleting = meta.deleting};
    run.started = text_at(job, {"status", "startTime"});
    if (run.started.empty()) run.started = meta.creation_timestamp;
    for (const Json& pod : pods) {
      if (job_of(pod) == meta.name) run.pods.push_back(pod);
    }
    read_conditions(job, run);
    read_report(run);
    runs.push_back(std::move(run));
  }
  std::ranges::sort(runs, {}, [](const IndexRun& run) { return std::tie(run.started, run.job); });
  return runs;
}

}  // namespace rage::op::detail
