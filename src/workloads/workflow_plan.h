// argoproj.io/v1alpha1 Workflow and CronWorkflow. Pure.
// Source: Argo Workflows, "Core Concepts", "Field Reference", "Cron Workflows".
//
// A workflow is a list of pods (workflow_steps.h) that share the claims of its
// volumeClaimTemplates. What is not run here is phase Error with a message that names it.
// retryStrategy, artifacts, outputs, hooks and synchronization are not looked at.
#pragma once

#include <vector>

#include "workloads/cron_job_plan.h"
#include "workloads/plan.h"

namespace rage::workloads {

struct WorkflowObservation {
  Json workflow;
  Json workflow_template;    // Of spec.workflowTemplateRef; null: absent or not named.
  std::vector<Json> pods;    // It controls them.
  std::vector<Json> claims;  // It controls them.
  WallTime now;
};

// One pod per container template, groups in order; the first that fails ends the workflow. Phases
// are remembered in status.nodes, so that pods may be deleted. podGC, ttlStrategy,
// activeDeadlineSeconds, suspend and shutdown are obeyed; claims go when it succeeds.
Plan plan_workflow(const WorkflowObservation& observed);

struct CronWorkflowObservation {
  Json cron_workflow;
  std::vector<Json> workflows;         // It controls them.
  Result<TimeZone> zone = TimeZone();  // Of spec.timezone.
  WallTime now;
};

// Without startingDeadlineSeconds, or with 0, a run that is more than a minute late is left out, as
// in Argo, where a controller that was away makes up for nothing.
Plan plan_cron_workflow(const CronWorkflowObservation& observed);

}  // namespace rage::workloads
