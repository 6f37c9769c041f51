#include "rag/ingest.h"

#include <algorithm>

#include "base/check.h"
#include "rag/hashes.h"
#include "rag/splitting.h"

namespace rage::rag {
namespace {

constexpr std::size_t kSpecialTokens = 2;  // [CLS] and [SEP].
// Embedded per call, so that a long request can be cancelled and other callers get their turn.
constexpr std::size_t kTextsPerCall = 64;

Result<std::vector<DocumentChunk>> chunks_of(const Document& document, embed::Embedder& embedder,
                                             const IngestOptions& options) {
  const std::size_t fits =
      std::max<std::size_t>(embedder.tokens_max(), kSpecialTokens + 8) - kSpecialTokens;
  const text::ChunkOptions chunking{.tokens_max = std::min(options.chunk_tokens_max, fits),
                                    .tokens_overlap = options.chunk_tokens_overlap};
  const auto count = [&](std::string_view part) { return embedder.count_tokens(part); };
  ASSIGN_OR_RETURN(auto chunks, split_document(document, chunking, count));
  if (chunks.empty() && !document.metadata.empty()) chunks.emplace_back();
  return chunks;
}

}  // namespace

Result<embed::EmbeddingMatrix> embed_texts(const Context& context, embed::Embedder& embedder,
                                           std::span<const std::string> texts,
                                           embed::TextKind kind) {
  embed::EmbeddingMatrix all{.rows = texts.size(), .dimension = embedder.dimension(), .values = {}};
  all.values.reserve(all.rows * all.dimension);
  while (!texts.empty()) {
    RETURN_IF_ERROR(context.check());
    const auto part = texts.first(std::min(kTextsPerCall, texts.size()));
    ASSIGN_OR_RETURN(const embed::EmbeddingMatrix rows, embedder.embed(context, part, kind));
    CHECK(rows.rows == part.size() && rows.dimension == all.dimension);
    all.values.insert(all.values.end(), rows.values.begin(), rows.values.end());
    texts = texts.subspan(part.size());
  }
  return all;
}

Result<std::vector<PreparedDocument>> prepare_documents(const Context& context,
                                                        embed::Embedder& embedder,
                                                        const IngestOptions& options,
                                                        std::vector<Document> documents,
                                                        std::span<const std::string> doc_ids) {
  CHECK(doc_ids.empty() || doc_ids.size() == documents.size());
  std::vector<PreparedDocument> prepared;
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < documents.size(); ++i) {
    PreparedDocument& entry = prepared.emplace_back();
    entry.document = std::move(documents[i]);
    entry.doc_id = doc_ids.empty() ? document_id(entry.document.text) : doc_ids[i];
    ASSIGN_OR_RETURN(std::vector<DocumentChunk> chunks,
                     chunks_of(entry.document, embedder, options));
    for (DocumentChunk& chunk : chunks) {
      texts.push_back(chunk.context.empty() ? chunk.text : chunk.context + "\n" + chunk.text);
      entry.chunk_texts.push_back(std::move(chunk.text));
    }
  }
  ASSIGN_OR_RETURN(const embed::EmbeddingMatrix all,
                   embed_texts(context, embedder, texts, embed::TextKind::kPassage));
  std::size_t row = 0;
  for (PreparedDocument& entry : prepared) {
    entry.vectors.rows = entry.chunk_texts.size();
    entry.vectors.dimension = all.dimension;
    const auto from = all.values.begin() + static_cast<std::ptrdiff_t>(row * all.dimension);
    entry.vectors.values.assign(
        from, from + static_cast<std::ptrdiff_t>(entry.vectors.rows * all.dimension));
    row += entry.vectors.rows;
  }
  return prepared;
}

}  // namespace rage::rag
