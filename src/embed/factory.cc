#include "embed/factory.h"

#include <utility>

#include "embed/hashing_embedder.h"
#if RAGE_EMBED_OPENVINO
#include "embed/local_embedder.h"
#endif

namespace rage::embed {
namespace {

#if RAGE_EMBED_OPENVINO
Result<std::unique_ptr<Embedder>> load_local(const EmbedderOptions& options) {
  auto embedder =
      LocalEmbedder::load(options.model, {.id = options.id,
                                          .precision = options.precision,
                                          .threads = options.threads,
                                          .texts_waiting_max = options.texts_waiting_max});
  if (!embedder) {
    return fail(std::move(embedder).error().with_context("embedding model " + options.model));
  }
  return *std::move(embedder);
}
#else
Result<std::unique_ptr<Embedder>> load_local(const EmbedderOptions& options) {
  return fail(
      ErrorCode::kUnimplemented,
      "embedding model {}: this build has no inference runtime; use the model \"hashing\" or a "
      "build with OpenVINO",
      options.model);
}
#endif

}  // namespace

Result<void> EmbedderOptions::validate() const {
  if (model.empty()) return fail(ErrorCode::kInvalidArgument, "the embedding model is not set");
  if (texts_waiting_max == 0) {
    return fail(ErrorCode::kInvalidArgument, "texts_waiting_max must be at least 1");
  }
  if (threads > 1024) {
    return fail(ErrorCode::kInvalidArgument, "threads must be at most 1024");
  }
  return {};
}

Result<std::unique_ptr<Embedder>> make_embedder(const EmbedderOptions& options) {
  RETURN_IF_ERROR(options.validate());
  if (options.model == "hashing") return std::make_unique<HashingEmbedder>();
  return load_local(options);
}

}  // namespace rage::embed
