// kaito.sh RAGEngine: the RAG service as one resource.
#pragma once

#include <optional>
#include <string>

#include "apis/meta.h"
#include "apis/workspace.h"

namespace rage::apis {

struct PersistentVolume {
  std::string claim;  // Empty (ours): the operator makes one of `size`.
  std::string mount_path = "/mnt/data";
  std::string size;  // Ours; "10Gi" when the operator makes the claim.
};

struct VectorDb {
  std::string engine;  // "faiss", "qdrant", ...
  std::string url;
  std::string access_secret;  // Secret with key VECTOR_DB_ACCESS_SECRET.
};

struct LocalEmbedding {
  std::string image;
  std::string image_pull_secret;
  std::string model_id;
  std::string model_access_secret;
};

struct RemoteEmbedding {
  std::string url;
  std::string access_secret;
};

struct RagEngine {
  ObjectMeta meta;
  std::optional<ResourceSpec> compute;
  std::optional<PersistentVolume> volume;
  std::optional<VectorDb> vector_db;
  std::optional<LocalEmbedding> local_embedding;
  std::optional<RemoteEmbedding> remote_embedding;
  std::string inference_url;
  std::string inference_access_secret;  // Secret with key LLM_ACCESS_SECRET.
  int context_window_size = 0;          // 0: not given.
  bool guardrails_enabled = false;
  std::string guardrails_config_map;
  std::string grounding_answers;  // Ours, spec.grounding.answers: auto, model, extractive; or "".
  std::string grounding_mode;     // Ours, spec.grounding.mode: strict, assist, off, compat; or "".
  Json spec;
  Json status;
};

// A v1beta1 document; as parse_workspace().
Result<RagEngine> parse_rag_engine(const Json& document);
// As for InferenceSet.
std::string revision_input(const RagEngine& engine);

}  // namespace rage::apis
