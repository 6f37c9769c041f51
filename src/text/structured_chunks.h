// How a text that has a structure is cut into chunks for an embedder: Markdown at its headings,
// source code at its definitions. Pure and deterministic: the same text is always cut the same way.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "text/sentences.h"

namespace rage::text {

struct StructuredChunk {
  TextSpan span;
  // What the chunk stands under and does not contain itself, a line each, outermost first:
  // headings, the first lines of the definitions around it, a table's header. With the chunk it is
  // at most tokens_max tokens; empty if there is no room or nothing to say.
  std::string context;
  bool operator==(const StructuredChunk&) const = default;
};

// Whether split_code() has a grammar of that name: "python", "cpp", "typescript" and so on, as
// tree-sitter's language pack writes them (no aliases, case counts).
bool is_code_language(std::string_view language);

// Chunks in order, each at most tokens_max tokens; nothing but white space lies between them, and a
// text that fits is one chunk. A definition that fits is never cut, and comments stay with what
// they stand before. What does not parse, or is larger than 4 MiB, is cut as text is. `language` is
// one that is_code_language() knows.
std::vector<StructuredChunk> split_code(std::string_view text, std::string_view language,
                                        const ChunkOptions& options,
                                        const TokenCounter& count_tokens);

// The same for Markdown: sections, then blocks. Lists, tables and fenced code that fit are whole; a
// larger table is cut between its rows. Overlap is for prose that is too long for a chunk alone.
std::vector<StructuredChunk> split_markdown(std::string_view text, const ChunkOptions& options,
                                            const TokenCounter& count_tokens);

}  // namespace rage::text
