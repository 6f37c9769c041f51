#include "workloads/deployment_plan.h"

#include <algorithm>

#include "workloads/detail/json_at.h"
#include "workloads/kinds.h"
#include "workloads/roll_out.h"

namespace rage::workloads {
namespace {

using detail::find_path;
using detail::map_at;
using detail::number_at;
using detail::text_at;

constexpr const char* kRevision = "deployment.kubernetes.io/revision";
constexpr std::int64_t kDeadlineNone = 2147483647;

RollOutWish wish_of(const Json& deployment) {
  RollOutWish wish{.owner_type = kinds().deployment,
                   .owner = apis::parse_meta(deployment),
                   .selector = map_at(deployment, {"spec", "selector"}),
                   .pod_template = map_at(deployment, {"spec", "template"})};
  wish.replicas = number_at(deployment, {"spec", "replicas"}, 1);
  wish.recreate = text_at(deployment, {"spec", "strategy", "type"}) == "Recreate";
  wish.paused = detail::flag_at(deployment, {"spec", "paused"});
  wish.min_ready_seconds = number_at(deployment, {"spec", "minReadySeconds"});
  wish.history_max = number_at(deployment, {"spec", "revisionHistoryLimit"}, 10);
  const Json& rolling = map_at(deployment, {"spec", "strategy", "rollingUpdate"});
  const Json* surge = find_path(rolling, {"maxSurge"});
  const Json* unavailable = find_path(rolling, {"maxUnavailable"});
  resolve_fence(surge != nullptr ? *surge : Json("25%"),
                unavailable != nullptr ? *unavailable : Json("25%"), wish);
  return wish;
}

class Status final {
 public:
  Status(const DeploymentObservation& observed, const RollOutWish& wish, const RollOut& roll_out)
      : deployment_(observed.deployment), wish_(wish), roll_out_(roll_out), now_(observed.now) {}

  // Sets `plan.status`, and when to look again because of the deadline.
  void write(Plan& plan) {
    Json status = Json::object();
    status["observedGeneration"] = wish_.owner.generation;
    const std::pair<const char*, std::int64_t> counts[] = {
        {"replicas", roll_out_.replicas},
        {"updatedReplicas", roll_out_.updated},
        {"readyReplicas", roll_out_.ready},
        {"availableReplicas", roll_out_.available},
        {"unavailableReplicas",
         std::max<std::int64_t>(
             0, std::max(wish_.replicas, roll_out_.replicas) - roll_out_.available)}};
    for (const auto& [name, count] : counts) {
      if (count > 0) status[name] = count;
    }
    conditions_ = detail::list_at(deployment_, {"status", "conditions"});
    progressing(plan);
    available();
    status["conditions"] = conditions_;
    plan.status = std::move(status);
  }

 private:
  void set(const char* type, bool yes, const char* reason, std::string message, bool news) {
    const Json* before = find_condition(conditions_, type);
    const std::string status = yes ? "True" : "False";
    const bool same = before != nullptr && codec::string_or(*before, "status", "") == status &&
                      codec::string_or(*before, "reason", "") == reason;
    const std::string updated =
        same && !news ? codec::string_or(*before, "lastUpdateTime", "") : render_time(now_);
    set_condition(conditions_,
                  {.type = type,
                   .status = status,
                   .reason = reason,
                   .message = std::move(message),
                   .extra = {{"lastUpdateTime", updated}}},
                  now_);
  }

  void available() {
    if (roll_out_.available >= wish_.replicas - (wish_.recreate ? 0 : wish_.max_unavailable)) {
      set("Available", true, "MinimumReplicasAvailable", "Deployment has minimum availability.",
          false);
    } else {
      set("Available", false, "MinimumReplicasUnavailable",
          "Deployment does not have minimum availability.", false);
    }
  }

  bool is_complete() const {
    return roll_out_.observed && roll_out_.updated == wish_.replicas &&
           roll_out_.replicas == wish_.replicas && roll_out_.available == wish_.replicas;
  }

  bool advanced() const {
    const auto before = [&](const char* key) { return number_at(deployment_, {"status", key}); };
    const std::int64_t old_before = before("replicas") - before("updatedReplicas");
    return roll_out_.created || roll_out_.updated > before("updatedReplicas") ||
           roll_out_.replicas - roll_out_.updated < old_before ||
           roll_out_.ready > before("readyReplicas") ||
           roll_out_.available > before("availableReplicas");
  }

  void progressing(Plan& plan) {
    const std::string name = fmt::format("ReplicaSet \"{}\"", roll_out_.current_name);
    const std::int64_t deadline =
        number_at(deployment_, {"spec", "progressDeadlineSeconds"}, kDeadlineNone);
    const Json* before = find_condition(conditions_, "Progressing");
    const std::string reason = before ? codec::string_or(*before, "reason", "") : "";
    if (wish_.paused) {
      return set("Progressing", true, "DeploymentPaused", "Deployment is paused", false);
    }
    if (roll_out_.created) {
      return set("Progressing", true, "NewReplicaSetCreated",
                 fmt::format("Created new replica set \"{}\"", roll_out_.current_name), true);
    }
    if (is_complete()) {
      return set("Progressing", true, "NewReplicaSetAvailable",
                 name + " has successfully progressed.", false);
    }
    const bool known = !reason.empty() && reason != "DeploymentPaused";
    if (advanced() || !known || reason == "NewReplicaSetAvailable") {
      set("Progressing", true, "ReplicaSetUpdated", name + " is progressing.", true);
    }
    if (deadline >= kDeadlineNone) return;
    const Json* condition = find_condition(conditions_, "Progressing");
    const auto since = parse_time(codec::string_or(*condition, "lastUpdateTime", ""));
    const auto until = since.value_or(now_) + std::chrono::seconds(deadline);
    if (until > now_) {
      plan.look_again(std::chrono::ceil<std::chrono::milliseconds>(until - now_));
    } else if (codec::string_or(*condition, "reason", "") != "ProgressDeadlineExceeded") {
      set("Progressing", false, "ProgressDeadlineExceeded", name + " has timed out progressing.",
          true);
    }
  }

  const Json& deployment_;
  const RollOutWish& wish_;
  const RollOut& roll_out_;
  const WallTime now_;
  Json conditions_;
};

}  // namespace

Plan plan_deployment(const DeploymentObservation& observed) {
  const RollOutWish wish = wish_of(observed.deployment);
  RollOut roll_out = plan_roll_out(wish, observed.replica_sets, observed.orphans, observed.pods);
  Plan plan = std::move(roll_out.plan);
  if (!roll_out.revision.empty() && wish.owner.annotation(kRevision) != roll_out.revision) {
    Json patch;
    patch["metadata"]["annotations"][kRevision] = roll_out.revision;
    plan.changes.emplace_back(PatchObject{kinds().deployment, wish.owner.key(), std::move(patch)});
  }
  if (wish.owner.deleting) return plan;
  Status(observed, wish, roll_out).write(plan);
  return plan;
}

}  // namespace rage::workloads
