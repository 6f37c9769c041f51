// Files on disk to documents for the RAG service.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "codec/json.h"

namespace rage::cli {

// {"text": ..., "metadata": {...}}
using DocumentJson = codec::Json;

struct SkippedFile {
  std::string path;
  std::string reason;
};

struct LoadedDocuments {
  std::vector<DocumentJson> documents;
  std::vector<SkippedFile> skipped;
};

inline constexpr std::uint64_t kFileBytesMax = std::uint64_t{64} << 20;

// Files and folders (walked in name order, hidden entries left out), or "-" for standard input.
// Text, Markdown and HTML become one document with `file_path`; JSON may be {"documents": [...]},
// an array, or one document; JSON lines one document a line. What cannot be read is reported and
// the rest goes on.
LoadedDocuments load_documents(const std::vector<std::string>& paths);

// Whether a file of that name is one of those; case does not count.
bool is_document_name(std::string_view name);
// One file's content by the name's ending (".json", ".jsonl", ".html", text otherwise). Pure.
Result<std::vector<DocumentJson>> parse_documents(std::string_view name, std::string_view content);

}  // namespace rage::cli
