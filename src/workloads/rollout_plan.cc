#include "workloads/rollout_plan.h"

#include <algorithm>

#include "workloads/detail/json_at.h"
#include "workloads/kinds.h"
#include "workloads/roll_out.h"

namespace rage::workloads {
namespace {

using detail::find_path;
using detail::list_at;
using detail::map_at;
using detail::number_at;

constexpr const char* kRolloutRevision = "rollout.argoproj.io/revision";

RollOutWish wish_of_rollout(const Json& rollout) {
  RollOutWish wish{.owner_type = kinds().rollout,
                   .owner = apis::parse_meta(rollout),
                   .selector = map_at(rollout, {"spec", "selector"}),
                   .pod_template = map_at(rollout, {"spec", "template"})};
  wish.replicas = number_at(rollout, {"spec", "replicas"}, 1);
  wish.paused = detail::flag_at(rollout, {"spec", "paused"});
  wish.min_ready_seconds = number_at(rollout, {"spec", "minReadySeconds"});
  wish.history_max = number_at(rollout, {"spec", "revisionHistoryLimit"}, 10);
  wish.hash_label = "rollouts-pod-template-hash";
  wish.annotation_prefix = "rollout.argoproj.io/";
  const Json& canary = map_at(rollout, {"spec", "strategy", "canary"});
  const Json* surge = find_path(canary, {"maxSurge"});
  const Json* unavailable = find_path(canary, {"maxUnavailable"});
  resolve_fence(surge != nullptr ? *surge : Json("25%"),
                unavailable != nullptr ? *unavailable : Json(0), wish);
  return wish;
}

// What we pass over; empty: nothing.
std::string passed_over(const Json& rollout) {
  const std::size_t steps = list_at(rollout, {"spec", "strategy", "canary", "steps"}).size();
  if (steps > 0) {
    return fmt::format(
        "carried out as a rolling update: {} canary steps, pauses included, were passed over",
        steps);
  }
  if (find_path(rollout, {"spec", "strategy", "blueGreen"}) != nullptr) {
    return "carried out as a rolling update: blueGreen's services are left as they are";
  }
  return {};
}

struct Facts {
  bool first = false;  // No other template was ever stable.
  bool complete = false;
  std::string stable;  // The hash that is fully available.
  std::string phase;
  std::string message;
};

Facts facts_of(const Json& rollout, const RollOutWish& wish, const RollOut& roll_out) {
  Facts facts;
  facts.stable = detail::text_at(rollout, {"status", "stableRS"});
  facts.first = facts.stable.empty() || facts.stable == roll_out.hash;
  facts.complete = roll_out.observed && !roll_out.current_name.empty() &&
                   roll_out.updated == wish.replicas && roll_out.replicas == wish.replicas &&
                   roll_out.available == wish.replicas;
  const std::string note = passed_over(rollout);
  const bool promoted =
      !note.empty() && (!facts.first || detail::text_at(rollout, {"status", "message"}) == note);
  if (facts.complete) facts.stable = roll_out.hash;
  if (wish.paused) {
    facts.phase = "Paused";
    facts.message = "manually paused";
  } else if (facts.complete) {
    facts.phase = "Healthy";
    facts.message = promoted ? note : "";
  } else {
    facts.phase = "Progressing";
    facts.message = promoted ? note : "more replicas need to be updated";
  }
  return facts;
}

void set(Json& conditions, const char* type, bool yes, const char* reason, std::string message,
         WallTime now) {
  set_condition(conditions,
                {.type = type,
                 .status = yes ? "True" : "False",
                 .reason = reason,
                 .message = std::move(message)},
                now);
}

Json conditions_of(const Json& rollout, const RollOutWish& wish, const RollOut& roll_out,
                   const Facts& facts, WallTime now) {
  Json conditions = list_at(rollout, {"status", "conditions"});
  const bool available = roll_out.available >= wish.replicas - wish.max_unavailable;
  set(conditions, "Available", available, available ? "AvailableReason" : "NotAvailable",
      available ? "Rollout has minimum availability" : "Rollout does not have minimum availability",
      now);
  const std::string set_name = fmt::format("ReplicaSet \"{}\"", roll_out.current_name);
  if (wish.paused) {
    set(conditions, "Progressing", false, "RolloutPaused", "Rollout is paused", now);
  } else if (facts.complete) {
    set(conditions, "Progressing", true, "NewReplicaSetAvailable",
        set_name + " has successfully progressed.", now);
  } else {
    set(conditions, "Progressing", true, "ReplicaSetUpdated", set_name + " is progressing.", now);
  }
  set(conditions, "Completed", facts.complete,
      facts.complete ? "RolloutCompleted" : "RolloutNotCompleted",
      facts.complete ? "Rollout completed update" : "Rollout not completed", now);
  set(conditions, "Healthy", facts.complete,
      facts.complete ? "RolloutHealthy" : "RolloutNotHealthy",
      facts.complete ? "Rollout is healthy" : "Rollout is not healthy", now);
  return conditions;
}

Json status_of(const RolloutObservation& observed, const RollOutWish& wish,
               const RollOut& roll_out) {
  const Json& rollout = observed.rollout;
  const Facts facts = facts_of(rollout, wish, roll_out);
  const std::size_t steps = list_at(rollout, {"spec", "strategy", "canary", "steps"}).size();
  Json status = Json::object();
  status["HPAReplicas"] = roll_out.replicas;
  status["replicas"] = roll_out.replicas;
  status["updatedReplicas"] = roll_out.updated;
  status["readyReplicas"] = roll_out.ready;
  status["availableReplicas"] = roll_out.available;
  status["selector"] = apis::parse_label_selector(wish.selector).str();
  status["currentPodHash"] = roll_out.hash;
  if (!facts.stable.empty()) status["stableRS"] = facts.stable;
  if (steps > 0) status["currentStepIndex"] = steps;
  status["observedGeneration"] = std::to_string(wish.owner.generation);  // Text, as in Argo.
  status["phase"] = facts.phase;
  if (!facts.message.empty()) status["message"] = facts.message;
  status["conditions"] = conditions_of(rollout, wish, roll_out, facts, observed.now);
  return status;
}

// Says why nothing is done.
Json refused(const RolloutObservation& observed, const RollOutWish& wish) {
  constexpr const char* kMessage =
      "spec.workloadRef is not supported here: put the pod template into spec.template";
  Json status = {{"phase", "Degraded"}, {"message", kMessage}};
  status["observedGeneration"] = std::to_string(wish.owner.generation);
  Json conditions = list_at(observed.rollout, {"status", "conditions"});
  set(conditions, "InvalidSpec", true, "InvalidSpec", kMessage, observed.now);
  status["conditions"] = std::move(conditions);
  return status;
}

}  // namespace

Plan plan_rollout(const RolloutObservation& observed) {
  const RollOutWish wish = wish_of_rollout(observed.rollout);
  if (!wish.owner.deleting && wish.pod_template.empty()) {
    Plan plan;
    plan.status = refused(observed, wish);
    return plan;
  }
  RollOut roll_out = plan_roll_out(wish, observed.replica_sets, observed.orphans, observed.pods);
  Plan plan = std::move(roll_out.plan);
  if (wish.owner.deleting) return plan;
  if (!roll_out.revision.empty() && wish.owner.annotation(kRolloutRevision) != roll_out.revision) {
    Json patch;
    patch["metadata"]["annotations"][kRolloutRevision] = roll_out.revision;
    plan.changes.emplace_back(PatchObject{kinds().rollout, wish.owner.key(), std::move(patch)});
  }
  plan.status = status_of(observed, wish, roll_out);
  return plan;
}

}  // namespace rage::workloads
