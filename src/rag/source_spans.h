// Where a source says what a statement states, for readers who want to see it. Pure.
#pragma once

#include <string_view>
#include <vector>

#include "rag/corpus.h"
#include "rag/grounding.h"

namespace rage::rag {

// The fewest sentences of the cited document that hold the statement's facts, names, title and
// words, as far as its text has them: in order, at most kSpansMax, neighbours joined. The chunk
// that was cited is looked at first, then others of its document.
std::vector<SourceSpan> find_spans(std::string_view statement, const Chunk& cited,
                                   const CorpusIndex& corpus);

}  // namespace rage::rag
