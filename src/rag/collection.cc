#include "rag/collection.h"

#include <algorithm>

#include "base/check.h"

namespace rage::rag {

const EmbedderIdentity& identity_for(std::span<const EmbedderIdentity> ours, std::string_view id) {
  CHECK(!ours.empty());
  const auto found = std::ranges::find(ours, id, &EmbedderIdentity::id);
  return found == ours.end() ? ours.front() : *found;
}

Result<void> check_embedder(std::string_view index, const EmbedderIdentity& made_with,
                            const EmbedderIdentity& embedder, std::string_view remedy) {
  if (made_with.id == embedder.id && made_with.dimension == embedder.dimension) return {};
  return fail(ErrorCode::kFailedPrecondition,
              "index '{}' was built with the embedder '{}' ({} dimensions), this service runs '{}' "
              "({}). {}; to have it answer meanwhile, name the first with --old-embedder as well",
              index, made_with.id, made_with.dimension, embedder.id, embedder.dimension, remedy);
}

std::shared_ptr<const Corpus> CorpusCache::of(std::shared_ptr<const Snapshot> snapshot) {
  auto cached = cached_.with([](const Cached& cache) { return cache; });
  if (cached.of == snapshot) return cached.corpus;
  // Built outside the lock: two askers may build the same one, which costs time but harms nothing.
  std::vector<Chunk> chunks;
  chunks.reserve(snapshot->live_rows());
  snapshot->for_each_row([&](const Row& row) {
    chunks.push_back(*row.chunk);
    return true;
  });
  auto corpus = build_corpus(std::move(chunks));
  cached_.with([&](Cached& cache) { cache = {.of = std::move(snapshot), .corpus = corpus}; });
  return corpus;
}

std::shared_ptr<const Corpus> CorpusCache::of(std::shared_ptr<const Snapshot> snapshot,
                                              const MetadataFilter& filter) {
  if (filter.matches_all()) return of(std::move(snapshot));
  std::vector<Chunk> chunks;
  snapshot->for_each_row([&](const Row& row) {
    if (filter.matches(row.chunk->metadata)) chunks.push_back(*row.chunk);
    return true;
  });
  return build_corpus(std::move(chunks));
}

}  // namespace rage::rag
