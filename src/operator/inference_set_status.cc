#include "operator/detail/inference_set_status.h"

#include <algorithm>
#include <vector>

#include "base/strings.h"

namespace rage::op::detail {
namespace {

using apis::Condition;
using apis::Conditions;
using apis::ConditionStatus;

constexpr std::string_view kReady = "InferenceSetReady";
constexpr std::string_view kRollout = "RolloutProgressing";
constexpr std::string_view kBenchmark = "BenchmarkCompleted";
constexpr std::string_view kUpgradeFailed = "AutoUpgradeFailed";
constexpr std::string_view kScaling = "ScalingActive";
constexpr std::string_view kDeleting = "InferenceSetDeleting";
constexpr std::string_view kStalled = "RolloutStalled";
constexpr std::string_view kComplete = "RolloutComplete";
constexpr std::string_view kTokensMetric = "peakTokensPerMinute";
constexpr std::size_t kConditionBytesMax = 1024;

// Sets a condition of the object's current generation.
class ConditionWriter final {
 public:
  ConditionWriter(Conditions& conditions, const ObjectMeta& meta, std::string_view now)
      : conditions_(conditions), generation_(meta.generation), now_(now) {}

  void set(std::string_view type, ConditionStatus status, std::string_view reason,
           std::string_view message) {
    apis::set_condition(conditions_,
                        {.type = std::string(type),
                         .status = status,
                         .reason = std::string(reason),
                         .message = std::string(message.substr(0, kConditionBytesMax)),
                         .observed_generation = generation_,
                         .last_transition_time = {}},
                        now_);
  }
  void remove(std::string_view type) { apis::remove_condition(conditions_, type); }

 private:
  Conditions& conditions_;
  std::int64_t generation_;
  std::string_view now_;
};

// Why the first replica that does not serve does not.
std::string first_problem(const Replicas& replicas) {
  for (const Replica& replica : replicas.live) {
    if (!replica.failure.empty()) return replica.name() + ": " + replica.failure;
  }
  for (const Replica& replica : replicas.live) {
    if (replica.ready) continue;
    for (const std::string_view type : {"ResourceReady", "InferenceReady"}) {
      const auto* condition = apis::find_condition(replica.workspace->status.conditions, type);
      if (condition != nullptr && condition->status != ConditionStatus::kTrue) {
        return replica.name() + ": " + condition->message;
      }
    }
  }
  return {};
}

void set_ready(const StatusInput& input, ConditionWriter& conditions) {
  const Replicas& replicas = input.replicas;
  if (replicas.desired == 0) {
    const std::string& sleep = input.scaling.sleep;
    conditions.set(kReady, ConditionStatus::kTrue, "ScaledToZero",
                   !sleep.empty()
                       ? sleep
                       : "scaled to zero: no model is loaded and requests are not answered until "
                         "spec.replicas is raised, by kubectl scale or by an autoscaler of the "
                         "scale subresource");
    return;
  }
  // More than wanted are ready while one takes the place of another: that is ready.
  if (replicas.ready() >= replicas.desired) {
    conditions.set(kReady, ConditionStatus::kTrue, "inferencesetReady", "inferenceset is ready");
    return;
  }
  std::string message = fmt::format("inferenceset is not ready, {}/{} replicas are ready",
                                    replicas.ready(), replicas.desired);
  if (!input.plan.limit_reached.empty()) message += "; " + input.plan.limit_reached;
  if (const auto problem = first_problem(replicas); !problem.empty()) message += "; " + problem;
  conditions.set(
      kReady, ConditionStatus::kFalse,
      input.plan.limit_reached.empty() ? "inferencesetNotReady" : "NodeCountLimitReached", message);
}

std::string names_of_old(const Replicas& replicas) {
  std::vector<std::string> names;
  for (const Replica& replica : replicas.live) {
    if (replica.old()) names.push_back(replica.name());
  }
  return join(names, ", ");
}

void set_rollout(const StatusInput& input, const Conditions& before, ConditionWriter& conditions) {
  const Replicas& replicas = input.replicas;
  const int old = replicas.old();
  const int total = static_cast<int>(replicas.live.size());
  const auto* earlier = apis::find_condition(before, kRollout);
  const bool was_complete = earlier != nullptr && earlier->reason == kComplete;
  const Replica* failing = replicas.failing();
  if (old > 0 && input.set.update_strategy.type == "OnDelete") {
    conditions.set(kRollout, ConditionStatus::kFalse, "WaitingForDelete",
                   "updateStrategy is OnDelete: delete these Workspaces to get the new template: " +
                       names_of_old(replicas));
  } else if (failing != nullptr && (old > 0 || !was_complete)) {
    // Once a template has reached everyone, a replica that breaks is not the template's doing.
    conditions.set(
        kRollout, ConditionStatus::kFalse, kStalled,
        fmt::format("replica {} fails with the template ({}); {} with the template before it stay "
                    "as they are. Correct spec.template, or put it back to roll back",
                    failing->name(), failing->failure, old));
  } else if (old == 0 && (was_complete || replicas.ready() >= replicas.desired)) {
    conditions.set(kRollout, ConditionStatus::kTrue, kComplete, "all replicas have the template");
  } else {
    conditions.set(kRollout, ConditionStatus::kTrue, "RolloutInProgress",
                   fmt::format("{} of {} replicas have the template, {} are ready", total - old,
                               replicas.desired, replicas.ready()));
  }
}

const apis::PerformanceMetric* tokens_metric(const Replica& replica) {
  const auto& metrics = replica.workspace->status.performance;
  const auto found = std::ranges::find(metrics, kTokensMetric, &apis::PerformanceMetric::name);
  return found != metrics.end() && parse_double(found->value) ? &*found : nullptr;
}

// The sum of what the replicas measured, and how many did.
struct Performance {
  int measured = 0;
  double tokens = 0;
  apis::StringMap config;
};

Performance performance_of(const Replicas& replicas) {
  Performance sum;
  for (const Replica& replica : replicas.live) {
    const apis::PerformanceMetric* metric = tokens_metric(replica);
    if (metric == nullptr) continue;
    ++sum.measured;
    sum.tokens += *parse_double(metric->value);
    for (const char* key : {"engine", "engineVersion", "quantization"}) {
      const auto value = metric->config.find(key);
      if (value != metric->config.end()) sum.config.insert(*value);
    }
  }
  return sum;
}

void put_performance(Json& status, const StatusInput& input, ConditionWriter& conditions) {
  const Performance sum = performance_of(input.replicas);
  status.erase("performance");
  if (sum.measured > 0) {
    Json& metric = status["performance"]["metrics"]["aggregatedPeakTokensPerMinute"];
    metric["description"] = "sum of the replicas' peak tokens per minute";
    metric["value"] = fmt::format("{:.2f}", sum.tokens);
    metric["unit"] = "tokens/min";
    for (const auto& [key, value] : sum.config) metric["config"][key] = value;
  }
  const int desired = input.replicas.desired;
  if (!input.benchmarked || desired == 0) {
    conditions.remove(kBenchmark);
  } else if (sum.measured >= desired) {
    conditions.set(kBenchmark, ConditionStatus::kTrue, "BenchmarkCompleted",
                   "benchmark results of all replicas have been recorded");
  } else {
    conditions.set(kBenchmark, ConditionStatus::kFalse, "BenchmarkPending",
                   fmt::format("{}/{} replicas have a benchmark result", sum.measured, desired));
  }
}

void put_upgrade(Json& status, const StatusInput& input, ConditionWriter& conditions) {
  const ImageUpgrade& upgrade = input.upgrade;
  if (!upgrade.enabled) {
    status.erase("autoUpgrade");
    conditions.remove(kUpgradeFailed);
    return;
  }
  const Json* earlier = codec::find_key(status, "autoUpgrade");
  const bool had_some =
      earlier != nullptr && codec::number_or(*earlier, "numDriftedWorkspaces", 0) > 0;
  if (had_some && upgrade.drifted == 0) {
    status["autoUpgrade"]["lastSuccessfulUpgradeTime"] = input.now;
  }
  status["autoUpgrade"]["numDriftedWorkspaces"] = upgrade.drifted;
  if (upgrade.failure.empty()) {
    conditions.remove(kUpgradeFailed);
  } else {
    conditions.set(
        kUpgradeFailed, ConditionStatus::kTrue, "ReplicaFailed",
        "the base image upgrade waits for this replica, others keep theirs: " + upgrade.failure);
  }
}

void set_scaling(const Scaling& scaling, ConditionWriter& conditions) {
  if (!scaling.wanted) {
    conditions.remove(kScaling);
  } else if (scaling.report) {
    conditions.set(kScaling, scaling.report->status, scaling.report->reason,
                   scaling.report->message);
  }
}

void put_counts(Json& status, const apis::InferenceSet& set, const Replicas& replicas) {
  status["replicas"] = replicas.live.size();
  status["readyReplicas"] = replicas.ready();
  status["selector"] = std::string(kCreatedBy) + "=" + set.meta.name;
}

std::string stall_message(const Json& status) {
  const Conditions conditions = apis::parse_conditions(status);
  const auto* rollout = apis::find_condition(conditions, kRollout);
  return rollout != nullptr && rollout->reason == kStalled ? rollout->message : "";
}

}  // namespace

Json render_inference_set_status(const StatusInput& input) {
  // What is there and not ours to say is kept.
  Json status = input.set.status.is_object() ? input.set.status : Json::object();
  const Conditions before = apis::parse_conditions(status);
  Conditions after = before;
  ConditionWriter conditions(after, input.set.meta, input.now);
  put_counts(status, input.set, input.replicas);
  set_ready(input, conditions);
  set_rollout(input, before, conditions);
  put_performance(status, input, conditions);
  put_upgrade(status, input, conditions);
  set_scaling(input.scaling, conditions);
  conditions.remove(kDeleting);
  status["conditions"] = apis::render_conditions(after);
  return status;
}

Json render_deleting_status(const apis::InferenceSet& set, const Replicas& replicas,
                            std::string_view now) {
  Json status = set.status.is_object() ? set.status : Json::object();
  Conditions after = apis::parse_conditions(status);
  ConditionWriter conditions(after, set.meta, now);
  put_counts(status, set, replicas);
  const std::size_t left = replicas.live.size() + replicas.terminating.size();
  conditions.set(kDeleting, ConditionStatus::kTrue, "inferencesetDeleted",
                 fmt::format("inferenceset is being deleted; {} workspaces are left", left));
  status["conditions"] = apis::render_conditions(after);
  return status;
}

std::string newly_stalled(const Json& before, const Json& status) {
  const std::string message = stall_message(status);
  return stall_message(before).empty() ? message : "";
}

}  // namespace rage::op::detail
