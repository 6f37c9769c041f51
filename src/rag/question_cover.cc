// Which records a question's constraints allow, and how much of its words each has.
#include <algorithm>

#include "base/strings.h"
#include "rag/question_fields.h"
#include "rag/question_select.h"
#include "rag/question_words.h"

namespace rage::rag {
namespace {

bool in_any(const CorpusIndex& corpus, const std::vector<std::uint32_t>& facets, RecordId id) {
  return std::ranges::any_of(facets, [&](std::uint32_t facet) {
    return std::ranges::binary_search(corpus.facets()[facet].records, id);
  });
}

bool fits_time(const TimeConstraint& time, const Record& record) {
  if (!record.start) return false;
  switch (time.relation) {
    case TimeRelation::kStarts:
      return *record.start == time.minutes;
    case TimeRelation::kAt:
      return *record.start == time.minutes ||
             (record.end && *record.start <= time.minutes && time.minutes < *record.end);
    case TimeRelation::kAfter:
      return *record.start >= time.minutes;
    case TimeRelation::kBefore:
      return *record.start < time.minutes;
    case TimeRelation::kEnds:
      return record.end && *record.end == time.minutes;
  }
  return false;
}

bool fits_day(const Query& query, const Record& record) {
  if (!query.weekdays.empty()) {
    const std::string day =
        record.date ? to_lower_ascii(weekday_name(*record.date)) : std::string();
    if (std::ranges::find(query.weekdays, day) == query.weekdays.end()) return false;
  }
  if (query.dates.empty()) return true;
  return record.date && std::ranges::any_of(query.dates, [&](const Date& date) {
           return date.month == record.date->month && date.day == record.date->day &&
                  (date.year == 0 || date.year == record.date->year);
         });
}

}  // namespace

Evidence collect_evidence(const std::vector<RetrievedChunk>& retrieved, const CorpusIndex& corpus) {
  Evidence evidence;
  for (const RetrievedChunk& hit : retrieved) {
    const auto id = corpus.find_document(hit.chunk.doc_id);
    if (!id) continue;
    RetrievalScores& scores = evidence[*id];
    scores.score = std::max(scores.score, hit.score);
    if (hit.dense_score) scores.dense = std::max(scores.dense.value_or(-1.0F), *hit.dense_score);
    if (hit.sparse_score) scores.sparse = std::max(scores.sparse.value_or(0.0F), *hit.sparse_score);
  }
  return evidence;
}

bool satisfies(const Query& query, const CorpusIndex& corpus, RecordId id) {
  const Record& record = corpus.records()[id];
  if (!fits_day(query, record)) return false;
  const auto holds = [&](const auto& constraint) { return fits(constraint, record); };
  if (!std::ranges::all_of(query.date_ranges, holds)) return false;
  if (!std::ranges::all_of(query.numbers, holds)) return false;
  for (const TimeConstraint& time : query.times) {
    if (!fits_time(time, record)) return false;
  }
  if (query.day_part) {
    if (!record.start || *record.start < query.day_part->begin ||
        *record.start >= query.day_part->end)
      return false;
  }
  if (!query.persons.empty() && !in_any(corpus, query.persons, id)) return false;
  if (!query.places.empty() && !in_any(corpus, query.places, id)) return false;
  return std::ranges::all_of(query.categories, [&](const CategoryMention& mention) {
    if (in_any(corpus, mention.facets, id)) return true;
    // A mention merged in from an earlier question has no words here.
    const bool worded = mention.token_begin < mention.token_end;
    if (!worded || (mention.hard && query.list)) return false;
    // "the security talk": the word may stand in the title, or, said in passing, in the text.
    for (std::size_t i = mention.token_begin; i < mention.token_end && i < query.tokens.size();
         ++i) {
      const std::uint8_t places = corpus.places_of(id, query.tokens[i].stem);
      if (mention.hard ? (places & kInTitle) == 0 : places == 0) return false;
    }
    return true;
  });
}

Coverage cover(const Query& query, const CorpusIndex& corpus, RecordId id) {
  Coverage coverage;
  double all = 0;
  for (const std::size_t i : query.content) {
    const Token& token = query.tokens[i];
    const double weight = corpus.idf(token.stem);
    const std::uint8_t places = corpus.places_of(id, token.stem);
    // "coffee" is not Jacob Coffee.
    const bool person_alone = (places & kInPerson) != 0 &&
                              (places & (kInTitle | kInCategory)) == 0 && !token.capital &&
                              corpus.is_common_word(token.folded);
    const bool found = (places & ~kInUrl) != 0 && !person_alone;
    const auto df = corpus.postings(token.stem).size();
    if (!found && df * 2 > corpus.records().size())
      continue;  // The event's own name in every address.
    all += weight;
    if (found) {
      coverage.anywhere += weight;
      coverage.matched += 1;
      coverage.only_corrected = coverage.only_corrected && query.corrected[i];
      if ((places & (kInTitle | kInPerson | kInCategory)) != 0) coverage.prominent += weight;
      continue;
    }
    const bool digits = token.folded.find_first_of("0123456789") != std::string::npos;
    const bool name = token.capital && !token.sentence_start && !is_everyday_word(token.folded) &&
                      !corpus.is_common_word(token.folded);
    coverage.names_missing = coverage.names_missing || digits || name;
  }
  if (all > 0) {
    coverage.anywhere /= all;
    coverage.prominent /= all;
  }
  return coverage;
}

}  // namespace rage::rag
