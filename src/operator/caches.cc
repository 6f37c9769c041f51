#include "operator/caches.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "apis/kinds.h"
#include "base/strings.h"
#include "operator/autoscale_keda.h"
#include "operator/detail/json_path.h"
#include "operator/inference_pool.h"
#include "operator/model_mirror_plan.h"
#include "operator/model_streaming_plan.h"

namespace rage::op {
namespace {

// Indexes by a pair of labels, or by a label and the object's own namespace.
kube::IndexFunction by_label(std::string name_label, std::string namespace_label = {}) {
  return [name_label = std::move(name_label),
          namespace_label = std::move(namespace_label)](const kube::Object& object) {
    const ObjectMeta& meta = object.meta();
    const std::string name = meta.label(name_label);
    if (name.empty()) return std::vector<std::string>{};
    const std::string ns = namespace_label.empty() ? meta.ns : meta.label(namespace_label);
    return std::vector<std::string>{ns + "/" + name};
  };
}

std::vector<std::string> config_map_of(const kube::Object& object) {
  const Json document = object.document();
  for (const char* part : {"inference", "tuning"}) {
    const Json* spec = codec::find_key(document, part);
    const std::string name = spec != nullptr ? codec::string_or(*spec, "config", "") : "";
    if (!name.empty()) return {object.meta().ns + "/" + name};
  }
  return {};
}

std::vector<std::string> engine_of(const kube::Object& indexer) {
  const Json document = indexer.document();
  const Json* spec = codec::find_key(document, "spec");
  const std::string name = spec != nullptr ? codec::string_or(*spec, "ragEngine", "") : "";
  if (name.empty()) return {};
  return {indexer.meta().ns + "/" + name};
}

// Keeps the keys we read; a cluster's other ConfigMaps may be large and are nobody's business.
void trim_config_map(Json& document) {
  document.erase("binaryData");
  const auto data = document.find("data");
  if (data == document.end() || !data->is_object()) return;
  Json kept = Json::object();
  for (const char* key :
       {"inference_config.yaml", "training_config.yaml", "guardrails.yaml", "config.yaml"}) {
    if (const Json* value = codec::find_key(*data, key)) kept[key] = *value;
  }
  *data = std::move(kept);
}

kube::InformerOptions owned() {
  return {.indexes = {{std::string(kByOwner), kube::controller_uid_of}}};
}

std::vector<std::string> mirror_of(const kube::Object& object) {
  std::string name = object.meta().label(kModelMirrorLabel);
  return name.empty() ? std::vector<std::string>{} : std::vector<std::string>{std::move(name)};
}

std::vector<std::string> model_of_workspace(const kube::Object& object) {
  const std::string preset = detail::text_at(object.document(), {"inference", "preset", "name"});
  if (preset.empty()) return {};
  return {mirrored_model_key(preset)};
}

std::vector<std::string> plugins_config_of(const kube::Object& object) {
  const std::string name = detail::text_at(object.document(), {"spec", "eppPluginsConfig"});
  if (name.empty()) return {};
  return {object.meta().ns + "/" + name};
}

kube::InformerOptions pod_options() {
  return {.trim = trim_pod,
          .indexes = {{std::string(kByWorkspace), by_label("kaito.sh/workspace")},
                      {std::string(kByRagEngine), by_label("kaito.sh/ragengine")},
                      {std::string(kByAutoIndexer), by_label("kaito.sh/autoindexer")},
                      {std::string(kByMirror), mirror_of}}};
}

kube::InformerOptions job_options() {
  kube::InformerOptions options = owned();
  options.indexes.emplace(std::string(kByMirror), mirror_of);
  return options;
}

// Claims that we made carry one pair of labels, those of a NodePool the pair of its template.
std::vector<std::string> workspace_of_claim(const kube::Object& claim) {
  static const kube::IndexFunction own =
      by_label("kaito.sh/workspace", "kaito.sh/workspacenamespace");
  static const kube::IndexFunction pooled =
      by_label("karpenter.kaito.sh/workspace-name", "karpenter.kaito.sh/workspace-namespace");
  auto values = own(claim);
  return values.empty() ? pooled(claim) : values;
}

kube::InformerOptions claim_options() {
  return {.indexes = {{std::string(kByWorkspace), workspace_of_claim},
                      {std::string(kByRagEngine),
                       by_label("kaito.sh/ragengine", "kaito.sh/ragenginenamespace")}}};
}

kube::InformerOptions pool_options() {
  return {
      .indexes = {{std::string(kByWorkspace), by_label("karpenter.kaito.sh/workspace-name",
                                                       "karpenter.kaito.sh/workspace-namespace")}}};
}

kube::InformerOptions workspace_options(const Settings& settings) {
  kube::InformerOptions options = owned();
  options.indexes.emplace(std::string(kByConfigMap), config_map_of);
  if (settings.model_streaming) options.indexes.emplace(std::string(kByModel), model_of_workspace);
  return options;
}

ResourceType volume_type() {
  return {.group = "",
          .version = "v1",
          .kind = "PersistentVolume",
          .plural = "persistentvolumes",
          .namespaced = false};
}

std::vector<ResourceType> inference_pool_types() {
  const std::string rbac = "rbac.authorization.k8s.io";
  return {apis::builtin_type("InferencePool"),
          service_account_type(),
          {.group = rbac, .version = "v1", .kind = "Role", .plural = "roles"},
          {.group = rbac, .version = "v1", .kind = "RoleBinding", .plural = "rolebindings"}};
}

ResourceType storage_class_type() {
  return {.group = "storage.k8s.io",
          .version = "v1",
          .kind = "StorageClass",
          .plural = "storageclasses",
          .namespaced = false};
}

}  // namespace

Caches::Caches(kube::KubeClient& client, Clock& clock, const Settings& settings)
    : workspaces(client, clock, apis::workspace_type(), workspace_options(settings)),
      inference_sets(client, clock, apis::inference_set_type(), owned()),
      rag_engines(client, clock, apis::rag_engine_type()),
      auto_indexers(client, clock, apis::auto_indexer_type(),
                    {.indexes = {{std::string(kByRagEngine), engine_of}}}),
      stateful_sets(client, clock, apis::builtin_type("StatefulSet"), owned()),
      deployments(client, clock, apis::builtin_type("Deployment"), owned()),
      services(client, clock, apis::builtin_type("Service"), owned()),
      jobs(client, clock, apis::builtin_type("Job"), job_options()),
      cron_jobs(client, clock, apis::builtin_type("CronJob"), owned()),
      revisions(client, clock, apis::builtin_type("ControllerRevision"), owned()),
      pods(client, clock, apis::builtin_type("Pod"), pod_options()),
      nodes(client, clock, apis::builtin_type("Node"), {.trim = trim_node}),
      volume_claims(client, clock, apis::builtin_type("PersistentVolumeClaim")),
      config_maps(client, clock, apis::builtin_type("ConfigMap"), {.trim = trim_config_map}),
      storage_classes(client, clock, storage_class_type()),
      all_{&workspaces,  &inference_sets, &rag_engines,   &auto_indexers, &stateful_sets,
           &deployments, &services,       &jobs,          &cron_jobs,     &revisions,
           &pods,        &nodes,          &volume_claims, &config_maps,   &storage_classes} {
  if (settings.provisioner != Provisioner::kByo) {
    node_claims = std::make_unique<kube::Informer>(client, clock, apis::builtin_type("NodeClaim"),
                                                   claim_options());
    all_.push_back(node_claims.get());
  }
  if (settings.provisioner == Provisioner::kKarpenter) {
    node_pools = std::make_unique<kube::Informer>(client, clock, apis::builtin_type("NodePool"),
                                                  pool_options());
    all_.push_back(node_pools.get());
  }
  if (settings.autoscaler == Autoscaler::kKeda) {
    scaled_objects = std::make_unique<kube::Informer>(client, clock, scaled_object_type());
    all_.push_back(scaled_objects.get());
  }
  if (settings.inference_extension) {
    for (const ResourceType& type : inference_pool_types()) {
      pool_parts.push_back(std::make_unique<kube::Informer>(client, clock, type, owned()));
      all_.push_back(pool_parts.back().get());
    }
  }
  if (settings.multi_role_inference) {
    add(multi_role_inferences,
        std::make_unique<kube::Informer>(
            client, clock, apis::multi_role_inference_type(),
            kube::InformerOptions{.indexes = {{std::string(kByConfigMap), plugins_config_of}}}));
  }
  if (settings.model_mirror) add_mirrors(client, clock, settings);
  node_index.watch(nodes, pods);
}

void Caches::add_mirrors(kube::KubeClient& client, Clock& clock, const Settings& settings) {
  add(model_mirrors,
      std::make_unique<kube::Informer>(
          client, clock, apis::model_mirror_type(),
          kube::InformerOptions{.indexes = {{std::string(kByModel), model_of_mirror}}}));
  if (!settings.model_streaming) return;
  add(volumes, std::make_unique<kube::Informer>(client, clock, volume_type()));
  if (service_accounts() == nullptr) {
    add(own_service_accounts_,
        std::make_unique<kube::Informer>(client, clock, service_account_type()));
  }
}

void Caches::add(std::unique_ptr<kube::Informer>& slot, std::unique_ptr<kube::Informer> informer) {
  slot = std::move(informer);
  all_.push_back(slot.get());
}

const kube::Informer* Caches::service_accounts() const {
  const auto found = std::ranges::find_if(all_, [](const kube::Informer* informer) {
    return informer->type() == service_account_type();
  });
  return found == all_.end() ? nullptr : *found;
}

std::vector<const kube::Informer*> Caches::pool_kinds() const {
  if (pool_parts.empty()) return {};
  std::vector<const kube::Informer*> kinds = {&deployments, &services};
  for (const auto& part : pool_parts) kinds.push_back(part.get());
  return kinds;
}

void Caches::start() {
  for (kube::Informer* informer : all_) informer->start();
}

Result<void> Caches::wait_synced(const Context& context) const {
  for (const kube::Informer* informer : all_) {
    auto synced = informer->wait_synced(context);
    if (!synced) {
      return fail(std::move(synced).error().with_context("listing " + informer->type().plural));
    }
  }
  return {};
}

bool Caches::synced() const {
  return std::ranges::all_of(all_, [](const kube::Informer* i) { return i->synced(); });
}

std::vector<std::string> model_of_mirror(const kube::Object& mirror) {
  const std::string id = detail::text_at(mirror.document(), {"spec", "source", "modelID"});
  if (id.empty()) return {};
  return {to_lower_ascii(id)};
}

std::vector<Json> owned_documents(const kube::Informer& informer, std::string_view uid) {
  std::vector<Json> documents;
  for (const kube::ObjectPtr& object : informer.by_index(kByOwner, uid)) {
    documents.push_back(object->document());
  }
  return documents;
}

Json document_of(const kube::Informer& informer, const ObjectKey& key) {
  const kube::ObjectPtr object = informer.find(key);
  return object ? object->document() : Json();
}

}  // namespace rage::op
