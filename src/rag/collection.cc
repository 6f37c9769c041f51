#include "rag/collection.h"

#include <algorithm>

#include "base/check.h"
#include "rag/corpus.h"

namespace rage::rag {

namespace {

// A corpus without its texts is read in a tenth of the time, and tells.
bool holds_records(const Snapshot& snapshot) {
  std::vector<Chunk> chunks;
  snapshot.for_each_row([&](const Row& row) {
    // The chunks of a document follow each other and have its metadata each.
    if (!chunks.empty() && chunks.back().doc_id == row.chunk->doc_id) return true;
    Chunk& chunk = chunks.emplace_back();
    chunk.doc_id = row.chunk->doc_id;
    chunk.metadata = row.chunk->metadata;
    return true;
  });
  return CorpusIndex(std::move(chunks)).structured();
}

}  // namespace

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

std::shared_ptr<const Corpus> CorpusCache::fields(const std::shared_ptr<const Snapshot>& snapshot) {
  if (snapshot->live_rows() > kFieldChunksMax) return nullptr;
  const auto copy = [](const Cached& cache) { return cache; };
  if (const Cached known = fields_.with(copy); known.of == snapshot) return known.corpus;
  MutexLock lock(reading_);
  if (const Cached known = fields_.with(copy); known.of == snapshot) return known.corpus;
  auto corpus = holds_records(*snapshot) ? of(snapshot) : nullptr;
  fields_.with([&](Cached& cache) { cache = {.of = snapshot, .corpus = corpus}; });
  return corpus;
}

}  // namespace rage::rag
