// Every informer of the operator, and the maps from what happens to whom it concerns.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "base/error.h"
#include "kube/client.h"
#include "kube/informer.h"
#include "operator/node_index.h"
#include "operator/settings.h"

namespace rage::op {

inline constexpr std::string_view kByOwner = "owner";          // Controlling owner's UID.
inline constexpr std::string_view kByWorkspace = "workspace";  // Pods, claims: "ns/name" by label.
inline constexpr std::string_view kByRagEngine = "ragengine";
inline constexpr std::string_view kByAutoIndexer = "autoindexer";  // Pods: "ns/name" by label.
inline constexpr std::string_view kByConfigMap = "config-map";     // "ns/name" of the one it names.
inline constexpr std::string_view kByMirror = "mirror";  // Jobs, pods: the ModelMirror, by label.
inline constexpr std::string_view kByModel = "model";    // mirrored_model_key() of what it serves.

// Resource. Thread-safe once started. Client and clock outlive it.
class Caches final {
 public:
  Caches(kube::KubeClient& client, Clock& clock, const Settings& settings);

  void start();
  // Until all first lists are complete.
  Result<void> wait_synced(const Context& context) const;
  bool synced() const;
  // Kinds an InferenceSet's endpoint picker is made of; empty unless the gate is on.
  std::vector<const kube::Informer*> pool_kinds() const;
  // Null unless something needs them.
  const kube::Informer* service_accounts() const;
  // All of them, for Hands and metrics.
  const std::vector<kube::Informer*>& all() const { return all_; }

  NodeIndex node_index;  // First: the informers below tell it until they have stopped.
  kube::Informer workspaces;
  kube::Informer inference_sets;
  kube::Informer rag_engines;
  kube::Informer auto_indexers;  // By the RAGEngine they name.
  kube::Informer stateful_sets;
  kube::Informer deployments;
  kube::Informer services;
  kube::Informer jobs;
  kube::Informer cron_jobs;
  kube::Informer revisions;
  kube::Informer pods;
  kube::Informer nodes;
  kube::Informer volume_claims;
  kube::Informer config_maps;
  kube::Informer storage_classes;
  // Null when nodes are brought by the user.
  std::unique_ptr<kube::Informer> node_claims;
  std::unique_ptr<kube::Informer> node_pools;
  std::unique_ptr<kube::Informer> scaled_objects;  // Null unless KEDA scales.
  // With the gate gatewayAPIInferenceExtension: InferencePool, ServiceAccount, Role, RoleBinding.
  std::vector<std::unique_ptr<kube::Informer>> pool_parts;
  // Null without their gates.
  std::unique_ptr<kube::Informer> model_mirrors;
  std::unique_ptr<kube::Informer> multi_role_inferences;
  std::unique_ptr<kube::Informer> volumes;  // PersistentVolumes.

 private:
  void add_mirrors(kube::KubeClient& client, Clock& clock, const Settings& settings);
  void add(std::unique_ptr<kube::Informer>& slot, std::unique_ptr<kube::Informer> informer);

  std::unique_ptr<kube::Informer> own_service_accounts_;  // If pool_parts has none.
  std::vector<kube::Informer*> all_;
};

// The model that a ModelMirror holds, as kByModel has it; empty for a Static one.
std::vector<std::string> model_of_mirror(const kube::Object& mirror);

// The documents of `informer` that `uid` controls.
std::vector<Json> owned_documents(const kube::Informer& informer, std::string_view uid);
// The document of `key`, or null.
Json document_of(const kube::Informer& informer, const ObjectKey& key);

}  // namespace rage::op
