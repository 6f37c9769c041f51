// What the RAG service stores and returns. Shapes follow KAITO's RAG HTTP API.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "codec/json.h"

namespace rage::rag {

// A document as a client sends it. Its id is the SHA-256 of its text (document_id()).
struct Document {
  std::string text;
  codec::Json metadata = codec::Json::object();  // Always an object.
};

// A piece of a document, small enough for the embedder; what search finds.
struct Chunk {
  std::string doc_id;
  std::string node_id;  // UUID; stable for as long as the document is not replaced.
  std::string text;
  codec::Json metadata = codec::Json::object();  // The document's.
  std::size_t begin = 0;  // Of `text` in the document's text, in Unicode code points.
};

// A chunk that a search returned.
struct RetrievedChunk {
  Chunk chunk;
  float score = 0;                         // Fused relevance, 0..1; comparable within one reply.
  std::optional<float> dense_score = {};   // Cosine similarity.
  std::optional<float> sparse_score = {};  // BM25, > 0; none if no question term occurs.
};

// One turn of a conversation.
struct ChatTurn {
  std::string role;  // "system", "developer", "user", "assistant"
  std::string content;
};

}  // namespace rage::rag
