#include "workloads/controllers.h"

#include "workloads/deployment_plan.h"
#include "workloads/detail/json_at.h"
#include "workloads/kinds.h"
#include "workloads/replica_set_plan.h"
#include "workloads/rollout_plan.h"
#include "workloads/stateful_set_plan.h"

namespace rage::workloads {
namespace {

// Wakes the controller's controller: a pod's ReplicaSet's Deployment.
kube::KeyMapper to_grand_owner(const kube::Informer& parents, const ResourceType& owner) {
  return [&parents, to_owner = kube::to_controller(owner)](const kube::Object& object) {
    const apis::OwnerReference* parent = object.meta().controller();
    if (parent == nullptr) return std::vector<ObjectKey>{};
    const kube::ObjectPtr found = parents.find({.ns = object.meta().ns, .name = parent->name});
    return found ? to_owner(*found) : std::vector<ObjectKey>{};
  };
}

std::vector<Json> pods_of(const Caches& caches, const std::vector<Json>& replica_sets) {
  std::vector<Json> pods;
  for (const Json& set : replica_sets) {
    for (Json& pod : caches.owned(*caches.pods, detail::text_at(set, {"metadata", "uid"}))) {
      pods.push_back(std::move(pod));
    }
  }
  return pods;
}

}  // namespace

PlanController::PlanController(const Shop& shop, std::string name, kube::Informer& informer,
                               int workers, Planner planner)
    : reconciler_(shop, informer, std::move(planner)),
      controller_(reconciler_, shop.clock, shop.metrics,
                  {.name = std::move(name), .workers = workers}) {
  controller_.watch(informer);
}

Result<kube::Outcome> PlanController::Reconciler::reconcile(const Context& context,
                                                            const ObjectKey& key) {
  const Json document = shop_.caches.document(informer_, key);
  if (document.is_null()) return kube::Outcome::done();  // Owner references collect the rest.
  return carry_out(context, shop_.hands, informer_.type(), document, planner_(document));
}

void add_replicated(const Shop& shop, Controllers& controllers) {
  const Caches& caches = shop.caches;
  const auto add = [&](const char* name, kube::Informer& informer,
                       PlanController::Planner planner) -> PlanController& {
    controllers.push_back(std::make_unique<PlanController>(
        shop, name, informer, shop.options.workers, std::move(planner)));
    return *controllers.back();
  };
  auto& replica_sets = add("replicaset", *caches.replica_sets, [&shop, &caches](const Json& set) {
    const ObjectMeta meta = apis::parse_meta(set);
    return plan_replica_set({.replica_set = set,
                             .pods = caches.owned(*caches.pods, meta.uid),
                             .orphans = caches.orphans(*caches.pods, meta.ns),
                             .now = shop.clock.wall_now()});
  });
  replica_sets.also(*caches.pods, kube::to_controller(kinds().replica_set));

  auto& deployments = add("deployment", *caches.deployments, [&shop, &caches](const Json& object) {
    const ObjectMeta meta = apis::parse_meta(object);
    std::vector<Json> sets = caches.owned(*caches.replica_sets, meta.uid);
    std::vector<Json> pods = pods_of(caches, sets);
    return plan_deployment({.deployment = object,
                            .replica_sets = std::move(sets),
                            .orphans = caches.orphans(*caches.replica_sets, meta.ns),
                            .pods = std::move(pods),
                            .now = shop.clock.wall_now()});
  });
  deployments.also(*caches.replica_sets, kube::to_controller(kinds().deployment));
  deployments.also(*caches.pods, to_grand_owner(*caches.replica_sets, kinds().deployment));

  auto& rollouts = add("rollout", *caches.rollouts, [&shop, &caches](const Json& object) {
    const ObjectMeta meta = apis::parse_meta(object);
    std::vector<Json> sets = caches.owned(*caches.replica_sets, meta.uid);
    std::vector<Json> pods = pods_of(caches, sets);
    return plan_rollout({.rollout = object,
                         .replica_sets = std::move(sets),
                         .orphans = caches.orphans(*caches.replica_sets, meta.ns),
                         .pods = std::move(pods),
                         .now = shop.clock.wall_now()});
  });
  rollouts.also(*caches.replica_sets, kube::to_controller(kinds().rollout));

  auto& stateful_sets =
      add("statefulset", *caches.stateful_sets, [&shop, &caches](const Json& set) {
        const ObjectMeta meta = apis::parse_meta(set);
        return plan_stateful_set({.stateful_set = set,
                                  .pods = caches.owned(*caches.pods, meta.uid),
                                  .orphans = caches.orphans(*caches.pods, meta.ns),
                                  .revisions = caches.owned(*caches.revisions, meta.uid),
                                  .claims = caches.in_namespace(*caches.claims, meta.ns),
                                  .now = shop.clock.wall_now()});
      });
  stateful_sets.also(*caches.pods, kube::to_controller(kinds().stateful_set));
  stateful_sets.also(*caches.revisions, kube::to_controller(kinds().stateful_set));
}

}  // namespace rage::workloads
