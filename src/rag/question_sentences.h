// Answers that only meaning finds: sentences compared with the question by embeddings, when its
// words found nothing. A sentence is shown as it stands, and only if it could be an answer at all:
// it has the kind of value asked for, every name and number of the question, and no near rival.
// Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "rag/corpus.h"
#include "rag/grounding.h"
#include "rag/question.h"

namespace rage::rag {

struct NearSentence {
  RecordId record = 0;
  std::string text;
  float similarity = 0;
};

// None for lists, counts and comparisons: one sentence does not answer these.
std::optional<NearSentence> find_answer_sentence(const Query& query, const CorpusIndex& corpus,
                                                 const std::vector<SourceSentence>& sentences);

// Records that may be meant where none is sure, nearest first, at most three: what a refusal may
// point at. Empty unless the question describes what it looks for in several words.
std::vector<RecordId> nearest_records(const Query& query, const CorpusIndex& corpus,
                                      const std::vector<SourceSentence>& sentences);

}  // namespace rage::rag
