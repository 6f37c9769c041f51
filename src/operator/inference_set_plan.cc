#include "operator/inference_set_plan.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "apis/kinds.h"
#include "base/strings.h"
#include "operator/autoscale_keda.h"
#include "operator/detail/base_image_upgrade.h"
#include "operator/detail/inference_set_status.h"
#include "operator/detail/replica.h"
#include "operator/detail/replica_plan.h"
#include "operator/inference_pool.h"
#include "operator/revision.h"
#include "operator/serving.h"

namespace rage::op {
namespace {

using detail::Replica;
using detail::ReplicaPlan;
using detail::Replicas;
using detail::Template;
using kube::EventType;

// On the set: the highest number a child of it ever had. Numbers are not used twice, so that a new
// child never meets what a deleted one of the same name left behind.
constexpr std::string_view kSerialMax = "rage.dev/serial-max";
constexpr std::uint64_t kSerialLimit = 1'000'000'000;

int parse_serial(const std::string& text) {
  const auto number = parse_uint(text);
  return number && *number < kSerialLimit ? static_cast<int>(*number) : -1;
}

Replicas view_replicas(const apis::InferenceSet& set, const InferenceSetObservation& observed,
                       const Template& wanted, const Settings& settings, WallTime now) {
  Replicas replicas{.desired = std::max(set.replicas, 0), .live = {}, .terminating = {}};
  for (const apis::Workspace& child : observed.children) {
    Replica replica = detail::view_replica(child, wanted, set.update_strategy, settings, now);
    auto& list = replica.deleting() ? replicas.terminating : replicas.live;
    list.push_back(std::move(replica));
  }
  std::ranges::sort(replicas.live, {}, [](const Replica& replica) {
    const ObjectMeta& meta = replica.workspace->meta;
    return std::tuple(meta.creation_timestamp, parse_serial(meta.annotation(detail::kSerial)),
                      meta.name);
  });
  return replicas;
}

// spec.nodeCountLimit counts nodes, not replicas; a replica's nodes are known once its Workspace
// has estimated them. Until the first one has, only one is made.
void keep_node_limit(const apis::InferenceSet& set, const Replicas& replicas, ReplicaPlan& plan) {
  const int limit = set.node_count_limit.value_or(0);  // 0 is Go's "not given".
  if (limit <= 0 || plan.create == 0) return;
  int each = 0;
  int unknown = 0;
  int nodes = 0;
  for (const auto* list : {&replicas.live, &replicas.terminating}) {
    for (const Replica& replica : *list) {
      const int count = replica.workspace->status.target_node_count;
      each = std::max(each, count);
      nodes += count;
      unknown += count == 0 ? 1 : 0;
    }
  }
  const int wanted = plan.create;
  if (each == 0) {
    plan.create = unknown == 0 ? 1 : 0;
    if (plan.create < wanted) {
      plan.limit_reached = fmt::format(
          "spec.nodeCountLimit is {}: waiting for the first replica's number of nodes", limit);
    }
    return;
  }
  nodes += unknown * each;
  plan.create = std::clamp((limit - nodes) / each, 0, wanted);
  if (plan.create < wanted) {
    plan.limit_reached = fmt::format(
        "spec.nodeCountLimit {} allows no more: {} nodes are taken and a replica takes {}; raise "
        "it or lower spec.replicas",
        limit, nodes + plan.create * each, each);
  }
}

void add_finalizer(const apis::InferenceSet& set, std::vector<Change>& changes) {
  if (set.meta.has_finalizer(kInferenceSetFinalizer)) return;
  std::vector<std::string> finalizers = set.meta.finalizers;
  finalizers.emplace_back(kInferenceSetFinalizer);
  Json patch;
  patch["metadata"]["finalizers"] = finalizers;
  // A merge patch replaces the list: only if nobody has changed it meanwhile.
  patch["metadata"]["resourceVersion"] = set.meta.resource_version;
  changes.emplace_back(PatchObject{apis::inference_set_type(), set.meta.key(), std::move(patch)});
}

void delete_child(const Replica& replica, std::vector<Change>& changes) {
  const ObjectMeta& meta = replica.workspace->meta;
  changes.emplace_back(
      DeleteObject{.type = apis::workspace_type(), .key = meta.key(), .uid = meta.uid});
}

// The commit that a replica of the same model is pinned to; "" if none is. Whatever its owner
// uploads meanwhile, all replicas serve the same.
std::string pinned_revision(const apis::InferenceSet& set,
                            const InferenceSetObservation& observed) {
  if (set.template_annotations.contains(std::string(kModelRevision))) return {};
  for (const apis::Workspace& child : observed.children) {
    const bool same =
        child.inference && child.inference->preset && set.inference.preset &&
        equals_ignoring_case(child.inference->preset->name, set.inference.preset->name);
    std::string pinned = same ? child.meta.annotation(kModelRevision) : "";
    if (!pinned.empty()) return pinned;
  }
  return {};
}

// Names of new children: after the highest number that was ever seen, skipping names that exist.
void create_children(const apis::InferenceSet& set, const InferenceSetObservation& observed,
                     const Template& wanted, int count, std::string_view now, Plan& plan) {
  const int recorded = parse_serial(set.meta.annotation(kSerialMax));
  int highest = recorded;
  for (const apis::Workspace& child : observed.children) {
    highest = std::max(highest, parse_serial(child.meta.annotation(detail::kSerial)));
  }
  if (highest > recorded) {
    Json patch;
    patch["metadata"]["annotations"][std::string(kSerialMax)] = std::to_string(highest);
    plan.changes.emplace_back(
        PatchObject{apis::inference_set_type(), set.meta.key(), std::move(patch)});
  }
  const std::string revision = pinned_revision(set, observed);
  for (int serial = highest + 1; count > 0; ++serial) {
    const std::string name = detail::child_name(set, serial);
    const bool taken = std::ranges::any_of(
        observed.children, [&](const auto& child) { return child.meta.name == name; });
    if (taken) continue;
    --count;
    Json child = detail::render_child(set, wanted, serial, now);
    if (!revision.empty()) {
      child["metadata"]["annotations"][std::string(kModelRevision)] = revision;
    }
    plan.changes.emplace_back(CreateObject{apis::workspace_type(), std::move(child)});
    plan.events.push_back({EventType::kNormal, "ReplicaCreated", "created Workspace " + name});
  }
}

void change_children(const Replicas& replicas, const ReplicaPlan& decided, const Template& wanted,
                     std::string_view now, Plan& plan) {
  for (const std::size_t i : decided.remove) {
    delete_child(replicas.live[i], plan.changes);
    plan.events.push_back(
        {EventType::kNormal, "ReplicaDeleted", "deleted Workspace " + replicas.live[i].name()});
  }
  for (std::size_t i = 0; i < replicas.live.size(); ++i) {
    if (std::ranges::find(decided.remove, i) != decided.remove.end()) continue;
    const bool update = std::ranges::find(decided.update, i) != decided.update.end();
    const Replica& replica = replicas.live[i];
    Json patch = detail::render_child_patch(
        replica, wanted, update ? detail::PatchScope::kTemplate : detail::PatchScope::kRecords,
        now);
    if (patch.empty()) continue;
    plan.changes.emplace_back(
        PatchObject{apis::workspace_type(), replica.workspace->meta.key(), std::move(patch)});
    if (update) {
      plan.events.push_back(
          {EventType::kNormal, "ReplicaUpdated", "new template for Workspace " + replica.name()});
    }
  }
}

void apply_pool(const apis::InferenceSet& set, const std::vector<Json>& observed,
                const Settings& settings, Plan& plan) {
  if (!wants_inference_pool(set, settings)) return;
  apply_inference_pool(pool_of(set), observed, settings, plan.changes);
}

// Our own scaler acts by itself (autoscaler.h); of it, only what it says is wanted here.
detail::Scaling plan_scaling(const apis::InferenceSet& set, const InferenceSetObservation& observed,
                             const Settings& settings, Plan& plan) {
  const bool wanted = settings.autoscaler != Autoscaler::kOff && wants_autoscaling(set.meta);
  std::optional<ScaleSettings> scale;
  detail::Scaling scaling{.wanted = wanted, .report = {}, .sleep = {}};
  if (wanted) {
    auto parsed = parse_scale_settings(set, nodes_per_replica(observed.children));
    if (parsed) {
      scale = *std::move(parsed);
    } else {
      scaling.report = {apis::ConditionStatus::kFalse, "InvalidAnnotations",
                        parsed.error().message};
    }
  }
  if (settings.autoscaler == Autoscaler::kKeda) {
    ScalingReport report =
        plan_scaled_object(set, scale, observed.scaled_object, settings, plan.changes);
    if (scale) scaling.report = std::move(report);
  } else if (scale) {
    scaling.report = observed.scaling;
    if (scale->replicas_min == 0) scaling.sleep = describe_sleep(set.meta);
  }
  return scaling;
}

bool is_benchmarked(const apis::InferenceSet& set, const Template& wanted,
                    const Settings& settings) {
  const ObjectMeta& meta = wanted.wanted.meta;
  const std::string runtime = meta.annotation(detail::kRuntimeAnnotation);
  return settings.vllm && set.inference.preset && runtime != "transformers" &&
         runtime != "llamacpp" && meta.annotation(detail::kDisableBenchmark) != "true";
}

void look_again(const Replicas& replicas, const detail::ImageUpgrade& upgrade, WallTime now,
                Plan& plan) {
  const auto wake = [&](std::chrono::milliseconds delay) {
    delay = std::max(delay, std::chrono::milliseconds{1000});
    plan.requeue_after = std::min(plan.requeue_after.value_or(delay), delay);
  };
  for (const Replica& replica : replicas.live) {
    if (!replica.look_again) continue;
    wake(std::chrono::ceil<std::chrono::milliseconds>(*replica.look_again - now));
  }
  if (upgrade.drifted > 0) wake(detail::kUpgradePoll);  // The window opens without an event.
}

Plan plan_deletion(const apis::InferenceSet& set, const Replicas& replicas, std::string_view now) {
  Plan plan;
  for (const Replica& replica : replicas.live) delete_child(replica, plan.changes);
  plan.release = replicas.live.empty() && replicas.terminating.empty();
  if (!plan.release) plan.status = detail::render_deleting_status(set, replicas, now);
  return plan;
}

}  // namespace

Plan plan_inference_set(const apis::InferenceSet& set, const InferenceSetObservation& observed,
                        const Settings& settings, std::string_view now) {
  Template wanted{.wanted = detail::wanted_child(set, settings), .hash = {}};
  wanted.hash = detail::template_hash(wanted.wanted);
  const WallTime time = parse_time(now).value_or(WallTime{});
  Replicas replicas = view_replicas(set, observed, wanted, settings, time);
  if (set.meta.deleting) return plan_deletion(set, replicas, now);

  Plan plan;
  add_finalizer(set, plan.changes);
  const Revision revision =
      plan_revision("inferenceset", apis::inference_set_type(), set.meta, apis::revision_input(set),
                    {{"Spec", set.spec}}, observed.revision_documents);
  plan.changes.insert(plan.changes.end(), revision.changes.begin(), revision.changes.end());

  const detail::ImageUpgrade upgrade =
      detail::plan_image_upgrade(set, replicas, observed.stateful_sets, settings, time);
  ReplicaPlan decided = detail::plan_replicas(replicas, set, upgrade.surge);
  keep_node_limit(set, replicas, decided);
  change_children(replicas, decided, wanted, now, plan);
  create_children(set, observed, wanted, decided.create, now, plan);
  plan.changes.insert(plan.changes.end(), upgrade.changes.begin(), upgrade.changes.end());
  apply_pool(set, observed.pool_objects, settings, plan);
  const detail::Scaling scaling = plan_scaling(set, observed, settings, plan);

  plan.status =
      detail::render_inference_set_status({.set = set,
                                           .replicas = replicas,
                                           .plan = decided,
                                           .upgrade = upgrade,
                                           .scaling = scaling,
                                           .benchmarked = is_benchmarked(set, wanted, settings),
                                           .now = now});
  const std::string stall = detail::newly_stalled(set.status, plan.status);
  if (!stall.empty()) plan.events.push_back({EventType::kWarning, "RolloutStalled", stall});
  look_again(replicas, upgrade, time, plan);
  return plan;
}

}  // namespace rage::op
