#include "rag_embedders.h"

#include <utility>

#include "embed/factory.h"
#include "embed/remote_embedder.h"

namespace rage::app {
namespace {

Result<std::unique_ptr<embed::Embedder>> load_local(ModelAccess& access,
                                                    const std::string& reference,
                                                    const std::string& precision) {
  embed::EmbedderOptions embedder;
  if (reference == "hashing") {
    embedder.model = "hashing";
    return embed::make_embedder(embedder);
  }
  ASSIGN_OR_RETURN(const auto files, access.resolve(Context{}, reference));
  embedder.model = files.path.string();
  embedder.id = files.id;
  for (const auto& [name, value] : embed::kPrecisionNames) {
    if (precision == name) embedder.precision = value;
  }
  return embed::make_embedder(embedder);
}

Result<std::unique_ptr<embed::Embedder>> connect_remote(ModelAccess& access,
                                                        const EmbedderFlags& flags,
                                                        const RemoteEmbedding& remote) {
  const auto api = embed::parse_remote_api(flags.api, remote.url);
  if (!api) return fail(ErrorCode::kInvalidArgument, "there is no embedder API '{}'", flags.api);
  ASSIGN_OR_RETURN(auto embedder,
                   embed::RemoteEmbedder::connect(Context{}, access.transport(), access.clock(),
                                                  {.url = remote.url,
                                                   .token = remote.token,
                                                   .api = *api,
                                                   .model = flags.model,
                                                   .tokens_max = flags.tokens_max,
                                                   .texts_per_request_max = flags.batch_max}));
  return std::unique_ptr<embed::Embedder>(std::move(embedder));
}

}  // namespace

void EmbedderFlags::add_to(CLI::App& command) {
  local_option =
      command
          .add_option("--embedder", local,
                      "Embedding model, or \"hashing\" (lexical, no model); also by MODEL_ID")
          ->envname("LOCAL_EMBEDDING_MODEL_ID")
          ->capture_default_str();
  command
      .add_option("--precision", precision,
                  "auto: the quickest this CPU has; int8 gives vectors within cosine 0.999 of f32")
      ->check(CLI::IsMember({"auto", "f32", "bf16", "int8"}))
      ->capture_default_str();
  command.add_option(
      "--embedder-url", url,
      "Embedding service to use instead: .../v1/embeddings (OpenAI's API) or KAITO's "
      "kind. Also by EMBEDDING_SOURCE_TYPE=remote with REMOTE_EMBEDDING_URL");
  command.add_option("--embedder-token", token,
                     "Its bearer token; better set by REMOTE_EMBEDDING_ACCESS_SECRET");
  command
      .add_option("--embedder-api", api,
                  "What it speaks; auto: OpenAI's if the path ends in "
                  "/embeddings, else KAITO's")
      ->envname("REMOTE_EMBEDDING_API")
      ->check(CLI::IsMember({"auto", "openai", "kaito"}))
      ->capture_default_str();
  command
      .add_option("--embedder-model", model,
                  "Model to ask it for; indexes remember this name. Without it that which the "
                  "service names")
      ->envname("REMOTE_EMBEDDING_MODEL");
  command
      .add_option("--embedder-tokens-max", tokens_max,
                  "Tokens that its model reads of one text, estimated")
      ->check(CLI::Range(16, 1 << 20))
      ->capture_default_str();
  command.add_option("--embedder-batch", batch_max, "Texts a request at most")
      ->check(CLI::Range(1, 2048))
      ->capture_default_str();
  command.add_option("--old-embedder", old,
                     "Also loaded, for indexes that were built with it, until `rage reindex` has "
                     "moved them; may be repeated");
}

Result<std::unique_ptr<Embedders>> Embedders::load(ModelAccess& access, const EmbedderFlags& flags,
                                                   const Environment& environment) {
  auto embedders = std::make_unique<Embedders>();
  ASSIGN_OR_RETURN(const auto remote, choose_remote_embedding(flags.url, flags.token, environment));
  if (remote) {
    ASSIGN_OR_RETURN(embedders->current_, connect_remote(access, flags, *remote));
  } else {
    const std::string reference =
        choose_embedder(flags.local, flags.local_option->count() == 0, environment);
    ASSIGN_OR_RETURN(embedders->current_, load_local(access, reference, flags.precision));
  }
  for (const std::string& reference : flags.old) {
    ASSIGN_OR_RETURN(auto old, load_local(access, reference, flags.precision));
    embedders->old_.push_back(std::move(old));
  }
  embedders->metered_ =
      std::make_unique<embed::MeteredEmbedder>(*embedders->current_, remote ? "remote" : "local");
  return embedders;
}

std::vector<embed::Embedder*> Embedders::old() const {
  std::vector<embed::Embedder*> all;
  for (const auto& embedder : old_) all.push_back(embedder.get());
  return all;
}

}  // namespace rage::app
