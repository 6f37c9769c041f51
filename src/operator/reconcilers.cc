#include "operator/reconcilers.h"

#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "apis/inference_set.h"
#include "apis/kinds.h"
#include "apis/rag_engine.h"
#include "apis/workspace.h"
#include "base/sha256.h"
#include "codec/yaml.h"
#include "obs/log.h"
#include "operator/detail/rag_engine_objects.h"
#include "operator/inference_set_plan.h"
#include "operator/model_mirror_reconciler.h"
#include "operator/rag_engine_plan.h"
#include "operator/serving.h"
#include "operator/workspace_plan.h"

namespace rage::op {
namespace {

std::vector<Json> documents_of(const std::vector<kube::ObjectPtr>& objects) {
  std::vector<Json> documents;
  documents.reserve(objects.size());
  for (const kube::ObjectPtr& object : objects) documents.push_back(object->document());
  return documents;
}

NodeObservation observe_nodes(const Caches& caches, std::string_view claim_index,
                              const ObjectMeta& owner, const apis::ResourceSpec& resource) {
  NodeObservation observed;
  observed.nodes =
      caches.node_index.matching(sanitized_selector(resource.label_selector), owner.key());
  const std::string value = owner.ns + "/" + owner.name;
  if (caches.node_claims) {
    for (const auto& claim : caches.node_claims->by_index(claim_index, value)) {
      observed.claims.push_back(view_node_claim(claim->document()));
    }
  }
  if (caches.node_pools && claim_index == kByWorkspace) {
    const auto pools = caches.node_pools->by_index(claim_index, value);
    if (!pools.empty()) observed.node_pool = pools.front()->document();
  }
  return observed;
}

std::string config_name(const apis::Workspace& workspace) {
  if (workspace.inference) return workspace.inference->config;
  return workspace.tuning ? tuning_config_name(*workspace.tuning) : "";
}

// An integer `max-model-len` below `vllm` in inference_config.yaml; none for "auto" or nonsense.
std::optional<int> max_model_len_of(const Json& config_map) {
  const Json* data = codec::find_key(config_map, "data");
  if (data == nullptr) return std::nullopt;
  const auto config = codec::parse_yaml(codec::string_or(*data, "inference_config.yaml", ""));
  if (!config) return std::nullopt;
  const Json* vllm = codec::find_key(*config, "vllm");
  const Json* length = vllm != nullptr ? codec::find_key(*vllm, "max-model-len") : nullptr;
  if (length == nullptr) return std::nullopt;
  const double value = length->is_string()
                           ? std::strtod(length->get_ref<const std::string&>().c_str(), nullptr)
                           : codec::number_or(*vllm, "max-model-len", 0);
  if (!(value >= 1 && value <= 1e8)) return std::nullopt;
  return static_cast<int>(value);
}

// training_config.TrainingArguments.output_dir; empty if it is not said.
std::string tuning_output_dir_of(const Json& data) {
  const auto config = codec::parse_yaml(codec::string_or(data, "training_config.yaml", ""));
  if (!config) return "";
  const Json* training = codec::find_key(*config, "training_config");
  const Json* arguments =
      training != nullptr ? codec::find_key(*training, "TrainingArguments") : nullptr;
  return arguments != nullptr ? codec::string_or(*arguments, "output_dir", "") : "";
}

// GPUs that a pod of the planned or present StatefulSet asks for.
int gpus_wanted(const Plan& plan, const Json& stateful_set) {
  const Json* found = &stateful_set;
  for (const Change& change : plan.changes) {
    const auto* apply = std::get_if<ApplyObject>(&change);
    if (apply != nullptr && apply->type.kind == "StatefulSet") found = &apply->object;
  }
  const Json* spec = codec::find_key(*found, "spec");
  const Json* pod = spec != nullptr ? codec::find_key(*spec, "template") : nullptr;
  return pod != nullptr ? gpus_of_pod(*pod) : 0;
}

std::vector<std::string> worker_nodes_of(const Json& status) {
  std::vector<std::string> names;
  const Json* nodes = codec::find_key(status, "workerNodes");
  if (nodes == nullptr || !nodes->is_array()) return names;
  for (const Json& node : *nodes) {
    if (node.is_string()) names.push_back(node.get<std::string>());
  }
  return names;
}

WorkspaceObservation observe_workspace(const Caches& caches, const apis::Workspace& workspace,
                                       const Settings& settings) {
  const ObjectMeta& meta = workspace.meta;
  WorkspaceObservation observed;
  observed.nodes = observe_nodes(caches, kByWorkspace, meta, workspace.resource);
  observed.stateful_set = document_of(caches.stateful_sets, meta.key());
  observed.tuning_job = document_of(caches.jobs, meta.key());
  observed.service = document_of(caches.services, meta.key());
  observed.headless_service =
      document_of(caches.services, {.ns = meta.ns, .name = meta.name + "-headless"});
  observed.pods = documents_of(caches.pods.by_index(kByWorkspace, meta.key().str()));
  observed.revision_documents = owned_documents(caches.revisions, meta.uid);
  observed.nvme_class_exists =
      caches.storage_classes.find({.ns = "", .name = "kaito-local-nvme-disk"}) != nullptr;
  if (const std::string name = config_name(workspace); !name.empty()) {
    Json config_map = document_of(caches.config_maps, {.ns = meta.ns, .name = name});
    if (workspace.tuning) {
      observed.tuning_config = config_map;
      observed.tuning_template =
          document_of(caches.config_maps, {.ns = settings.release_namespace, .name = name});
      // Not copied yet: what it says counts already.
      const bool copied = config_map.is_object() || !workspace.tuning->config.empty();
      if (!copied) config_map = observed.tuning_template;
    }
    observed.max_model_len = max_model_len_of(config_map);
    if (const Json* data = codec::find_key(config_map, "data")) {
      observed.config_hash = sha256_hex(codec::render_json(*data)).substr(0, 16);
      observed.tuning_output_dir = tuning_output_dir_of(*data);
    }
  }
  return observed;
}

void observe_guardrails(const Caches& caches, const apis::RagEngine& engine,
                        const Settings& settings, RagEngineObservation& observed) {
  if (!engine.guardrails_enabled) return;
  const ObjectMeta& meta = engine.meta;
  const bool named = !engine.guardrails_config_map.empty();
  observed.guardrails_policy = document_of(
      caches.config_maps, named ? ObjectKey{.ns = meta.ns, .name = engine.guardrails_config_map}
                                : ObjectKey{.ns = settings.release_namespace,
                                            .name = std::string(detail::kGuardrailsTemplate)});
  if (named) return;
  observed.guardrails_copy = document_of(
      caches.config_maps, {.ns = meta.ns, .name = detail::guardrails_config_map(engine)});
}

// What cannot be read cannot be reconciled; the schema should have refused it, so it is said once
// in the log and retried when the object changes.
kube::Outcome give_up(const ResourceType& type, const ObjectKey& key, const Error& error) {
  obs::log().error("object cannot be read",
                   {{"kind", type.kind}, {"key", key.str()}, {"reason", error.message}});
  return kube::Outcome::done();
}

}  // namespace

Plan WorkspaceReconciler::plan(const apis::Workspace& workspace) {
  const std::string now = render_time(hands_.clock.wall_now());
  const std::optional<ModelQuestion> question = model_question(workspace);
  const auto answer = question && !workspace.meta.deleting
                          ? std::optional(models_.find(*question, workspace.meta.key()))
                          : std::nullopt;
  MutexLock lock(placing_);
  WorkspaceObservation observed = observe_workspace(caches_, workspace, settings_);
  observed.streaming = observe_streaming(caches_, workspace, settings_);
  if (answer && *answer) {
    observed.hub_model = (*answer)->model;
    observed.hub_commit = (*answer)->commit;
  } else if (answer) {
    observed.hub_error = answer->error();
  }
  Plan plan = plan_workspace(workspace, observed, settings_, now);
  caches_.node_index.promise(workspace.meta.key(), worker_nodes_of(plan.status),
                             gpus_wanted(plan, observed.stateful_set));
  return plan;
}

Result<kube::Outcome> WorkspaceReconciler::reconcile(const Context& context, const ObjectKey& key) {
  const kube::ObjectPtr object = caches_.workspaces.find(key);
  if (!object) {  // Deleted: owner references collect the children.
    caches_.node_index.promise(key, {}, 0);
    return kube::Outcome::done();
  }
  const Json document = object->document();
  const auto workspace = apis::parse_workspace(document);
  if (!workspace) return give_up(apis::workspace_type(), key, workspace.error());
  return carry_out(context, hands_, apis::workspace_type(), document, kWorkspaceFinalizer,
                   plan(*workspace));
}

Result<kube::Outcome> InferenceSetReconciler::reconcile(const Context& context,
                                                        const ObjectKey& key) {
  const kube::ObjectPtr object = caches_.inference_sets.find(key);
  if (!object) return kube::Outcome::done();
  const Json document = object->document();
  const auto set = apis::parse_inference_set(document);
  if (!set) return give_up(apis::inference_set_type(), key, set.error());
  InferenceSetObservation observed;
  for (const Json& child : owned_documents(caches_.workspaces, set->meta.uid)) {
    auto workspace = apis::parse_workspace(child);
    if (workspace) observed.children.push_back(*std::move(workspace));
  }
  if (settings_.auto_upgrade) {
    for (const apis::Workspace& child : observed.children) {
      Json stateful_set = document_of(caches_.stateful_sets, child.meta.key());
      if (stateful_set.is_object()) observed.stateful_sets.push_back(std::move(stateful_set));
    }
  }
  if (settings_.inference_extension) {
    for (const kube::Informer* kind : caches_.pool_kinds()) {
      for (Json& part : owned_documents(*kind, set->meta.uid)) {
        observed.pool_objects.push_back(std::move(part));
      }
    }
  }
  if (caches_.scaled_objects) observed.scaled_object = document_of(*caches_.scaled_objects, key);
  observed.scaling = scaling_.find(key);
  observed.revision_documents = owned_documents(caches_.revisions, set->meta.uid);
  Plan plan = plan_inference_set(*set, observed, settings_, render_time(hands_.clock.wall_now()));
  return carry_out(context, hands_, apis::inference_set_type(), document, kInferenceSetFinalizer,
                   std::move(plan));
}

Result<kube::Outcome> RagEngineReconciler::reconcile(const Context& context, const ObjectKey& key) {
  const kube::ObjectPtr object = caches_.rag_engines.find(key);
  if (!object) return kube::Outcome::done();
  const Json document = object->document();
  const auto engine = apis::parse_rag_engine(document);
  if (!engine) return give_up(apis::rag_engine_type(), key, engine.error());
  const ObjectMeta& meta = engine->meta;
  RagEngineObservation observed;
  if (engine->compute)
    observed.nodes = observe_nodes(caches_, kByRagEngine, meta, *engine->compute);
  observed.deployment = document_of(caches_.deployments, key);
  observed.service = document_of(caches_.services, key);
  observed.pods = documents_of(caches_.pods.by_index(kByRagEngine, key.str()));
  observed.revision_documents = owned_documents(caches_.revisions, meta.uid);
  if (const std::string claim = claim_name(*engine); !claim.empty()) {
    observed.claim = document_of(caches_.volume_claims, {.ns = meta.ns, .name = claim});
  }
  observe_guardrails(caches_, *engine, settings_, observed);
  Plan plan = plan_rag_engine(*engine, observed, settings_, render_time(hands_.clock.wall_now()));
  return carry_out(context, hands_, apis::rag_engine_type(), document, kRagEngineFinalizer,
                   std::move(plan));
}

}  // namespace rage::op
