// Answers in good sentences, every fact of which comes from a field or is copied from a text. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "rag/corpus.h"
#include "rag/grounding.h"
#include "rag/question.h"
#include "rag/question_select.h"

namespace rage::rag {

inline constexpr std::size_t kListLinesMax = 30;

// An answer and the records it cites, [1] first.
struct Composed {
  PlanKind kind = PlanKind::kComposed;  // kAbstain if it says that the sources do not tell.
  std::string text;
  std::vector<RecordId> cited;
};

// `evidence` may name near entries in a refusal.
Composed compose_answer(const Query& query, const CorpusIndex& corpus, const Selection& selection,
                        const Evidence& evidence);

// "“Title” – speakers; room; day, start–end", without a citation.
// `fields`: schema indices of further values to show.
std::string describe_record(const CorpusIndex& corpus, RecordId id,
                            const std::vector<std::size_t>& fields = {});

}  // namespace rage::rag
