// Conditions and state of a Workspace. Types, reasons and states are upstream's.
#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "operator/detail/json_path.h"
#include "operator/detail/workspace_planning.h"

namespace rage::op::detail {
namespace {

constexpr std::string_view kErrorMark = " (last reconcile error: ";

std::string with_detail(std::string_view text, const std::string& detail) {
  return detail.empty() ? std::string(text) : fmt::format("{}: {}", text, detail);
}

// What is known of pods that are not ready yet, best first.
std::string describe_progress(const Json& stateful_set, const WorkloadFacts& facts) {
  if (!facts.waiting_for.empty()) return facts.waiting_for;
  if (!stateful_set.is_object()) return "the StatefulSet is being created";
  if (revision_of(stateful_set) != facts.revision) return "the StatefulSet is being updated";
  return fmt::format("{} of {} pods are ready", int_at(stateful_set, {"status", "readyReplicas"}),
                     int_at(stateful_set, {"spec", "replicas"}, 1));
}

void conclude_inference(const Pass& pass, apis::WorkspaceStatus& status,
                        const WorkloadFacts& facts) {
  const Json& stateful_set = pass.observed.stateful_set;
  const auto set = [&](bool ok, std::string_view reason, std::string message) {
    set_condition(pass, status, "InferenceReady", ok, reason, std::move(message));
  };
  const std::string advice = facts.advice.empty() ? "" : "; " + facts.advice;
  if (is_serving(stateful_set, facts)) {
    set(true, "WorkspaceInferenceStatusSuccess", "Inference has been deployed successfully");
  } else if (!facts.failure.empty()) {
    set(false, facts.failure_reason, facts.failure);
  } else if (const auto problem = diagnose_pods(pass.observed.pods)) {
    set(false, problem->reason, problem->message + advice);
  } else {
    set(false, "WorkspaceInferenceStatusPending",
        with_detail("Inference workload is not ready", describe_progress(stateful_set, facts)) +
            advice);
  }

  const bool ready = apis::is_true(status.conditions, "ResourceReady") &&
                     apis::is_true(status.conditions, "InferenceReady");
  if (ready) {
    set_condition(pass, status, "WorkspaceSucceeded", true, "workspaceSucceeded",
                  "workspace succeeds");
    status.state = "Ready";
    return;
  }
  std::string why;
  for (const std::string_view type : {"ResourceReady", "InferenceReady"}) {
    const apis::Condition* condition = apis::find_condition(status.conditions, type);
    if (condition == nullptr || condition->status == apis::ConditionStatus::kTrue) continue;
    why = condition->message;
    break;
  }
  set_condition(pass, status, "WorkspaceSucceeded", false, "workspacePending",
                with_detail("workspace is not ready", why));
  // Pending is a first start; what once served and does not now is NotReady.
  const bool served = status.state == "Ready" || status.state == "NotReady";
  status.state = served ? "NotReady" : "Pending";
}

enum class TuningState { kPending, kRunning, kSucceeded, kFailed };

TuningState tuning_state(const Json& job, const WorkloadFacts& facts) {
  // A Job of another revision is about to go: what it reached means nothing for this one.
  if (!job.is_object() || revision_of(job) != facts.revision) return TuningState::kPending;
  const auto count = [&](std::string_view field) { return int_at(job, {"status", field}); };
  // Upstream looks at failed pods first and calls a Job failed whose second try succeeded.
  if (count("succeeded") > 0) return TuningState::kSucceeded;
  if (count("failed") > 0) return TuningState::kFailed;
  const Json* failed = find_condition_json(job, "Failed");
  if (failed != nullptr && text_at(*failed, {"status"}) == "True") return TuningState::kFailed;
  return count("active") > 0 || count("ready") > 0 ? TuningState::kRunning : TuningState::kPending;
}

std::string describe_failure(const Pass& pass) {
  if (const auto problem = diagnose_pods(pass.observed.pods)) return problem->message;
  const Json* failed = find_condition_json(pass.observed.tuning_job, "Failed");
  return failed == nullptr ? "" : text_at(*failed, {"message"});
}

void conclude_tuning(const Pass& pass, apis::WorkspaceStatus& status, const WorkloadFacts& facts) {
  const auto set_job = [&](bool ok, std::string_view reason, std::string message) {
    set_condition(pass, status, "JobStarted", ok, reason, std::move(message));
  };
  const auto set_outcome = [&](bool ok, std::string_view reason, std::string message) {
    set_condition(pass, status, "WorkspaceSucceeded", ok, reason, std::move(message));
  };
  switch (tuning_state(pass.observed.tuning_job, facts)) {
    case TuningState::kSucceeded:
      set_job(true, "WorkspaceTuningJobStatusStarted", "Tuning job has completed");
      set_outcome(true, "workspaceSucceeded", "workspace succeeds");
      status.state = "Succeeded";
      return;
    case TuningState::kFailed: {
      const std::string why =
          with_detail("Tuning job has failed (kubectl logs job/" + pass.workspace.meta.name + ")",
                      describe_failure(pass));
      set_job(false, "WorkspaceTuningJobStatusFailed", why);
      set_outcome(false, "workspaceFailed", why);
      status.state = "Failed";
      return;
    }
    case TuningState::kRunning:
      set_job(true, "WorkspaceTuningJobStatusStarted", "Tuning job has started");
      set_outcome(false, "workspacePending", "Tuning job is running");
      status.state = "Running";
      return;
    case TuningState::kPending:
      break;
  }
  if (!facts.failure.empty()) {
    set_job(false, "WorkspaceTuningJobStatusFailed", facts.failure);
    set_outcome(false, "workspaceFailed", facts.failure);
    status.state = "Failed";
    return;
  }
  const std::string why =
      with_detail("Tuning job has not started",
                  facts.waiting_for.empty() ? describe_failure(pass) : facts.waiting_for);
  set_job(false, "WorkspaceTuningJobStatusPending", why);
  set_outcome(false, "workspacePending", why);
  status.state = "Pending";
}

}  // namespace

std::string revision_of(const Json& object) {
  return text_at(object, {"metadata", "annotations", "workspace.kaito.io/revision"});
}

bool is_serving(const Json& stateful_set, const WorkloadFacts& facts) {
  if (!stateful_set.is_object() || apis::parse_meta(stateful_set).deleting) return false;
  if (revision_of(stateful_set) != facts.revision) return false;
  const int replicas = int_at(stateful_set, {"spec", "replicas"}, 1);
  if (facts.nodes > 0 && replicas != facts.nodes) return false;
  // Ready pods of the version before must not pass for this one.
  const int generation = int_at(stateful_set, {"metadata", "generation"});
  if (int_at(stateful_set, {"status", "observedGeneration"}) < generation) return false;
  const bool rolls = text_at(stateful_set, {"spec", "updateStrategy", "type"}) != "OnDelete";
  if (rolls && int_at(stateful_set, {"status", "updatedReplicas"}) < replicas) return false;
  return int_at(stateful_set, {"status", "readyReplicas"}) == replicas;
}

void set_condition(const Pass& pass, apis::WorkspaceStatus& status, std::string_view type, bool ok,
                   std::string_view reason, std::string message) {
  apis::set_condition(status.conditions,
                      {.type = std::string(type),
                       .status = ok ? apis::ConditionStatus::kTrue : apis::ConditionStatus::kFalse,
                       .reason = std::string(reason),
                       .message = std::move(message),
                       .observed_generation = pass.workspace.meta.generation},
                      pass.now);
}

void conclude_workload(const Pass& pass, apis::WorkspaceStatus& status,
                       const WorkloadFacts& facts) {
  if (pass.workspace.tuning) {
    conclude_tuning(pass, status, facts);
  } else {
    conclude_inference(pass, status, facts);
  }
}

void forget_errors(apis::Conditions& conditions) {
  for (apis::Condition& condition : conditions) {
    condition.message = condition.message.substr(0, condition.message.find(kErrorMark));
  }
}

}  // namespace rage::op::detail
