#include "apis/rag_engine.h"

#include "apis/detail/spec_fields.h"

namespace rage::apis {
namespace {

using detail::FieldReader;

void read_storage(const FieldReader& storage, RagEngine& engine) {
  const FieldReader volume = storage.child("persistentVolume");
  if (volume.exists()) {
    PersistentVolume& target = engine.volume.emplace();
    target.claim = volume.text("persistentVolumeClaim");
    if (std::string path = volume.text("mountPath"); !path.empty()) {
      target.mount_path = std::move(path);
    }
    target.size = volume.text("size");
  }
  const FieldReader database = storage.child("vectorDB");
  if (database.exists()) {
    engine.vector_db = VectorDb{.engine = database.text("engine"),
                                .url = database.text("url"),
                                .access_secret = database.text("accessSecret")};
  }
}

void read_embedding(const FieldReader& embedding, RagEngine& engine) {
  const FieldReader local = embedding.child("local");
  if (local.exists()) {
    engine.local_embedding = LocalEmbedding{.image = local.text("image"),
                                            .image_pull_secret = local.text("imagePullSecret"),
                                            .model_id = local.text("modelID"),
                                            .model_access_secret = local.text("modelAccessSecret")};
  }
  const FieldReader remote = embedding.child("remote");
  if (remote.exists()) {
    engine.remote_embedding =
        RemoteEmbedding{.url = remote.text("url"), .access_secret = remote.text("accessSecret")};
  }
}

}  // namespace

Result<RagEngine> parse_rag_engine(const Json& document) {
  const FieldReader fields(document);
  const FieldReader spec = fields.child("spec");
  RagEngine engine;
  engine.meta = parse_meta(document);
  const FieldReader compute = spec.child("compute");
  if (compute.exists()) engine.compute = detail::read_resource_spec(compute);
  read_storage(spec.child("storage"), engine);
  read_embedding(spec.child("embedding"), engine);
  const FieldReader inference = spec.child("inferenceService");
  engine.inference_url = inference.text("url");
  engine.inference_access_secret = inference.text("accessSecret");
  engine.context_window_size = inference.integer("contextWindowSize");
  const FieldReader guardrails = spec.child("guardrails");
  engine.guardrails_enabled = guardrails.flag("enabled");
  engine.guardrails_config_map = guardrails.child("configMapRef").text("name");
  engine.grounding_answers = spec.child("grounding").text("answers");
  engine.grounding_mode = spec.child("grounding").text("mode");
  engine.spec = fields.object("spec");
  engine.status = fields.object("status");
  RETURN_IF_ERROR(fields.check());
  return engine;
}

}  // namespace rage::apis
