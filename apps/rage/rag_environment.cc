#include "rag_environment.h"

#include <cstdlib>

#include "base/strings.h"

namespace rage::app {

std::string process_environment(std::string_view name) {
  const char* value = std::getenv(std::string(name).c_str());
  return value == nullptr ? std::string() : std::string(trim(value));
}

std::string choose_embedder(std::string given, bool is_default, const Environment& environment) {
  const std::string model = environment("MODEL_ID");
  return is_default && !model.empty() ? model : std::move(given);
}

Result<void> check_rag_environment(const Environment& environment) {
  for (const std::string_view name : {"EMBEDDING_SOURCE_TYPE", "EMBEDDING_TYPE"}) {
    const std::string kind = to_lower_ascii(environment(name));
    if (kind.empty() || kind == "local") continue;
    if (kind != "remote") {
      return fail(ErrorCode::kInvalidArgument,
                  "Invalid Embedding Type Specified (Must be Local or Remote): {}={}", name, kind);
    }
    return fail(
        ErrorCode::kInvalidArgument,
        "{}=remote: this program has no remote embedder yet. Set it to local and name a model "
        "with --embedder",
        name);
  }
  return {};
}

}  // namespace rage::app
