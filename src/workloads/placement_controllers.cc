#include <algorithm>
#include <set>

#include "workloads/controllers.h"
#include "workloads/detail/json_at.h"
#include "workloads/endpoint_slice_plan.h"
#include "workloads/kinds.h"
#include "workloads/node_plan.h"
#include "workloads/pods.h"
#include "workloads/schedule_plan.h"
#include "workloads/volume_claim_plan.h"

namespace rage::workloads {
namespace {

using detail::list_at;
using detail::map_at;
using detail::text_at;

std::vector<ObjectKey> keys_of(const std::vector<kube::ObjectPtr>& objects) {
  std::vector<ObjectKey> keys;
  for (const kube::ObjectPtr& object : objects) keys.push_back(object->meta().key());
  return keys;
}

std::vector<std::string> claims_of_pod(const Json& pod) {
  std::vector<std::string> claims;
  for (const Json& volume : list_at(pod, {"spec", "volumes"})) {
    std::string claim = text_at(volume, {"persistentVolumeClaim", "claimName"});
    if (!claim.empty()) claims.push_back(std::move(claim));
  }
  return claims;
}

// --- Nodes

void add_nodes(const Shop& shop, Controllers& controllers) {
  const Caches& caches = shop.caches;
  auto claims = std::make_unique<PlanController>(
      shop, "nodeclaim", *caches.node_claims, 1, [&shop, &caches](const Json& claim) {
        const std::string name = apis::parse_meta(claim).name;
        return plan_node_claim({.claim = claim,
                                .node = caches.document(*caches.nodes, {.ns = "", .name = name}),
                                .capacity = shop.options.capacity,
                                .now = shop.clock.wall_now()});
      });
  claims->also(*caches.nodes, kube::to_controller(kinds().node_claim));
  controllers.push_back(std::move(claims));
}

// --- Scheduler

std::map<std::string, Resources> used_resources(const Caches& caches) {
  std::map<std::string, Resources> used;
  for (const kube::ObjectPtr& object : caches.pods->list()) {
    const Pod pod = parse_pod(object->document());
    if (pod.node.empty() || pod.finished()) continue;
    Resources& sum = used[pod.node];
    for (const auto& [name, amount] : requests_of(pod.document)) sum[name] += amount;
    sum["pods"] += 1;
  }
  return used;
}

Plan schedule(const Shop& shop, const Json& pod) {
  const Caches& caches = shop.caches;
  ScheduleObservation observed{.pod = pod, .now = shop.clock.wall_now()};
  for (const kube::ObjectPtr& node : caches.nodes->list()) {
    observed.nodes.push_back(node->document());
  }
  if (text_at(pod, {"spec", "nodeName"}).empty()) {
    observed.used = used_resources(caches);
    const std::string ns = text_at(pod, {"metadata", "namespace"});
    for (const kube::ObjectPtr& claim : caches.claims->list(ns)) {
      observed.claims.push_back(claim->meta().name);
    }
  }
  return plan_schedule(observed);
}

void add_scheduler(const Shop& shop, Controllers& controllers) {
  const Caches& caches = shop.caches;
  // One worker: each pod is placed knowing where the one before it went.
  auto scheduler = std::make_unique<PlanController>(
      shop, "scheduler", *caches.pods, 1, [&shop](const Json& pod) { return schedule(shop, pod); });
  // A node that changes may fit those that wait; one that goes leaves its pods behind.
  scheduler->also(*caches.nodes, [&caches](const kube::Object& node) {
    std::vector<ObjectKey> keys = keys_of(caches.pods_on(""));
    if (caches.nodes->find(node.meta().key())) return keys;
    for (ObjectKey& key : keys_of(caches.pods_on(node.meta().name))) keys.push_back(std::move(key));
    return keys;
  });
  // A pod that ends leaves room.
  scheduler->also(*caches.pods, [&caches](const kube::Object& object) {
    const Pod pod = parse_pod(object.document());
    return !pod.node.empty() && !pod.active() ? keys_of(caches.pods_on(""))
                                              : std::vector<ObjectKey>{};
  });
  scheduler->also(*caches.claims,
                  [&caches](const kube::Object&) { return keys_of(caches.pods_on("")); });
  controllers.push_back(std::move(scheduler));
}

// --- Claims and volumes

Plan claim_plan(const Shop& shop, const Json& claim) {
  std::string name = text_at(claim, {"spec", "volumeName"});
  if (name.empty()) name = volume_name(apis::parse_meta(claim));
  return plan_volume_claim(
      {.claim = claim,
       .volume = shop.caches.document(*shop.caches.volumes, {.ns = "", .name = name}),
       .folder = shop.options.volumes_folder,
       .now = shop.clock.wall_now()});
}

Plan volume_plan(const Shop& shop, const Json& volume) {
  const Caches& caches = shop.caches;
  const Json& reference = map_at(volume, {"spec", "claimRef"});
  const ObjectKey key{.ns = text_at(reference, {"namespace"}),
                      .name = text_at(reference, {"name"})};
  const kube::ObjectPtr claim = caches.claims->find(key);
  VolumeObservation observed{.volume = volume, .folder = shop.options.volumes_folder};
  observed.claim_exists = claim && claim->meta().uid == text_at(reference, {"uid"});
  // Another claim of that name, made later, is what later pods mean.
  for (const kube::ObjectPtr& object : caches.pods->list(key.ns)) {
    const bool later =
        claim && claim->meta().creation_timestamp < object->meta().creation_timestamp;
    const Pod pod = parse_pod(object->document());
    const std::vector<std::string> names = claims_of_pod(pod.document);
    observed.in_use |= !later && !pod.finished() && std::ranges::count(names, key.name) > 0;
  }
  return plan_volume(observed);
}

void add_volumes(const Shop& shop, Controllers& controllers) {
  const Caches& caches = shop.caches;
  auto claims = std::make_unique<PlanController>(
      shop, "persistentvolumeclaim", *caches.claims, 1,
      [&shop](const Json& claim) { return claim_plan(shop, claim); });
  claims->also(*caches.volumes, [](const kube::Object& volume) {
    const Json document = volume.document();
    const Json& reference = map_at(document, {"spec", "claimRef"});
    return std::vector<ObjectKey>{
        {.ns = text_at(reference, {"namespace"}), .name = text_at(reference, {"name"})}};
  });
  auto volumes = std::make_unique<PlanController>(
      shop, "persistentvolume", *caches.volumes, 1,
      [&shop](const Json& volume) { return volume_plan(shop, volume); });
  volumes->also(*caches.claims, [](const kube::Object& claim) {
    return std::vector<ObjectKey>{
        {.ns = "", .name = volume_name(claim.meta())},
        {.ns = "", .name = text_at(claim.document(), {"spec", "volumeName"})}};
  });
  // The last user of a volume whose claim is gone already.
  volumes->also(*caches.pods, [&caches](const kube::Object& object) {
    std::vector<ObjectKey> keys;
    if (claims_of_pod(object.document()).empty()) return keys;
    for (const kube::ObjectPtr& volume : caches.volumes->list()) {
      if (text_at(volume->document(), {"status", "phase"}) == "Released") {
        keys.push_back(volume->meta().key());
      }
    }
    return keys;
  });
  controllers.push_back(std::move(claims));
  controllers.push_back(std::move(volumes));
}

// --- EndpointSlices

std::vector<ObjectKey> services_of(const Caches& caches, const kube::Object& pod) {
  std::vector<ObjectKey> keys;
  for (const kube::ObjectPtr& service : caches.services->list(pod.meta().ns)) {
    const Json document = service->document();
    apis::LabelSelector selector;
    for (const auto& [key, value] : map_at(document, {"spec", "selector"}).items()) {
      if (value.is_string()) selector.match_labels[key] = value.get<std::string>();
    }
    if (selector.match_labels.empty() || !selector.matches(pod.meta().labels)) continue;
    keys.push_back(service->meta().key());
  }
  return keys;
}

Plan slices_plan(const Caches& caches, const Json& service) {
  const ObjectMeta meta = apis::parse_meta(service);
  EndpointSliceObservation observed{
      .service = service, .pods = caches.in_namespace(*caches.pods, meta.ns), .slices = {}};
  for (Json& slice : caches.in_namespace(*caches.slices, meta.ns)) {
    if (apis::parse_meta(slice).label(kServiceLabel) == meta.name) {
      observed.slices.push_back(std::move(slice));
    }
  }
  return plan_endpoint_slices(observed);
}

void add_slices(const Shop& shop, Controllers& controllers) {
  const Caches& caches = shop.caches;
  auto slices = std::make_unique<PlanController>(
      shop, "endpointslice", *caches.services, shop.options.workers,
      [&caches](const Json& service) { return slices_plan(caches, service); });
  slices->also(*caches.pods,
               [&caches](const kube::Object& pod) { return services_of(caches, pod); });
  slices->also(*caches.slices, [](const kube::Object& slice) {
    return std::vector<ObjectKey>{
        {.ns = slice.meta().ns, .name = slice.meta().label(kServiceLabel)}};
  });
  controllers.push_back(std::move(slices));
}

}  // namespace

void add_placement(const Shop& shop, Controllers& controllers) {
  add_nodes(shop, controllers);
  add_scheduler(shop, controllers);
  add_volumes(shop, controllers);
  add_slices(shop, controllers);
}

}  // namespace rage::workloads
