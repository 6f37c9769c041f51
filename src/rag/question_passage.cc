#include "rag/question_passage.h"

#include <algorithm>
#include <unordered_set>

#include "base/strings.h"
#include "rag/question_words.h"
#include "text/sentences.h"

namespace rage::rag {
namespace {

constexpr std::size_t kRecordsMax = 400;  // Read for one question.
constexpr std::size_t kPassageBytesMax =
    420;  // A longer sentence is cut to the clause that counts.

struct Scored {
  std::unordered_set<std::string> stems;
  bool number = false;
  bool money = false;
};

Scored read_span(std::string_view text) {
  Scored scored;
  const auto tokens = tokenize(text);
  for (const Token& token : tokens) scored.stems.insert(token.stem);
  for (const Fact& fact : extract_facts(text, tokens)) {
    scored.number = scored.number || fact.kind == FactKind::kNumber ||
                    fact.kind == FactKind::kMoney || fact.kind == FactKind::kPercent;
    scored.money = scored.money || fact.kind == FactKind::kMoney;
  }
  return scored;
}

// Clauses between semicolons, colons and commas, as byte ranges.
std::vector<std::string_view> clauses_of(std::string_view sentence) {
  std::vector<std::string_view> clauses;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < sentence.size(); ++i) {
    const bool comma = (sentence[i] == ',' || sentence[i] == ';' || sentence[i] == ':') &&
                       (i + 1 == sentence.size() || sentence[i + 1] == ' ');
    if (!comma && i + 1 != sentence.size()) continue;
    const std::size_t end = comma ? i : i + 1;
    const std::string_view clause = trim(sentence.substr(begin, end - begin));
    if (!clause.empty()) clauses.push_back(clause);
    begin = i + 1;
  }
  return clauses;
}

bool is_money_word(std::string_view folded) {
  return folded == "cost" || folded == "costs" || folded == "price" || folded == "prices" ||
         folded == "pay" || folded == "fee" || folded == "charge" || folded == "expensive";
}

// "How much does it cost?" is answered by a price of something; it must say of what.
bool says_what_costs(const Query& query, const Scored& scored) {
  if (!query.wants_money) return true;
  std::size_t asked = 0;
  std::size_t found = 0;
  for (const std::size_t i : query.content) {
    if (is_money_word(query.tokens[i].folded)) continue;
    ++asked;
    found += scored.stems.contains(query.tokens[i].stem) ? 1 : 0;
  }
  return found > 0 && found * 2 >= asked;
}

// "the number of places is", "Harbor Mesa Middle School": the attribute as one phrase, and a value
// with it.
bool tells_value(const Query& query, std::string_view sentence) {
  if (query.attribute.empty()) return true;
  const auto tokens = tokenize(sentence);
  for (std::size_t i = 0; i + query.attribute.size() <= tokens.size(); ++i) {
    bool phrase = true;
    for (std::size_t k = 0; k < query.attribute.size(); ++k) {
      phrase = phrase && tokens[i + k].stem == query.tokens[query.attribute[k]].stem;
    }
    if (!phrase) continue;
    if (query.wants_number || query.wants_money) return true;
    const std::size_t end = i + query.attribute.size();
    const auto named = [&](std::size_t k) {
      return k < tokens.size() && tokens[k].capital && !tokens[k].sentence_start;
    };
    const std::string_view next = end < tokens.size() ? std::string_view(tokens[end].folded) : "";
    const bool copula = next == "is" || next == "are" || next == "was" || next == "were" ||
                        next == "called" || next == "named";
    if (copula || named(end) || (i > 0 && named(i - 1)) || (next == "of" && named(end + 1)))
      return true;
  }
  return false;
}

bool has_all(const Query& query, const Scored& scored) {
  for (const std::size_t i : query.attribute) {
    if (!scored.stems.contains(query.tokens[i].stem)) return false;
  }
  if (query.wants_money && !scored.money) return false;
  return !query.wants_number || scored.number;
}

double content_coverage(const Query& query, const CorpusIndex& corpus, const Scored& scored) {
  double all = 0;
  double found = 0;
  for (const std::size_t i : query.content) {
    const double weight = corpus.idf(query.tokens[i].stem);
    all += weight;
    if (scored.stems.contains(query.tokens[i].stem)) found += weight;
  }
  return all > 0 ? found / all : 0;
}

// The shortest run of clauses around the one that has everything.
std::string shorten(const Query& query, std::string_view sentence) {
  if (sentence.size() <= kPassageBytesMax) return std::string(sentence);
  for (const std::string_view clause : clauses_of(sentence)) {
    if (has_all(query, read_span(clause))) return std::string(clause);
  }
  return std::string();
}

}  // namespace

std::optional<Passage> find_attribute(const Query& query, const CorpusIndex& corpus,
                                      std::span<const RecordId> records, bool anchored) {
  if (query.attribute.empty() && !query.wants_money) return std::nullopt;
  // A guess at what the asker mistyped is no ground for a quotation.
  if (std::ranges::any_of(query.attribute, [&](std::size_t i) { return query.corrected[i]; }))
    return std::nullopt;
  std::optional<Passage> best;
  std::size_t read = 0;
  for (const RecordId id : records) {
    const bool possible = std::ranges::all_of(query.attribute, [&](std::size_t i) {
      return corpus.places_of(id, query.tokens[i].stem) != 0;
    });
    if (!possible || ++read > kRecordsMax) continue;
    const Record& record = corpus.records()[id];
    for (const text::TextSpan& span : text::split_sentences(record.body)) {
      const std::string_view sentence = span.of(record.body);
      const Scored scored = read_span(sentence);
      if (!has_all(query, scored) || !says_what_costs(query, scored) ||
          !tells_value(query, sentence))
        continue;
      const double coverage = content_coverage(query, corpus, scored);
      if (!anchored && coverage < 0.8) continue;
      // A number must stand with what it counts, not elsewhere in a long sentence.
      std::string text = shorten(query, sentence);
      if (query.wants_number || query.wants_money) {
        for (const std::string_view clause : clauses_of(sentence)) {
          if (has_all(query, read_span(clause))) text = std::string(clause);
        }
      }
      if (text.empty()) continue;
      if (!best || coverage > best->coverage) best = Passage{id, std::move(text), coverage};
    }
  }
  return best;
}

std::vector<Passage> find_passages(const Query& query, const CorpusIndex& corpus,
                                   std::span<const RecordId> records, std::size_t count) {
  std::vector<Passage> found;
  std::size_t read = 0;
  for (const RecordId id : records) {
    if (++read > kRecordsMax) break;
    const Record& record = corpus.records()[id];
    for (const text::TextSpan& span : text::split_sentences(record.body)) {
      const std::string_view sentence = span.of(record.body);
      if (sentence.size() > 900) continue;
      const double coverage = content_coverage(query, corpus, read_span(sentence));
      if (coverage > 0) found.push_back({id, std::string(sentence), coverage});
    }
  }
  std::ranges::sort(found, [](const Passage& a, const Passage& b) {
    if (a.coverage != b.coverage) return a.coverage > b.coverage;
    return a.record != b.record ? a.record < b.record : a.text < b.text;
  });
  if (found.size() > count) found.resize(count);
  return found;
}

}  // namespace rage::rag
