// Every informer of the controllers, and what is looked up in them. Documents of pods that we
// deleted read as deleting, whatever the watch has shown.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "kube/informer.h"
#include "workloads/carry_out.h"
#include "workloads/plan.h"

namespace rage::workloads {

// Resource. Thread-safe once started. Client, clock and `deleted` outlive it.
class Caches final {
 public:
  Caches(kube::KubeClient& client, Clock& clock, const Deleted& deleted);

  void start();
  void stop();
  Result<void> wait_synced(const Context& context) const;
  bool synced() const;
  const std::vector<kube::Informer*>& all() const { return all_; }

  // What `uid` controls; what nobody controls in a namespace.
  std::vector<Json> owned(const kube::Informer& informer, std::string_view uid) const;
  std::vector<Json> orphans(const kube::Informer& informer, std::string_view ns) const;
  std::vector<Json> in_namespace(const kube::Informer& informer, std::string_view ns) const;
  // Null if absent.
  Json document(const kube::Informer& informer, const ObjectKey& key) const;
  // Pods by their node's name; "" is none.
  std::vector<kube::ObjectPtr> pods_on(std::string_view node) const;

 private:
  std::unique_ptr<kube::Informer> make(kube::KubeClient& client, Clock& clock,
                                       const ResourceType& type);
  Json shown(const kube::Object& object) const;

  const Deleted& deleted_;
  std::vector<kube::Informer*> all_;

 public:
  const std::unique_ptr<kube::Informer> pods;
  const std::unique_ptr<kube::Informer> nodes;
  const std::unique_ptr<kube::Informer> services;
  const std::unique_ptr<kube::Informer> slices;
  const std::unique_ptr<kube::Informer> claims;
  const std::unique_ptr<kube::Informer> volumes;
  const std::unique_ptr<kube::Informer> replica_sets;
  const std::unique_ptr<kube::Informer> deployments;
  const std::unique_ptr<kube::Informer> stateful_sets;
  const std::unique_ptr<kube::Informer> revisions;
  const std::unique_ptr<kube::Informer> rollouts;
  const std::unique_ptr<kube::Informer> node_claims;
  const std::unique_ptr<kube::Informer> jobs;
  const std::unique_ptr<kube::Informer> cron_jobs;
  const std::unique_ptr<kube::Informer> workflows;
  const std::unique_ptr<kube::Informer> workflow_templates;
  const std::unique_ptr<kube::Informer> cron_workflows;
  const std::unique_ptr<kube::Informer> certificates;
  const std::unique_ptr<kube::Informer> external_secrets;
  const std::unique_ptr<kube::Informer> secrets;
};

}  // namespace rage::workloads
