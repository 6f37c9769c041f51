#include "apis/workspace.h"

#include <algorithm>

#include "apis/detail/spec_fields.h"

namespace rage::apis {
namespace detail {
namespace {

std::optional<Preset> read_preset(const FieldReader& fields) {
  if (!fields.exists()) return std::nullopt;
  const FieldReader options = fields.child("presetOptions");
  return Preset{.name = fields.text("name"),
                .access_mode = fields.text("accessMode"),
                .image = options.text("image"),
                .image_pull_secrets = options.texts("imagePullSecrets"),
                .model_access_secret = options.text("modelAccessSecret")};
}

DataSource read_data_source(const FieldReader& fields) {
  return {.name = fields.text("name"),
          .urls = fields.texts("urls"),
          .image = fields.text("image"),
          .image_pull_secrets = fields.texts("imagePullSecrets"),
          .volume_source = fields.object("volumeSource")};
}

Adapter read_adapter(const FieldReader& fields) {
  Adapter adapter{.source = std::nullopt, .strength = fields.text("strength")};
  const FieldReader source = fields.child("source");
  if (source.exists()) adapter.source = read_data_source(source);
  return adapter;
}

TuningSpec read_tuning_spec(const FieldReader& fields) {
  const FieldReader output = fields.child("output");
  return {.preset = read_preset(fields.child("preset")),
          .method = fields.text("method"),
          .config = fields.text("config"),
          .input = read_data_source(fields.child("input")),
          .output = {.volume_source = output.object("volumeSource"),
                     .image = output.text("image"),
                     .image_push_secret = output.text("imagePushSecret")}};
}

WorkspaceStatus read_status(const FieldReader& fields, const Json* status) {
  WorkspaceStatus result;
  result.worker_nodes = fields.texts("workerNodes");
  result.state = fields.text("state");
  if (status != nullptr) result.conditions = parse_conditions(*status);
  result.target_node_count = fields.integer("targetNodeCount");
  const FieldReader metrics = fields.child("performance").child("metrics");
  for (const std::string& name : metrics.keys()) {
    const FieldReader metric = metrics.child(name);
    result.performance.push_back({.name = name,
                                  .description = metric.text("description"),
                                  .value = metric.text("value"),
                                  .unit = metric.text("unit"),
                                  .config = metric.text_map("config")});
  }
  return result;
}

}  // namespace

std::optional<Partition> read_partition(const FieldReader& fields) {
  if (!fields.exists()) return std::nullopt;
  const std::string mode = fields.text("mode");
  if (mode != "mig" && mode != "accelerator") fields.refuse("mode", "must be mig or accelerator");
  return Partition{
      .mode = mode == "mig" ? PartitionMode::kMig : PartitionMode::kAccelerator,
      .profile = fields.text("profile"),
      .count = fields.optional_integer("count"),
  };
}

ResourceSpec read_resource_spec(const FieldReader& fields) {
  return {.count = fields.integer("count", 1),
          .instance_type = fields.text("instanceType"),
          .label_selector = fields.selector("labelSelector"),
          .preferred_nodes = fields.texts("preferredNodes"),
          .partition = read_partition(fields.child("partition"))};
}

InferenceSpec read_inference_spec(const FieldReader& fields) {
  InferenceSpec inference;
  inference.preset = read_preset(fields.child("preset"));
  inference.pod_template = fields.object("template");
  inference.config = fields.text("config");
  for (const FieldReader& adapter : fields.children("adapters")) {
    inference.adapters.push_back(read_adapter(adapter));
  }
  return inference;
}

}  // namespace detail

Result<Workspace> parse_workspace(const Json& document) {
  const detail::FieldReader fields(document);
  Workspace workspace;
  workspace.meta = parse_meta(document);
  const detail::FieldReader resource = fields.child("resource");
  workspace.has_resource = resource.exists();
  workspace.resource = detail::read_resource_spec(resource);
  const detail::FieldReader inference = fields.child("inference");
  if (inference.exists()) workspace.inference = detail::read_inference_spec(inference);
  const detail::FieldReader tuning = fields.child("tuning");
  if (tuning.exists()) workspace.tuning = detail::read_tuning_spec(tuning);
  workspace.status = detail::read_status(fields.child("status"), fields.find("status"));
  RETURN_IF_ERROR(fields.check());
  return workspace;
}

Result<ResourceSpec> parse_resource_spec(const Json& resource) {
  const detail::FieldReader fields(resource, "resource");
  ResourceSpec result = detail::read_resource_spec(fields);
  RETURN_IF_ERROR(fields.check());
  return result;
}

Result<InferenceSpec> parse_inference_spec(const Json& inference) {
  const detail::FieldReader fields(inference, "inference");
  InferenceSpec result = detail::read_inference_spec(fields);
  RETURN_IF_ERROR(fields.check());
  return result;
}

}  // namespace rage::apis
