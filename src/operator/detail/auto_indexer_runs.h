// The runs of one AutoIndexer, as its Jobs and their pods show them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "apis/index_report.h"
#include "operator/plan.h"

namespace rage::op::detail {

enum class RunState { kActive, kSucceeded, kFailed };

struct IndexRun {
  std::string job;
  RunState state = RunState::kActive;
  bool deleting = false;
  std::string started;  // RFC 3339; the Job's creation until its controller has seen it.
  std::string ended;
  std::string problem;  // Why the Job failed, by its own word and its last pod's; for people.
  std::optional<apis::IndexReport> report;  // Of the pod that ended last.
  std::vector<Json> pods;
};

// Oldest first.
std::vector<IndexRun> view_runs(const std::vector<Json>& jobs, const std::vector<Json>& pods);

}  // namespace rage::op::detail
