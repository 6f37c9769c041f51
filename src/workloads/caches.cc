#include "workloads/caches.h"

#include <utility>

#include "workloads/detail/json_at.h"
#include "workloads/kinds.h"

namespace rage::workloads {
namespace {

constexpr const char* kByOwner = "owner";  // The controller's UID, or "/namespace" without one.
constexpr const char* kByNode = "node";

std::vector<std::string> owner_of(const kube::Object& object) {
  const apis::OwnerReference* owner = object.meta().controller();
  return {owner != nullptr ? owner->uid : "/" + object.meta().ns};
}

}  // namespace

Caches::Caches(kube::KubeClient& client, Clock& clock, const Deleted& deleted)
    : deleted_(deleted),
      pods(make(client, clock, kinds().pod)),
      nodes(make(client, clock, kinds().node)),
      services(make(client, clock, kinds().service)),
      slices(make(client, clock, kinds().slice)),
      claims(make(client, clock, kinds().claim)),
      volumes(make(client, clock, kinds().volume)),
      replica_sets(make(client, clock, kinds().replica_set)),
      deployments(make(client, clock, kinds().deployment)),
      stateful_sets(make(client, clock, kinds().stateful_set)),
      revisions(make(client, clock, kinds().revision)),
      rollouts(make(client, clock, kinds().rollout)),
      node_claims(make(client, clock, kinds().node_claim)),
      jobs(make(client, clock, kinds().job)),
      cron_jobs(make(client, clock, kinds().cron_job)),
      workflows(make(client, clock, kinds().workflow)),
      workflow_templates(make(client, clock, kinds().workflow_template)),
      cron_workflows(make(client, clock, kinds().cron_workflow)),
      certificates(make(client, clock, kinds().certificate)),
      external_secrets(make(client, clock, kinds().external_secret)),
      secrets(make(client, clock, kinds().secret)) {}

std::unique_ptr<kube::Informer> Caches::make(kube::KubeClient& client, Clock& clock,
                                             const ResourceType& type) {
  kube::InformerOptions options;
  options.indexes.emplace(kByOwner, owner_of);
  if (type == kinds().pod) {
    options.indexes.emplace(kByNode, [](const kube::Object& pod) {
      return std::vector<std::string>{detail::text_at(pod.document(), {"spec", "nodeName"})};
    });
  }
  auto informer = std::make_unique<kube::Informer>(client, clock, type, std::move(options));
  all_.push_back(informer.get());
  return informer;
}

void Caches::start() {
  for (kube::Informer* informer : all_) informer->start();
}

void Caches::stop() {
  for (kube::Informer* informer : all_) informer->stop();
}

Result<void> Caches::wait_synced(const Context& context) const {
  for (const kube::Informer* informer : all_) RETURN_IF_ERROR(informer->wait_synced(context));
  return {};
}

bool Caches::synced() const {
  for (const kube::Informer* informer : all_) {
    if (!informer->synced()) return false;
  }
  return true;
}

Json Caches::shown(const kube::Object& object) const {
  Json document = object.document();
  const ObjectMeta& meta = object.meta();
  if (!meta.deleting && deleted_.contains(meta.uid)) {
    document["metadata"]["deletionTimestamp"] = meta.creation_timestamp;
  }
  return document;
}

std::vector<Json> Caches::owned(const kube::Informer& informer, std::string_view uid) const {
  std::vector<Json> found;
  for (const kube::ObjectPtr& object : informer.by_index(kByOwner, uid)) {
    found.push_back(shown(*object));
  }
  return found;
}

std::vector<Json> Caches::orphans(const kube::Informer& informer, std::string_view ns) const {
  return owned(informer, "/" + std::string(ns));
}

std::vector<Json> Caches::in_namespace(const kube::Informer& informer, std::string_view ns) const {
  std::vector<Json> found;
  for (const kube::ObjectPtr& object : informer.list(ns)) found.push_back(shown(*object));
  return found;
}

Json Caches::document(const kube::Informer& informer, const ObjectKey& key) const {
  const kube::ObjectPtr object = informer.find(key);
  return object ? shown(*object) : Json();
}

std::vector<kube::ObjectPtr> Caches::pods_on(std::string_view node) const {
  return pods->by_index(kByNode, node);
}

}  // namespace rage::workloads
