// From a read question to the records that answer it, or to the reason why none does. Pure.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "rag/corpus.h"
#include "rag/question.h"

namespace rage::rag {

// What retrieval knows of a record: the best of its chunks.
struct RetrievalScores {
  float score = 0;
  std::optional<float> dense;
  std::optional<float> sparse;
};
using Evidence = std::unordered_map<RecordId, RetrievalScores>;

Evidence collect_evidence(const std::vector<RetrievedChunk>& retrieved, const CorpusIndex& corpus);

enum class Finding {
  kRecords,    // Selection::records answer the question, each on its own or as a list.
  kCompare,    // Selection::groups are to be compared.
  kPassage,    // Selection::passage of records[0] answers it.
  kAbsent,     // The corpus does not have Selection::absent.
  kNoMatch,    // Nothing satisfies all constraints; `records` satisfy some of them.
  kNoPassage,  // The record is known, but says nothing of what was asked.
  kNotFound,   // Nothing is near enough.
};

struct Selection {
  Finding finding = Finding::kNotFound;
  std::vector<RecordId> records;  // Chronological.
  std::vector<RecordId> running;  // Under way at the time asked for, begun earlier.
  std::vector<std::vector<RecordId>> groups;
  bool exhaustive = false;         // All that fit the constraints: shown in full.
  std::vector<RecordId> mentions;  // For topic lists: the word occurs in the text alone.
  std::vector<std::string> absent;
  std::string passage;            // Verbatim.
  double confidence = 0;          // 0..1: how sure that `records` are meant.
  std::vector<RecordId> nearest;  // kNotFound: may be meant; a refusal points at them.
};

// `anchors`: records that the conversation speaks of; empty if none.
Selection select_records(const Query& query, const CorpusIndex& corpus, const Evidence& evidence,
                         const std::vector<RecordId>& anchors);

// True if the record fits the day, time, place, person and hard category constraints.
bool satisfies(const Query& query, const CorpusIndex& corpus, RecordId id);

// Share of the content words (by idf) that the record has: anywhere; in title, people or
// categories.
struct Coverage {
  double anywhere = 0;
  double prominent = 0;
  std::size_t matched = 0;     // Content words found.
  bool only_corrected = true;  // All found words came out of a typing correction.
  bool only_corrected_alone() const { return only_corrected && matched < 2; }
  bool names_missing = false;  // A name or number of the question is not in this record.
};
Coverage cover(const Query& query, const CorpusIndex& corpus, RecordId id);

}  // namespace rage::rag
