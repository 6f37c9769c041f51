#include "apis/detail/kind_schemas.h"
#include "apis/kinds.h"

namespace rage::apis::detail {
namespace {

Schema preset_schema() {
  return Schema::object()
      .about("A model by name.")
      .required("name", Schema::text()
                            .with("maxLength", 512)
                            .about("A Hugging Face id (owner/model), an alias or a name of the "
                                   "catalogue, in any case."))
      .field("accessMode", Schema::choice({"public", "private"})
                               .with("default", "public")
                               .about("Deprecated: not used."))
      .field(
          "presetOptions",
          Schema::object()
              .field("image", Schema::text().with("maxLength", 1024).about("Deprecated: not used."))
              .field(
                  "imagePullSecrets",
                  Schema::list(name_schema()).with("maxItems", 100).about("Deprecated: not used."))
              .field("modelAccessSecret",
                     name_schema().about("Secret of the same namespace whose key HF_TOKEN opens a "
                                         "gated model.")));
}

Schema data_source_schema() {
  return Schema::object()
      .field("name", name_schema())
      .field("urls", texts_schema())
      .field("volumeSource", Schema::any_object().about("A volume source of core/v1."))
      .field("image", Schema::text())
      .field("imagePullSecrets", texts_schema());
}

Schema adapters_schema() {
  return Schema::list(
             Schema::object()
                 .field("source", data_source_schema())
                 .field("strength", Schema::text().about("0 to 1; transformers runtime only.")))
      .with("maxItems", 10)
      .about("LoRA adapters, at most 10, with distinct source names.");
}

Schema tuning_schema() {
  return Schema::object()
      .field("preset", preset_schema().rule("self == oldSelf", "field is immutable"))
      .field("method", Schema::text()
                           .with("maxLength", 64)
                           .about("lora or qlora.")
                           .rule("self == oldSelf", "field is immutable"))
      .field("config", name_schema().about("ConfigMap with the key training_config.yaml."))
      .required("input", data_source_schema().about("Exactly one of urls, image, volumeSource."))
      .required("output", Schema::object()
                              .about("Exactly one of image, volumeSource.")
                              .field("volumeSource",
                                     Schema::any_object().about("A volume source of core/v1."))
                              .field("image", Schema::text())
                              .field("imagePushSecret", Schema::text()))
      .rule(fixed_field_rule("preset"), "preset is immutable");
}

Schema workspace_status_schema(Version version) {
  Schema status = Schema::object()
                      .field("workerNodes", texts_schema().about("Nodes that match, sorted."))
                      .field("conditions", conditions_schema());
  if (version == Version::kV1alpha1) return status;
  return std::move(status)
      .field("state", Schema::text().about("Pending, Ready or NotReady; a tuning is Pending, "
                                           "Running, Succeeded or Failed."))
      .field("targetNodeCount", Schema::integer().with("format", "int32"))
      .field("performance", performance_schema(version));
}

Schema workspace_schema(Version version) {
  // Rules at the root run at each write of the object. Once it exists they look only at what
  // changed: the removal of a finalizer must never be refused.
  return document_schema("One model served, or tuned, on nodes that match a selector.")
      .field("resource", resource_schema(version))
      .field("inference", inference_schema(PresetChange::kFixed))
      .field("tuning", tuning_schema())
      .field("status", workspace_status_schema(version))
      .rule_with_optional_old("oldSelf.hasValue() || has(self.inference) != has(self.tuning)",
                              "expected exactly one of inference and tuning")
      .rule(
          "has(self.inference) == has(oldSelf.inference) && "
          "has(self.tuning) == has(oldSelf.tuning)",
          "inference and tuning cannot be toggled");
}

std::vector<Column> columns(Version version) {
  std::vector<Column> list = {
      {.name = "Instance", .type = "string", .path = ".resource.instanceType"},
      condition_column("ResourceReady", "ResourceReady"),
      condition_column("InferenceReady", "InferenceReady"),
      condition_column("JobStarted", "JobStarted"),
      condition_column("WorkspaceSucceeded", "WorkspaceSucceeded")};
  if (version == Version::kV1beta1) {
    list.push_back(
        {.name = "TargetNodeCount", .type = "integer", .path = ".status.targetNodeCount"});
    list.push_back({.name = "State", .type = "string", .path = ".status.state"});
  }
  list.push_back(age_column());
  list.push_back(
      {.name = "Model", .type = "string", .path = ".inference.preset.name", .priority = 1});
  list.push_back(message_column("WorkspaceSucceeded"));
  return list;
}

}  // namespace

Schema partition_schema() {
  return Schema::object()
      .about("A part of the GPUs of a node; only on nodes that were there before.")
      .required("mode", Schema::choice({"mig", "accelerator"}))
      .field("profile", Schema::text().with("maxLength", 64).about("MIG profile, such as 3g.40gb."))
      .field("count", Schema::integer().with("minimum", 1).about("Whole GPUs of a node."));
}

Schema resource_schema(Version version) {
  Schema instance_type = Schema::text().about(
      "The machine to provision; empty for nodes that are "
      "there already.");
  if (version == Version::kV1alpha1) {
    instance_type = std::move(instance_type).with("default", kV1alpha1InstanceType);
  }
  Schema resource =
      Schema::object()
          .field("count", Schema::integer()
                              .with("default", 1)
                              .about("Deprecated: the number of nodes follows from the model, but "
                                     "for the transformers runtime and templates.")
                              .rule("self == oldSelf", "field is immutable"))
          .field("instanceType", std::move(instance_type))
          .required("labelSelector", label_selector_schema().about("The nodes to run on."))
          .field("preferredNodes", texts_schema().about("Deprecated: not used."));
  if (version == Version::kV1alpha1) return resource;
  return std::move(resource)
      .field("partition", partition_schema())
      .rule(fixed_field_rule("partition"), "partition is immutable");
}

Schema inference_schema(PresetChange change) {
  Schema inference =
      Schema::object()
          .field("preset", preset_schema())
          .field("template",
                 Schema::any_object().about("A pod template of core/v1, used instead of "
                                            "a preset."))
          .field("config", name_schema().about("ConfigMap with the key inference_config.yaml."))
          .field("adapters", adapters_schema())
          .rule("has(self.preset) != has(self.template)",
                "expected exactly one of preset and template");
  if (change == PresetChange::kAllowed) return inference;
  return std::move(inference).rule(fixed_field_rule("preset"), "preset is immutable");
}

KindDescription describe_workspace() {
  return {.type = workspace_type(),
          .singular = "workspace",
          .short_names = {"wk", "wks"},
          .categories = {"workspace"},
          .scale = false,
          .versions = {{.name = "v1alpha1",
                        .schema = workspace_schema(Version::kV1alpha1),
                        .columns = columns(Version::kV1alpha1),
                        .deprecation = ""},
                       {.name = "v1beta1",
                        .schema = workspace_schema(Version::kV1beta1),
                        .columns = columns(Version::kV1beta1),
                        .deprecation = ""}}};
}

}  // namespace rage::apis::detail
