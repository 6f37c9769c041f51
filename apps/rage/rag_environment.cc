#include "rag_environment.h"

#include <cstdlib>

#include "base/strings.h"

namespace rage::app {
namespace {

constexpr const char* kRemoteEmbeddingDefault = "http://localhost:5000/embedding";  // KAITO's.

}  // namespace

std::string process_environment(std::string_view name) {
  const char* value = std::getenv(std::string(name).c_str());
  return value == nullptr ? std::string() : std::string(trim(value));
}

std::string choose_embedder(std::string given, bool is_default, const Environment& environment) {
  const std::string model = environment("MODEL_ID");
  return is_default && !model.empty() ? model : std::move(given);
}

Result<std::optional<RemoteEmbedding>> choose_remote_embedding(const std::string& url,
                                                               const std::string& token,
                                                               const Environment& environment) {
  std::string name = "EMBEDDING_SOURCE_TYPE";  // The server's own name comes first.
  if (environment(name).empty()) name = "EMBEDDING_TYPE";
  const std::string kind = to_lower_ascii(environment(name));
  if (!kind.empty() && kind != "local" && kind != "remote") {
    return fail(ErrorCode::kInvalidArgument,
                "Invalid Embedding Type Specified (Must be Local or Remote): {}={}", name, kind);
  }
  if (url.empty() && kind != "remote") return std::nullopt;
  RemoteEmbedding remote{.url = url, .token = token};
  if (remote.url.empty()) remote.url = environment("REMOTE_EMBEDDING_URL");
  if (remote.url.empty()) remote.url = kRemoteEmbeddingDefault;
  if (remote.token.empty()) remote.token = environment("REMOTE_EMBEDDING_ACCESS_SECRET");
  return remote;
}

}  // namespace rage::app
