// batch/v1 Job. Pure. Source: Kubernetes, "Jobs".
#pragma once

#include <vector>

#include "workloads/plan.h"

namespace rage::workloads {

struct JobObservation {
  Json job;
  std::vector<Json> pods;  // It controls them.
  WallTime now;
};

// completions, parallelism, Indexed, backoffLimit, activeDeadlineSeconds, suspend,
// ttlSecondsAfterFinished. Pods that fail are replaced after 10 s, doubling, at most 6 min.
// Unlike upstream, pods carry no finalizer: one that ended and is deleted by hand before its job
// has ended may be run again. podFailurePolicy, successPolicy and managedBy are not looked at.
Plan plan_job(const JobObservation& observed);

}  // namespace rage::workloads
