#include <string>
#include <string_view>
#include <utility>

#include "base/strings.h"
#include "operator/detail/rag_engine_objects.h"

namespace rage::op::detail {
namespace {

// Appends core/v1 EnvVars to a list.
class Environment final {
 public:
  void value(std::string_view name, std::string_view text) {
    list_.push_back({{"name", name}, {"value", text}});
  }
  void field(std::string_view name, std::string_view path) {
    list_.push_back({{"name", name}, {"valueFrom", {{"fieldRef", {{"fieldPath", path}}}}}});
  }
  // Secrets reach the pod by reference alone: never through us, never into a spec.
  void secret(std::string_view name, const std::string& secret, std::string_view key) {
    if (secret.empty()) return;
    list_.push_back(
        {{"name", name}, {"valueFrom", {{"secretKeyRef", {{"name", secret}, {"key", key}}}}}});
  }
  Json take() { return std::move(list_); }

 private:
  Json list_ = Json::array();
};

// KAITO's operator sets EMBEDDING_TYPE, MODEL_ID and ACCESS_SECRET, which its service does not
// read; the names it does read are set as well.
void add_embedding(const apis::RagEngine& engine, Environment& environment) {
  const std::string_view type = engine.remote_embedding ? "remote" : "local";
  environment.value("EMBEDDING_TYPE", type);
  environment.value("EMBEDDING_SOURCE_TYPE", type);
  if (engine.remote_embedding) {
    environment.value("REMOTE_EMBEDDING_URL", engine.remote_embedding->url);
    environment.secret("REMOTE_EMBEDDING_ACCESS_SECRET", engine.remote_embedding->access_secret,
                       "REMOTE_EMBEDDING_ACCESS_SECRET");
    return;
  }
  if (!engine.local_embedding) return;
  const apis::LocalEmbedding& local = *engine.local_embedding;
  if (!local.model_id.empty()) {
    environment.value("MODEL_ID", local.model_id);
    environment.value("LOCAL_EMBEDDING_MODEL_ID", local.model_id);
  }
  if (!local.model_access_secret.empty()) {
    environment.value("ACCESS_SECRET", local.model_access_secret);
    environment.secret("HF_TOKEN", local.model_access_secret, "HF_TOKEN");
  }
}

void add_storage(const apis::RagEngine& engine, Environment& environment) {
  const std::string mount = mount_path_of(engine);
  const bool external = engine.vector_db && !engine.vector_db->engine.empty();
  environment.value("VECTOR_DB_TYPE", external ? engine.vector_db->engine : "faiss");
  if (engine.vector_db) {
    if (!engine.vector_db->url.empty()) environment.value("VECTOR_DB_URL", engine.vector_db->url);
    environment.secret("VECTOR_DB_ACCESS_SECRET", engine.vector_db->access_secret,
                       "VECTOR_DB_ACCESS_SECRET");
  }
  environment.value("DEFAULT_VECTOR_DB_PERSIST_DIR", mount + "/" + engine.meta.name);
  // Models stay on the volume, so that a restart does not fetch them again.
  environment.value("RAGE_CACHE_DIR", mount + "/.cache");
}

void add_inference(const apis::RagEngine& engine, Environment& environment) {
  if (engine.context_window_size > 0) {
    environment.value("LLM_CONTEXT_WINDOW", std::to_string(engine.context_window_size));
  }
  if (engine.inference_url.empty()) return;
  environment.value("LLM_INFERENCE_URL", engine.inference_url);
  environment.secret("LLM_ACCESS_SECRET", engine.inference_access_secret, "LLM_ACCESS_SECRET");
}

void add_guardrails(const apis::RagEngine& engine, Environment& environment) {
  environment.value("OUTPUT_GUARDRAILS_ENABLED", engine.guardrails_enabled ? "true" : "false");
  if (!engine.guardrails_enabled) return;
  environment.value("OUTPUT_GUARDRAILS_POLICY_PATH",
                    "/etc/ragengine/guardrails/" + std::string(kGuardrailsKey));
}

}  // namespace

Json render_rag_environment(const apis::RagEngine& engine) {
  Environment environment;
  add_embedding(engine, environment);
  add_storage(engine, environment);
  add_inference(engine, environment);
  add_guardrails(engine, environment);
  environment.field("POD_NAME", "metadata.name");
  environment.field("POD_UID", "metadata.uid");
  environment.value("HOME", "/tmp");  // The root is read-only.
  return environment.take();
}

}  // namespace rage::op::detail
