// A text as nested spans, and how they are packed into chunks. What Markdown and source code share.
#pragma once

#include <string_view>
#include <vector>

#include "text/sentences.h"
#include "text/structured_chunks.h"

namespace rage::text::detail {

// Whoever builds a tree keeps to this depth: a deeper text is not looked into.
inline constexpr std::size_t kSpanDepthMax = 200;

// Value. Children lie within their parent, in order, and do not overlap; what lies between them
// belongs to the next one.
struct SpanNode {
  TextSpan span;
  TextSpan title = {};         // A line that says what this is; empty: none.
  bool with_next = false;      // A comment, a heading: belongs to what follows.
  bool with_previous = false;  // A closing bracket: belongs to what was before.
  std::vector<SpanNode> children = {};
};

// Siblings are put together as long as they fit; a node is cut into its children only if it is
// itself too large, and one without children as prose is.
std::vector<StructuredChunk> pack_spans(std::string_view text, const SpanNode& root,
                                        const ChunkOptions& options,
                                        const TokenCounter& count_tokens);

}  // namespace rage::text::detail
