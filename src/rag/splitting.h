// How a document is cut into chunks, as its metadata says. The keys are those of KAITO's RAG API:
// `split_type` and `language`. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "codec/json.h"
#include "rag/document.h"
#include "text/sentences.h"

namespace rage::rag {

enum class SplitKind { kText, kMarkdown, kCode };

struct SplitPlan {
  SplitKind kind = SplitKind::kText;
  std::string language = {};  // Of code; one that text::is_code_language() knows.
};

// split_type "code" takes the grammar that `language` names; "markdown" takes headings. Without a
// split_type, a document whose file name ends in .md or .markdown is Markdown; everything else is
// text. kInternal with the original's words (its clients see 500) if `language` is missing or there
// is no grammar of that name.
Result<SplitPlan> plan_split(const codec::Json& metadata);

struct DocumentChunk {
  std::string text;     // Verbatim of the document.
  std::string context;  // Lines that are embedded with it; empty for text.
};

// At most options.tokens_max tokens a chunk, with its context. Depends on nothing but its
// arguments: a restart or a reload cuts as before.
Result<std::vector<DocumentChunk>> split_document(const Document& document,
                                                  const text::ChunkOptions& options,
                                                  const text::TokenCounter& count_tokens);

}  // namespace rage::rag
