#include "apis/detail/kind_schemas.h"
#include "apis/kinds.h"

namespace rage::apis::detail {
namespace {

Schema role_schema() {
  return Schema::object()
      .required("type", Schema::choice({"prefill", "decode"}))
      .field("replicas", Schema::integer().with("format", "int32").with("minimum", 1))
      .field("instanceType", Schema::text().about("The machine to provision; empty for nodes that "
                                                  "are there already."))
      .field("runtimeConfig", name_schema().about("ConfigMap with the key inference_config.yaml."));
}

Schema multi_role_inference_spec_schema() {
  return Schema::object()
      .required("labelSelector",
                label_selector_schema()
                    .about("The nodes to run on.")
                    .rule("(has(self.matchLabels) && size(self.matchLabels) > 0) || "
                          "(has(self.matchExpressions) && size(self.matchExpressions) > 0)",
                          "at least one entry of matchLabels or matchExpressions is needed"))
      .required("model", Schema::object()
                             .required("name", Schema::text()
                                                   .with("maxLength", 512)
                                                   .with("minLength", 1)
                                                   .rule("self == oldSelf", "field is immutable"))
                             .field("modelAccessSecret",
                                    name_schema().about("Secret with the key HF_TOKEN.")))
      .field("eppPluginsConfig",
             name_schema().about("ConfigMap with the key config.yaml for the endpoint picker."))
      .required("roles", Schema::list(role_schema())
                             .with("minItems", 2)
                             .with("maxItems", 2)
                             .rule("self.exists_one(role, role.type == 'prefill') && "
                                   "self.exists_one(role, role.type == 'decode')",
                                   "one prefill role and one decode role are needed"));
}

}  // namespace

KindDescription describe_multi_role_inference() {
  return {.type = multi_role_inference_type(),
          .singular = "multiroleinference",
          .short_names = {"mri"},
          .categories = {"kaito"},
          .scale = false,
          .versions = {{.name = "v1alpha1",
                        .schema = document_schema("One model served by prefill and decode pods.")
                                      .field("spec", multi_role_inference_spec_schema())
                                      .field("status",
                                             Schema::object()
                                                 .field("conditions", conditions_schema())
                                                 .field("observedGeneration",
                                                        Schema::integer().with("format", "int64"))),
                        .columns = {{.name = "Model", .type = "string", .path = ".spec.model.name"},
                                    condition_column("Ready", "Ready"),
                                    age_column(),
                                    message_column("Ready")},
                        .deprecation = ""}}};
}

}  // namespace rage::apis::detail
