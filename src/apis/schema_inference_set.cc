#include "apis/detail/kind_schemas.h"
#include "apis/kinds.h"

namespace rage::apis::detail {
namespace {

Schema update_strategy_schema() {
  const Json defaults = {{"type", "RollingUpdate"}, {"rollingUpdate", {{"maxUnavailable", 1}}}};
  return Schema::object()
      .about("How a change of the template reaches the replicas.")
      .with("default", defaults)
      .field("type", Schema::text().about("RollingUpdate; OnDelete: only replicas that are made "
                                          "later follow the template."))
      .field("rollingUpdate",
             Schema::object()
                 .field("maxUnavailable",
                        Schema::int_or_text().about("Replicas, or a share such as 25%, that may be "
                                                    "missing during a roll-out."))
                 .field("partition", Schema::integer().with("format", "int32")))
      .field("maxSurge", Schema::int_or_text().about(
                             "Replicas, or a share, beyond spec.replicas during a roll-out."))
      .field("progressDeadlineSeconds",
             Schema::integer()
                 .with("format", "int32")
                 .with("minimum", 0)
                 .about("A replica that is not ready by then stops the roll-out; 0: as long as its "
                        "own start may take."));
}

Schema auto_upgrade_schema() {
  return Schema::object()
      .about("Whether replicas follow the operator's base image.")
      .field("enabled", Schema::boolean().with("default", false))
      .field("strategy", Schema::choice({"InPlace", "Surge"}).with("default", "InPlace"))
      .field("maintenanceWindow",
             Schema::object()
                 .about("Absent: at any time.")
                 .required("schedule", Schema::text()
                                           .with("maxLength", 256)
                                           .about("When it opens: five fields of cron, UTC."))
                 .field("duration", Schema::text().with("default", "4h").with("maxLength", 64)));
}

Schema template_schema(Version version) {
  Schema resource = Schema::object().field(
      "instanceType",
      Schema::text().about("The machine to provision; empty for nodes that are there already."));
  if (version == Version::kV1beta1) {
    resource = std::move(resource)
                   .field("partition", partition_schema())
                   .rule(fixed_field_rule("partition"), "partition is immutable");
  }
  return Schema::object()
      .about("What each replica, a Workspace, is made from.")
      .field("metadata", Schema::any_object().about("Its labels and annotations are copied."))
      .field("resource", std::move(resource))
      .required("inference", inference_schema(PresetChange::kAllowed));
}

Schema inference_set_spec_schema(Version version) {
  return Schema::object()
      .required("template", template_schema(version))
      .field("replicas",
             Schema::integer().with("format", "int32").with("minimum", 0).with("default", 1))
      .field("nodeCountLimit", Schema::integer().about("The most nodes all replicas may take."))
      .required("labelSelector", label_selector_schema().about("The nodes to run on."))
      .field("updateStrategy", update_strategy_schema())
      .field("autoUpgrade", auto_upgrade_schema());
}

Schema inference_set_status_schema(Version version) {
  return Schema::object()
      .field("replicas", Schema::integer().about("The wanted number."))
      .field("readyReplicas", Schema::integer())
      .field("selector", Schema::text().about("Selects the replicas; the scale subresource."))
      .field("updatedReplicas", Schema::integer().about("Replicas made from the current template."))
      .field("observedGeneration", Schema::integer().with("format", "int64"))
      .field("conditions", conditions_schema())
      .field("performance", performance_schema(version))
      .field("autoUpgrade",
             Schema::object()
                 .field("numDriftedWorkspaces", Schema::integer())
                 .field("lastSuccessfulUpgradeTime", Schema::text().with("format", "date-time")));
}

VersionDescription describe_version(const char* name, Version version) {
  return {.name = name,
          .schema = document_schema("Replicas of one model, scaled and rolled out together.")
                        .field("spec", inference_set_spec_schema(version))
                        .field("status", inference_set_status_schema(version)),
          .columns = {{.name = "Replicas", .type = "integer", .path = ".spec.replicas"},
                      {.name = "ReadyReplicas", .type = "integer", .path = ".status.readyReplicas"},
                      age_column(),
                      {.name = "UpToDate",
                       .type = "integer",
                       .path = ".status.updatedReplicas",
                       .priority = 1},
                      condition_column("Ready", "InferenceSetReady", 1),
                      {.name = "Model",
                       .type = "string",
                       .path = ".spec.template.inference.preset.name",
                       .priority = 1},
                      message_column("InferenceSetReady")},
          .deprecation = ""};
}

}  // namespace

KindDescription describe_inference_set() {
  return {.type = inference_set_type(),
          .singular = "inferenceset",
          .short_names = {"is", "isets"},
          .categories = {"inferenceset"},
          .scale = true,
          .versions = {describe_version("v1alpha1", Version::kV1alpha1),
                       describe_version("v1beta1", Version::kV1beta1)}};
}

}  // namespace rage::apis::detail
