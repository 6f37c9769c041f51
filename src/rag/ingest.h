// From documents to rows: split into chunks that fit the embedder, embed them.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/context.h"
#include "base/error.h"
#include "embed/embedder.h"
#include "rag/document.h"
#include "text/sentences.h"

namespace rage::rag {

struct IngestOptions {
  // Tokens of one chunk at most; the embedder's own limit (less its special tokens) if smaller.
  std::size_t chunk_tokens_max = 512;
  std::size_t chunk_tokens_overlap = 40;
};

// A document ready to be stored. vectors.rows == chunk_texts.size().
struct PreparedDocument {
  Document document;
  std::string doc_id;
  std::vector<std::string> chunk_texts;
  embed::EmbeddingMatrix vectors;
};

// Splits (splitting.h) and embeds all; all chunks share the embedder's batches. Texts must be
// UTF-8. A document without text has no chunk, or one empty chunk if it has metadata (as in KAITO).
// doc_ids, if not empty, replaces the computed ids, one a document.
Result<std::vector<PreparedDocument>> prepare_documents(const Context& context,
                                                        embed::Embedder& embedder,
                                                        const IngestOptions& options,
                                                        std::vector<Document> documents,
                                                        std::span<const std::string> doc_ids = {});

// One row a text, embedded in parts, so that a long request can be cancelled and others get their
// turn.
Result<embed::EmbeddingMatrix> embed_texts(const Context& context, embed::Embedder& embedder,
                                           std::span<const std::string> texts,
                                           embed::TextKind kind);

}  // namespace rage::rag
