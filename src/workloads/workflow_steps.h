// An Argo workflow's templates as a list of pods to run, parameters filled in. Pure.
// Source: Argo Workflows, "Field Reference": Template, WorkflowStep, Arguments; "Workflow
// Variables".
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "codec/json.h"

namespace rage::workloads {

using codec::Json;

// One container to run.
struct WorkflowNode {
  std::string name;          // "run[0].download"; the workflow's own for a lone container.
  std::string display_name;  // "download"
  std::string template_name;
  Json pattern;  // The template, every {{...}} that is known filled in.
};
// Groups run one after the other; the nodes of one, side by side.
using WorkflowGroups = std::vector<std::vector<WorkflowNode>>;

struct WorkflowIdentity {
  std::string name;
  std::string ns;
  std::string uid;
};

// `spec` is the workflow's, over its template's. Templates of `container` and of `steps`, nested at
// most eight deep, at most 200 pods. kInvalidArgument: something is wrong or missing;
// kUnimplemented names a feature that is not run here (dag, script, when, withItems, ...).
Result<WorkflowGroups> plan_steps(const Json& spec, const WorkflowIdentity& workflow);

// The workflow's spec with what it leaves open taken from the WorkflowTemplate's; parameters are
// merged by name.
Json merge_workflow_specs(const Json& from_template, const Json& own);

}  // namespace rage::workloads
