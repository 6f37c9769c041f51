// Files on disk to documents for the RAG service.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/error.h"
#include "cli/convert.h"
#include "codec/json.h"

namespace rage::cli {

// {"text": ..., "metadata": {...}}
using DocumentJson = codec::Json;

struct SkippedFile {
  std::string path;
  std::string reason;
  // It was asked for by name, or is of a kind that can be read: somebody will miss it.
  bool missed = true;
};

struct LoadedDocuments {
  std::vector<DocumentJson> documents;
  std::vector<SkippedFile> skipped;
};

inline constexpr std::uint64_t kFileBytesMax = std::uint64_t{64} << 20;

// Files and folders (walked in name order, hidden entries left out), or "-" for standard input.
// Text, Markdown, HTML, PDF and Word files become one document with `file_path`, source code one
// that says its language; JSON may be {"documents": [...]}, an array, or one document; JSON lines
// one document a line. What cannot be read is reported and the rest goes on, until `context` ends.
LoadedDocuments load_documents(const Context& context, const std::vector<std::string>& paths,
                               const ConvertOptions& options = {});

// Whether a file of that name is text, Markdown, HTML, PDF, Word, JSON or JSON lines; case does not
// count.
bool is_document_name(std::string_view name);
// "python" for "a/b.py"; empty if it is no source code that the service has a grammar for.
std::string_view code_language_of(std::string_view name);

// One file's content by the name's ending (".json", ".jsonl", ".html", ".py", text otherwise).
// Pure.
Result<std::vector<DocumentJson>> parse_documents(std::string_view name, std::string_view content);
// The same, also of PDF and Word files, which processes of their own read.
Result<std::vector<DocumentJson>> read_documents(const Context& context, std::string_view name,
                                                 std::string_view content,
                                                 const ConvertOptions& options = {});

}  // namespace rage::cli
