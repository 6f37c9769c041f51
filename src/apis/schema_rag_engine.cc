#include "apis/detail/kind_schemas.h"
#include "apis/kinds.h"

namespace rage::apis::detail {
namespace {

constexpr const char* kExactlyOneEmbedding = "expected exactly one of local and remote";

Schema optional_url_schema() {
  return Schema::text().with("maxLength", 2048);
}

Schema volume_schema() {
  return Schema::object()
      .about("Where indexes live; without it they end with the pod.")
      .field("persistentVolumeClaim",
             name_schema().about("A claim that exists. Empty: the operator makes one."))
      .field("mountPath", Schema::text().about("/mnt/data when empty."))
      .field("size", quantity_schema().about("Of the claim that the operator makes; 10Gi when "
                                             "empty."));
}

Schema storage_schema(Version version) {
  if (version == Version::kV1alpha1) {
    return Schema::object()
        .field("persistentVolumeClaim", name_schema())
        .field("mountPath", Schema::text());
  }
  return Schema::object()
      .field("persistentVolume", volume_schema())
      .field("vectorDB",
             Schema::object()
                 .field("engine", Schema::text().about("faiss (built in), qdrant or postgres."))
                 .field("url", optional_url_schema())
                 .field("accessSecret", name_schema().about("Secret with the key "
                                                            "VECTOR_DB_ACCESS_SECRET.")));
}

Schema embedding_schema() {
  return Schema::object()
      .field("local", Schema::object()
                          .about("A model that runs in the service; exactly one of image and "
                                 "modelID.")
                          .field("image", Schema::text())
                          .field("imagePullSecret", name_schema())
                          .field("modelID", Schema::text().with("maxLength", 512))
                          .field("modelAccessSecret", name_schema()))
      .field("remote", Schema::object()
                           .about("An endpoint that speaks OpenAI's embeddings API.")
                           .required("url", optional_url_schema())
                           .field("accessSecret", name_schema()))
      .rule("has(self.local) != has(self.remote)", kExactlyOneEmbedding);
}

Schema inference_service_schema(Version version) {
  Schema service = Schema::object().about("The model that words the answers.");
  service = version == Version::kV1alpha1
                ? std::move(service).required("url", optional_url_schema())
                : std::move(service).field("url", optional_url_schema());
  return std::move(service)
      .field("accessSecret", name_schema().about("Secret with the key LLM_ACCESS_SECRET."))
      .required("contextWindowSize", Schema::integer().about("In tokens, above 0."));
}

Schema guardrails_schema() {
  return Schema::object()
      .field("enabled", Schema::boolean())
      .field("configMapRef", Schema::object()
                                 .about("ConfigMap with the key guardrails.yaml.")
                                 .required("name", name_schema()));
}

Schema rag_engine_spec_schema(Version version) {
  Schema spec = Schema::object()
                    .field("compute", resource_schema(version))
                    .field("storage", storage_schema(version))
                    .required("embedding", embedding_schema())
                    .field("inferenceService", inference_service_schema(version))
                    .field("guardrails", guardrails_schema());
  if (version == Version::kV1alpha1) {
    return std::move(spec)
        .field("queryServiceName", Schema::text().about("Not used."))
        .field("indexServiceName", Schema::text().about("Not used."));
  }
  return std::move(spec).field(
      "grounding",
      Schema::object()
          .field("answers", Schema::choice({"auto", "model", "extractive"})
                                .with("default", "auto")
                                .about("Who words an answer: the model, the sources themselves, or "
                                       "whichever fits."))
          .field("mode",
                 Schema::choice({"strict", "assist", "off", "compat"})
                     .about("How an answer is held to its sources. strict, the default: "
                            "nothing else is shown; assist: what no source supports is "
                            "marked; off, also called compat: the model's words, unchecked.")));
}

VersionDescription describe_version(const char* name, Version version, std::string deprecation) {
  return {.name = name,
          .schema = document_schema("Retrieval-augmented generation as one service.")
                        .field("spec", rag_engine_spec_schema(version))
                        .field("status", Schema::object()
                                             .field("workerNodes", texts_schema())
                                             .field("observedGeneration",
                                                    Schema::integer().with("format", "int64"))
                                             .field("conditions", conditions_schema())),
          .columns = {{.name = "Instance", .type = "string", .path = ".spec.compute.instanceType"},
                      condition_column("ResourceReady", "ResourceReady"),
                      condition_column("ServiceReady", "ServiceReady"),
                      age_column(),
                      {.name = "Inference",
                       .type = "string",
                       .path = ".spec.inferenceService.url",
                       .priority = 1},
                      message_column("ServiceReady")},
          .deprecation = std::move(deprecation)};
}

}  // namespace

KindDescription describe_rag_engine() {
  return {.type = rag_engine_type(),
          .singular = "ragengine",
          .short_names = {"rag"},
          .categories = {"ragengine"},
          .scale = false,
          .versions = {describe_version("v1alpha1", Version::kV1alpha1,
                                        "kaito.sh/v1alpha1 RAGEngine is deprecated; use "
                                        "kaito.sh/v1beta1 RAGEngine"),
                       describe_version("v1beta1", Version::kV1beta1, "")}};
}

}  // namespace rage::apis::detail
