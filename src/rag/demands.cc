#include "rag/demands.h"

#include <algorithm>

#include "rag/question.h"
#include "rag/question_select.h"
#include "text/analyzer.h"
#include "text/unicode.h"

namespace rage::rag {
namespace {

// A word said in passing ("for SQL developers") that happens to be a category is a word; a list is
// of all that have it.
void drop_passing_categories(Query& query) {
  if (query.list) return;
  std::erase_if(query.categories, [](const CategoryMention& mention) { return !mention.hard; });
}

bool constrained(const Query& query) {
  return query.has_when() || !query.persons.empty() || !query.places.empty() ||
         !query.categories.empty() || !query.numbers.empty();
}

std::vector<std::string> corrected_terms(const Query& query) {
  std::vector<std::string> terms;
  for (std::size_t i = 0; i < query.tokens.size(); ++i) {
    if (!query.corrected[i]) continue;
    for (std::string& term : text::analyze(query.tokens[i].folded)) {
      terms.push_back(std::move(term));
    }
  }
  return terms;
}

}  // namespace

Demands read_demands(std::string_view question, const Corpus* corpus) {
  Demands demands;
  const auto* known = dynamic_cast<const CorpusIndex*>(corpus);
  if (known == nullptr || !known->structured()) return demands;
  if (text::count_code_points(question) > kDemandingCodePointsMax) return demands;
  const CorpusIndex& index = *known;
  Query query = parse_question(question, index);
  drop_passing_categories(query);
  demands.terms = corrected_terms(query);
  const float each = 1.0F / static_cast<float>(1 + query.content.size());
  const auto meets = [&](RecordId id) { demands.met[index.records()[id].doc_id] += each; };
  if (constrained(query)) {
    for (RecordId id = 0; id < index.records().size(); ++id) {
      if (satisfies(query, index, id)) meets(id);
    }
  }
  std::vector<RecordId> titled;
  for (const TitleMention& mention : query.titles) {
    titled.insert(titled.end(), mention.records.begin(), mention.records.end());
  }
  std::ranges::sort(titled);
  titled.erase(std::ranges::unique(titled).begin(), titled.end());
  std::ranges::for_each(titled, meets);
  return demands;
}

}  // namespace rage::rag
