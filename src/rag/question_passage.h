// Verbatim passages that answer what no field holds. Pure.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rag/corpus.h"
#include "rag/question.h"

namespace rage::rag {

struct Passage {
  RecordId record = 0;
  std::string text;     // Verbatim from the record's body.
  double coverage = 0;  // Of the question's content words, by idf.
};

// The clause or sentence of these records that names the attribute (and holds a number or an amount
// of money if one is wanted). `anchored`: the records are known to be meant; else the passage must
// cover nearly all content words.
std::optional<Passage> find_attribute(const Query& query, const CorpusIndex& corpus,
                                      std::span<const RecordId> records, bool anchored);

// The best sentences for an open question, best first, at most `count`.
std::vector<Passage> find_passages(const Query& query, const CorpusIndex& corpus,
                                   std::span<const RecordId> records, std::size_t count);

}  // namespace rage::rag
