// Answers from running text: the best supporting sentences, copied. Pure.
#pragma once

#include <string>
#include <vector>

#include "rag/compose.h"
#include "rag/corpus.h"
#include "rag/question.h"
#include "rag/question_select.h"

namespace rage::rag {

struct ProseAnswer {
  bool sufficient = false;  // The sources are worth asking a model about.
  bool complete = false;    // `composed` answers on its own.
  Composed composed;        // Verbatim sentences, or the refusal.
};

// A sentence that answers "who", "when" or "how many" has a name, a date or a number to give.
bool has_answer_type(const Query& query, const std::string& sentence);

// `ranked`: the records that retrieval found, best first.
ProseAnswer compose_prose(const Query& query, const CorpusIndex& corpus, const Evidence& evidence,
                          const std::vector<RecordId>& ranked);

}  // namespace rage::rag
