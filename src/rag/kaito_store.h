// Reads what KAITO's RAGEngine persisted: docstore.json of the directory that its POST /persist
// writes (llama-index's SimpleDocumentStore). It holds chunks; the documents are put together again
// from them. Pure.
#pragma once

#include <string_view>
#include <vector>

#include "base/error.h"
#include "rag/collection.h"

namespace rage::rag {

inline constexpr std::size_t kDocstoreBytesMax = std::size_t{512} << 20;

// In the order of their first chunks, under the ids they had. White space between two chunks, which
// the splitter cut off, is restored as spaces or line breaks of the same length. kDataLoss if it is
// no such file.
Result<std::vector<StoredDocument>> parse_kaito_docstore(std::string_view json);

}  // namespace rage::rag
