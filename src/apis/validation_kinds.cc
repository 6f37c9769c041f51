#include <algorithm>

#include "apis/auto_indexer.h"
#include "apis/detail/duration.h"
#include "apis/detail/field_reader.h"
#include "apis/detail/formats.h"
#include "apis/detail/kind_schemas.h"
#include "apis/detail/rules.h"
#include "base/strings.h"
#include "codec/documents.h"

namespace rage::apis::detail {
namespace {

// v1alpha1 fills in an instance type where none was given, which says nothing about what the user
// wants on nodes that are there already.
void forget_filled_in_instance_type(const Change& change, const ValidationSettings& settings,
                                    std::string& instance_type) {
  if (change.old_style && settings.provisioner == Provisioner::kByo &&
      instance_type == kV1alpha1InstanceType) {
    instance_type.clear();
  }
}

template <class T>
std::optional<T> parse_or_refuse(Result<T> parsed, const Rules& rules) {
  if (parsed) return *std::move(parsed);
  rules.refuse("cannot be read", parsed.error().message);
  return std::nullopt;
}

void check_new_workspace(const Workspace& workspace, const ValidationSettings& settings,
                         const Rules& rules) {
  if (workspace.inference.has_value() == workspace.tuning.has_value()) {
    rules.refuse("Either Inference or Tuning must be specified, but not both", "inference, tuning");
  }
  check_instance_type(workspace.resource.instance_type, nullptr, settings, rules.at("resource"));
  check_label_selector(workspace.resource.label_selector, rules.at("resource"));
  if (workspace.inference) {
    check_partition(workspace.resource, settings, rules.at("resource"));
    check_inference(*workspace.inference, workspace.meta.annotations, settings,
                    rules.at("inference"));
  }
  if (workspace.tuning) check_tuning(*workspace.tuning, workspace.resource, rules);
}

void check_workspace_change(const Workspace& workspace, const Workspace& before,
                            const ValidationSettings& settings, const Rules& rules) {
  if (workspace.inference.has_value() != before.inference.has_value()) {
    rules.refuse("field is immutable: it can be neither added nor removed", "inference");
  }
  if (workspace.tuning.has_value() != before.tuning.has_value()) {
    rules.refuse("field is immutable: it can be neither added nor removed", "tuning");
  }
  const Rules resource = rules.at("resource");
  check_instance_type(workspace.resource.instance_type, &before.resource.instance_type, settings,
                      resource);
  check_resource_change(workspace.resource, before.resource, resource);
  if (workspace.inference && before.inference) {
    const Rules at = rules.at("inference");
    if (workspace.inference->preset != before.inference->preset) {
      at.refuse("field is immutable", "preset");
    }
    if (workspace.inference->pod_template.is_null() != before.inference->pod_template.is_null()) {
      at.refuse("field is immutable: it can be neither added nor removed", "template");
    }
    check_adapters(workspace.inference->adapters, at);
  }
  if (workspace.tuning && before.tuning) {
    check_tuning_change(*workspace.tuning, *before.tuning, rules.at("tuning"));
  }
}

void check_auto_upgrade(const Json& document, const Rules& rules) {
  const FieldReader window =
      FieldReader(document).child("spec").child("autoUpgrade").child("maintenanceWindow");
  if (!window.exists()) return;
  const Rules at = rules.at("spec.autoUpgrade.maintenanceWindow");
  const std::string schedule = window.text("schedule");
  if (!is_cron(schedule)) {
    at.invalid(schedule, "schedule", "must be five fields of cron, such as \"0 2 * * 6\"");
  }
  const std::string duration = window.text("duration", "4h");
  const auto seconds = parse_go_duration(duration);
  if (!seconds || seconds->count() <= 0) {
    at.invalid(duration, "duration", "must be a duration above 0, such as 4h");
  }
}

void check_update_strategy(const InferenceSet& set, const Rules& rules) {
  const UpdateStrategy& strategy = set.update_strategy;
  const Rules at = rules.at("spec.updateStrategy");
  if (strategy.max_unavailable < 0) {
    at.invalid(std::to_string(strategy.max_unavailable), "rollingUpdate.maxUnavailable");
  }
  if (strategy.max_surge < 0) at.invalid(std::to_string(strategy.max_surge), "maxSurge");
  if (set.replicas > 0 && strategy.max_unavailable == 0 && strategy.max_surge == 0) {
    at.refuse("maxSurge and maxUnavailable may not both be 0: nothing could ever be rolled out",
              "maxSurge");
  }
  if (strategy.type != "RollingUpdate" && strategy.type != "OnDelete") {
    rules.warn(fmt::format("spec.updateStrategy.type {} is not known and read as RollingUpdate",
                           strategy.type));
  }
}

// The rules of the Workspaces that will be made from the template.
void check_template(const InferenceSet& set, const Json* before, const ValidationSettings& settings,
                    const Rules& rules) {
  const Rules at = rules.at("spec.template");
  ResourceSpec resource;
  resource.instance_type = set.instance_type;
  resource.partition = set.partition;
  const Result<InferenceSet> old =
      before == nullptr ? fail(ErrorCode::kNotFound, "none") : parse_inference_set(*before);
  if (!old || old->instance_type != set.instance_type) {
    check_instance_type(set.instance_type, nullptr, settings, at.at("resource"));
  }
  check_label_selector(set.label_selector, rules.at("spec"));
  check_partition(resource, settings, at.at("resource"));
  check_annotations(set.template_annotations, old ? old->template_annotations : StringMap(),
                    settings, at);
  check_inference(set.inference, set.template_annotations, settings, at.at("inference"));
  if (old && old->partition != set.partition) {
    at.refuse("field is immutable", "resource.partition");
  }
}

void check_role(const FieldReader& role, const ValidationSettings& settings, const Rules& rules) {
  const std::string instance_type = role.text("instanceType");
  check_instance_type(instance_type, nullptr, settings, rules);
  const auto replicas = role.optional_integer("replicas");
  if (replicas && *replicas < 1) {
    rules.invalid(std::to_string(*replicas), "replicas", "must be at least 1");
  }
}

// What the service would not start with is refused here.
void check_vector_db(const VectorDb& database, const Rules& rules) {
  constexpr std::string_view kEngines[] = {"", "faiss", "qdrant", "postgres"};
  const std::string engine = to_lower_ascii(database.engine);
  if (std::ranges::find(kEngines, engine) == std::end(kEngines)) {
    rules.invalid(database.engine, "engine", "must be faiss, qdrant or postgres");
    return;
  }
  const bool built_in = engine.empty() || engine == "faiss";
  if (database.url.empty() && !built_in) rules.missing("url");
  if (!database.url.empty() && built_in) {
    rules.invalid(database.engine, "engine", "must be qdrant or postgres where there is a url");
  }
  if (!database.url.empty() && !is_url(database.url)) {
    rules.invalid(database.url, "url", "is not a URL");
  }
}

void check_storage(const RagEngine& engine, const Rules& rules) {
  if (engine.volume) {
    const Rules at = rules.at("persistentVolume");
    if (!engine.volume->size.empty() && !is_quantity(engine.volume->size)) {
      at.invalid(engine.volume->size, "size", "is not a quantity such as 10Gi");
    }
    if (!engine.volume->mount_path.starts_with('/')) {
      at.invalid(engine.volume->mount_path, "mountPath", "must be an absolute path");
    }
  }
  if (engine.vector_db) check_vector_db(*engine.vector_db, rules.at("vectorDB"));
}

void check_embedding(const RagEngine& engine, const Rules& rules) {
  if (engine.local_embedding.has_value() == engine.remote_embedding.has_value()) {
    rules.refuse(engine.local_embedding
                     ? "Only one of remote or local embedding must be specified"
                     : "Either remote embedding or local embedding must be specified, not neither",
                 "");
  }
  if (engine.local_embedding) {
    const LocalEmbedding& local = *engine.local_embedding;
    if (local.image.empty() == local.model_id.empty()) {
      rules.refuse("Exactly one of image and modelID must be specified", "local");
    }
    if (!local.image.empty() && !is_tagged_image_reference(local.image)) {
      rules.invalid(local.image, "local.image", "must look like registry/repository:tag");
    }
  }
  if (engine.remote_embedding && !is_url(engine.remote_embedding->url)) {
    rules.invalid(engine.remote_embedding->url, "remote.url", "is not a URL");
  }
}

void check_compute(const RagEngine& engine, const ValidationSettings& settings,
                   const Rules& rules) {
  if (!engine.compute) return;
  // With bring-your-own nodes a type is of no use, but manifests have one and are not refused.
  if (engine.compute->instance_type.empty() && settings.provisioner != Provisioner::kByo) {
    rules.missing("instanceType");
  }
  check_label_selector(engine.compute->label_selector, rules);
}

}  // namespace

void check_workspace(const Change& change, const ValidationSettings& settings, const Rules& rules) {
  check_name(change.document, rules);
  auto workspace = parse_or_refuse(parse_workspace(change.document), rules);
  if (!workspace) return;
  const Result<Workspace> before = change.before == nullptr ? fail(ErrorCode::kNotFound, "none")
                                                            : parse_workspace(*change.before);
  check_annotations(workspace->meta.annotations, before ? before->meta.annotations : StringMap(),
                    settings, rules);
  if (before) {
    check_workspace_change(*workspace, *before, settings, rules);
    return;
  }
  forget_filled_in_instance_type(change, settings, workspace->resource.instance_type);
  check_new_workspace(*workspace, settings, rules);
}

void check_inference_set(const Change& change, const ValidationSettings& settings,
                         const Rules& rules) {
  check_name(change.document, rules);
  check_auto_upgrade(change.document, rules);
  auto set = parse_or_refuse(parse_inference_set(change.document), rules);
  if (!set) return;
  if (set->replicas < 0) {
    rules.invalid(std::to_string(set->replicas), "spec.replicas",
                  "must be greater than or equal to 0");
  }
  check_update_strategy(*set, rules);
  check_template(*set, change.before, settings, rules);
}

void check_rag_engine(const Change& change, const ValidationSettings& settings,
                      const Rules& rules) {
  const auto engine = parse_or_refuse(parse_rag_engine(change.document), rules);
  if (!engine) return;
  const Rules spec = rules.at("spec");
  check_compute(*engine, settings, spec.at("compute"));
  check_storage(*engine, spec.at("storage"));
  check_embedding(*engine, spec.at("embedding"));
  if (!engine->inference_url.empty() && !is_url(engine->inference_url)) {
    spec.invalid(engine->inference_url, "inferenceService.url", "is not a URL");
  }
  if (FieldReader(change.document).child("spec").child("inferenceService").exists() &&
      engine->context_window_size <= 0) {
    spec.invalid(std::to_string(engine->context_window_size), "inferenceService.contextWindowSize",
                 "must be above 0");
  }
  const Result<RagEngine> before = change.before == nullptr ? fail(ErrorCode::kNotFound, "none")
                                                            : parse_rag_engine(*change.before);
  if (!before) return;
  if (before->compute.has_value() != engine->compute.has_value()) {
    spec.refuse("field is immutable: it can be neither added nor removed", "compute");
  } else if (engine->compute) {
    const std::string& old_type = before->compute->instance_type;
    if (!old_type.empty() && engine->compute->instance_type != old_type) {
      spec.refuse("field is immutable", "compute.instanceType");
    }
    check_resource_change(*engine->compute, *before->compute, spec.at("compute"));
  }
}

void check_model_mirror(const Change& change, const Rules& rules) {
  const FieldReader spec = FieldReader(change.document).child("spec");
  if (change.before != nullptr) {
    const Json* old_spec = FieldReader(*change.before).find("spec");
    const Json* new_spec = FieldReader(change.document).find("spec");
    const bool same = old_spec == nullptr || new_spec == nullptr
                          ? old_spec == new_spec
                          : codec::same_json(*old_spec, *new_spec);
    if (!same) rules.refuse("field is immutable", "spec");
    return;
  }
  const Rules at = rules.at("spec");
  const FieldReader source = spec.child("source");
  const FieldReader storage = spec.child("storage");
  if (spec.text("mode", "Managed") == "Static") {
    if (source.exists()) at.disallowed("source");
    if (storage.exists()) at.disallowed("storage");
    return;
  }
  if (source.text("registry") != "huggingface") {
    at.invalid(source.text("registry"), "source.registry", "must be huggingface");
  }
  if (source.text("modelID").empty()) at.missing("source.modelID");
  if (!is_quantity(storage.text("size"))) {
    at.invalid(storage.text("size"), "storage.size", "is not a quantity such as 100Gi");
  }
  if (storage.text("storageClassName").empty()) at.missing("storage.storageClassName");
}

void check_multi_role_inference(const Change& change, const ValidationSettings& settings,
                                const Rules& rules) {
  check_name(change.document, rules);
  const FieldReader spec = FieldReader(change.document).child("spec");
  const Rules at = rules.at("spec");
  const std::string model = spec.child("model").text("name");
  if (model.empty()) at.missing("model.name");
  const LabelSelector selector = spec.selector("labelSelector");
  if (selector.match_labels.empty() && selector.match_expressions.empty()) {
    at.missing("labelSelector");
  }
  check_label_selector(selector, at);
  std::vector<std::string> types;
  const std::vector<FieldReader> roles = spec.children("roles");
  for (std::size_t i = 0; i < roles.size(); ++i) {
    types.push_back(roles[i].text("type"));
    check_role(roles[i], settings, at.at(fmt::format("roles[{}]", i)));
  }
  if (types.size() != 2 || std::ranges::count(types, "prefill") != 1 ||
      std::ranges::count(types, "decode") != 1) {
    at.refuse("exactly one prefill role and one decode role must be specified", "roles");
  }
  if (const Result<void> read = spec.check(); !read) {
    rules.refuse("cannot be read", read.error().message);
  }
  if (change.before == nullptr) return;
  if (FieldReader(*change.before).child("spec").child("model").text("name") != model) {
    at.refuse("field is immutable", "model.name");
  }
}

void check_auto_indexer(const Change& change, const Rules& rules) {
  check_name(change.document, rules);
  const FieldReader spec = FieldReader(change.document).child("spec");
  const Rules at = rules.at("spec");
  for (const char* field : {"ragEngine", "indexName"}) {
    const std::string value = spec.text(field);
    if (value.empty()) at.missing(field);
    if (change.before != nullptr &&
        FieldReader(*change.before).child("spec").text(field) != value) {
      at.refuse("field is immutable", field);
    }
  }
  const FieldReader git = spec.child("source").child("git");
  const FieldReader http = spec.child("source").child("http");
  if (git.exists() == http.exists()) at.refuse("Exactly one of git and http must be set", "source");
  if (git.exists() && git.text("url").empty()) at.missing("source.git.url");
  constexpr std::string_view kSealed = "A password belongs into the Secret that accessSecret names";
  if (has_password(git.text("url"))) at.refuse(kSealed, "source.git.url");
  const std::vector<std::string> urls = http.texts("urls");
  if (http.exists() && urls.empty()) at.missing("source.http.urls");
  for (const std::string& url : urls) {
    if (has_password(url)) {  // Not repeated in the message.
      at.refuse(kSealed, "source.http.urls");
    } else if (!is_fetchable_url(url, PrivateHosts::kAllowed)) {
      at.invalid(url, "source.http.urls", "must be a URL of http or https to another host");
    }
  }
  const std::string schedule = spec.text("schedule");
  if (!schedule.empty() && !is_cron(schedule)) {
    at.invalid(schedule, "schedule", "must be five fields of cron, such as \"0 * * * *\"");
  }
  if (const Result<void> read = spec.check(); !read) {
    rules.refuse("cannot be read", read.error().message);
  }
}

}  // namespace rage::apis::detail
