// Why a plan is what it is: what the question demanded, what became of each record found. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "rag/corpus.h"
#include "rag/grounding.h"
#include "rag/question.h"
#include "rag/question_select.h"

namespace rage::rag {

std::string_view finding_name(Finding finding);

// "day: saturday", "price < 100 eur", "person: Petra Halloran", in the order of Query's fields.
std::vector<std::string> describe_constraints(const Query& query, const CorpusIndex& corpus);

// One for each record of `retrieved`, in its order. `used`: records that the answer or the prompt
// rests on; the others say why they do not count.
std::vector<Candidate> describe_candidates(const std::vector<RetrievedChunk>& retrieved,
                                           const Query& query, const CorpusIndex& corpus,
                                           const std::vector<RecordId>& used);

// `best`: the records the answer rests on; if none, the first of `evidence` by nearness count.
SufficiencyFeatures read_features(const Query& query, const CorpusIndex& corpus,
                                  const Evidence& evidence, const std::vector<RecordId>& best,
                                  double resolved);

}  // namespace rage::rag
