// How many replicas an InferenceSet should have for its load: the rules of Kubernetes' horizontal
// pod autoscaler, and to zero and back. Pure; autoscaler.h measures and acts (docs/adr/0012).
//
// Annotations of the set, KAITO's: scaledobject.kaito.sh/auto-provision "true", threshold (what one
// replica is to have of the metric), metricName, min-replicas (1; 0 lets it go to zero),
// max-replicas (else what spec.nodeCountLimit allows), scaleupcooldown and scaledowncooldown
// (seconds for which a higher or lower load must last: 0 and 300). Ours: rage.dev/idle-seconds
// (300), after which a set that does nothing goes to zero; rage.dev/wake, with any value, brings it
// back and is taken off again.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apis/inference_set.h"
#include "apis/workspace.h"
#include "base/clock.h"
#include "base/error.h"
#include "operator/plan.h"

namespace rage::op {

inline constexpr std::string_view kAutoProvision = "scaledobject.kaito.sh/auto-provision";
inline constexpr std::string_view kWake = "rage.dev/wake";
// Ours, on the set, written by the scaler: when it was woken, until a replica serves; and how long
// that took the last time.
inline constexpr std::string_view kWokenAt = "rage.dev/woken-at";
inline constexpr std::string_view kColdStart = "rage.dev/cold-start-seconds";

struct ScaleSettings {
  int replicas_min = 1;  // 0: to zero when idle.
  int replicas_max = 1;
  std::string metric = "vllm:num_requests_waiting";
  double threshold = 1;                   // Of the metric, a replica; above zero.
  std::chrono::seconds up_window{0};      // A higher load has to last so long,
  std::chrono::seconds down_window{300};  // a lower one so long.
  std::chrono::seconds idle{300};         // Without any work, then zero.
};

// The annotation that asks for it.
bool wants_autoscaling(const ObjectMeta& set);
// kInvalidArgument names the annotation that is missing or wrong. `nodes_per_replica`: for
// nodeCountLimit, which counts nodes; 0 if it is not known yet.
Result<ScaleSettings> parse_scale_settings(const apis::InferenceSet& set, int nodes_per_replica);
// The most that a child has estimated for itself; 0 while none has.
int nodes_per_replica(const std::vector<apis::Workspace>& children);

// What one replica tells; none if it does not, or is not there.
struct ReplicaLoad {
  std::optional<double> metric;
  std::optional<double> running;  // Requests being answered now.
  std::optional<double> work;     // A counter of work done since it started.
};

struct ScaleSample {
  SteadyTime at;
  int replicas = 0;            // Asked for: spec.replicas.
  int known = 0;               // Replicas that told the metric.
  double sum = 0;              // Of it over them.
  std::optional<double> work;  // Over all of them; none if one does not tell.
};

// Value. What was seen lately, oldest first, no longer than the rules look back.
struct ScaleHistory {
  std::vector<ScaleSample> samples;
  std::optional<SteadyTime> idle_since;  // No request waits or runs, no work was done.
};

// `history` with one more sample. `loads`: one a replica that exists, ready or not.
ScaleHistory with_sample(ScaleHistory history, SteadyTime now, int replicas,
                         const std::vector<ReplicaLoad>& loads, const ScaleSettings& settings);

struct ScaleDecision {
  int replicas = 0;    // As they are if nothing is to change.
  std::string reason;  // Why they change, for people.
};

// At the time of the newest sample; there has to be one.
//
// The wanted number is ceil(sum / threshold), unless that is within a tenth of what is there.
// Replicas that tell nothing (starting, unreachable) count as idle before scaling up and as fully
// used before scaling down; if none tells anything, nothing changes. Down goes to the highest
// number that was wanted during down_window, up to the lowest one of up_window, and within 15 s at
// most to twice as many or four more. To zero only from a minimum of zero, after `idle` without any
// work; never from zero, which needs the annotation rage.dev/wake.
ScaleDecision plan_scale(const ScaleHistory& history, const ScaleSettings& settings);

// The condition ScalingActive.
struct ScalingReport {
  apis::ConditionStatus status = apis::ConditionStatus::kUnknown;
  std::string reason;
  std::string message;

  bool operator==(const ScalingReport&) const = default;
};
// Constant while nothing changes: no figures of the moment.
ScalingReport describe_scaling(const ScaleHistory& history, const ScaleSettings& settings);
// At zero: that requests are refused, what brings the set back, and how long that took last time.
std::string describe_sleep(const ObjectMeta& set);

// The merge patch that the annotations ask for; an empty object: none. One write wakes a set: its
// replicas and the annotation taken off. `ready_since`: of the replica that is ready longest.
Json plan_wake(const apis::InferenceSet& set, const ScaleSettings& settings,
               std::optional<WallTime> ready_since, WallTime now);

}  // namespace rage::op
