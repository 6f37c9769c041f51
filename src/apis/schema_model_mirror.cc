#include "apis/detail/kind_schemas.h"
#include "apis/kinds.h"

namespace rage::apis::detail {
namespace {

// core/v1 ObjectReference; only the name is used.
Schema secret_reference_schema() {
  Schema reference = Schema::object().about("A Secret of the job's namespace, by name.");
  for (const char* field :
       {"apiVersion", "fieldPath", "kind", "name", "namespace", "resourceVersion", "uid"}) {
    reference = std::move(reference).field(field, name_schema());
  }
  return std::move(reference).with("x-kubernetes-map-type", "atomic");
}

Schema model_mirror_spec_schema() {
  return Schema::object()
      .field("mode", Schema::choice({"Managed", "Static"})
                         .with("default", "Managed")
                         .about("Managed: the operator downloads the model. Static: it is there."))
      .field("source", Schema::object()
                           .required("registry", Schema::choice({"huggingface"}))
                           .required("modelID", Schema::text().with("maxLength", 512))
                           .field("accessSecret", secret_reference_schema()))
      .field("storage", Schema::object()
                            .required("size", quantity_schema())
                            .field("storageClassName", name_schema()))
      .field("jobNamespace", name_schema().about("Where the claim and the download job live."))
      .field("serviceAccountName", name_schema())
      .rule("self == oldSelf", "spec is immutable")
      .rule(
          "self.mode == 'Static' ? !has(self.source) && !has(self.storage) : "
          "has(self.source) && has(self.storage) && has(self.storage.storageClassName)",
          "a Static mirror has neither source nor storage; a Managed one has both, with a "
          "storageClassName");
}

Schema model_mirror_status_schema() {
  return Schema::object()
      .field("phase", Schema::text().about("Pending or Ready."))
      .field("modelPath", Schema::text())
      .field("conditions", conditions_schema())
      .field("failureMessage", Schema::text())
      .field("lastDownloadTime", Schema::text().with("format", "date-time"))
      .field("download",
             Schema::object()
                 .required("speedBytesPerSecond", Schema::integer().with("format", "int64"))
                 .required(
                     "remainingSeconds",
                     Schema::integer().with("format", "int64").about("-1: unknown; 0: finished.")));
}

}  // namespace

KindDescription describe_model_mirror() {
  return {
      .type = model_mirror_type(),
      .singular = "modelmirror",
      .short_names = {},
      .categories = {},
      .scale = false,
      .versions = {{.name = "v1alpha1",
                    .schema = document_schema("A copy of a model's files inside the cluster.")
                                  .field("spec", model_mirror_spec_schema())
                                  .field("status", model_mirror_status_schema()),
                    .columns = {{.name = "Model", .type = "string", .path = ".spec.source.modelID"},
                                {.name = "Phase", .type = "string", .path = ".status.phase"},
                                age_column(),
                                message_column("Ready")},
                    .deprecation = ""}}};
}

}  // namespace rage::apis::detail
