#include "rag/splitting.h"

#include "base/strings.h"
#include "text/structured_chunks.h"

namespace rage::rag {
namespace {

bool is_markdown_file(const codec::Json& metadata) {
  for (const std::string_view key : {"file_path", "file_name", "filename", "path", "source"}) {
    const std::string name = to_lower_ascii(codec::string_or(metadata, key, ""));
    if (name.ends_with(".md") || name.ends_with(".markdown")) return true;
  }
  return false;
}

}  // namespace

Result<SplitPlan> plan_split(const codec::Json& metadata) {
  const codec::Json* given = codec::find_key(metadata, "split_type");
  if (given == nullptr || !given->is_string()) {
    return SplitPlan{.kind = is_markdown_file(metadata) ? SplitKind::kMarkdown : SplitKind::kText};
  }
  const auto type = given->get<std::string>();
  if (type == "markdown") return SplitPlan{.kind = SplitKind::kMarkdown};
  if (type != "code") return SplitPlan{};
  const std::string language = codec::string_or(metadata, "language", "");
  if (language.empty()) {
    return fail(ErrorCode::kInternal, "Language not specified in node metadata.");
  }
  if (!text::is_code_language(language)) {
    return fail(ErrorCode::kInternal, "Could not find language library for {}", language);
  }
  return SplitPlan{.kind = SplitKind::kCode, .language = language};
}

Result<std::vector<DocumentChunk>> split_document(const Document& document,
                                                  const text::ChunkOptions& options,
                                                  const text::TokenCounter& count_tokens) {
  ASSIGN_OR_RETURN(const SplitPlan plan, plan_split(document.metadata));
  const std::string_view text = document.text;
  std::vector<DocumentChunk> chunks;
  if (plan.kind == SplitKind::kText) {
    for (const text::TextSpan& span : text::split_into_chunks(text, options, count_tokens)) {
      chunks.push_back({.text = std::string(span.of(text)), .context = {}});
    }
    return chunks;
  }
  for (text::StructuredChunk& chunk :
       plan.kind == SplitKind::kMarkdown
           ? text::split_markdown(text, options, count_tokens)
           : text::split_code(text, plan.language, options, count_tokens)) {
    chunks.push_back(
        {.text = std::string(chunk.span.of(text)), .context = std::move(chunk.context)});
  }
  return chunks;
}

}  // namespace rage::rag
