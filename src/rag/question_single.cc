// The record that a question in free words means, by its words and by its meaning.
#include <algorithm>
#include <string>
#include <unordered_set>

#include "rag/question_selector.h"
#include "text/sentences.h"

namespace rage::rag {
namespace {

// Calibrated on the schedule and its questions with all-MiniLM-L6-v2: see grounding_eval_test.cc.
constexpr double kLexicalSure = 0.8;
// Paraphrases of what the schedule has reach 0.42 and more, with a margin; questions about what it
// does not have stay below 0.41, or crowd together.
constexpr float kDenseSure = 0.43F;
constexpr float kDenseSureMargin = 0.05F;
constexpr float kDenseWithWords = 0.41F;  // With a third of the content words in the record,
constexpr double kSomeWords = 0.35;       // and with half of them the lead may be smaller.
constexpr double kHalfTheWords = 0.5;
constexpr float kDenseWithWordsMargin = 0.02F;
constexpr float kDenseLone = 0.37F;  // Far from all others.
constexpr float kDenseLoneMargin = 0.15F;
constexpr float kDenseWitness = 0.30F;    // Beside words that match.
constexpr float kDenseTopic = 0.35F;      // Beside one word that matches.
constexpr float kDenseFarBehind = 0.15F;  // The nearest record.

}  // namespace

std::vector<RecordId> Selector::candidates() const {
  std::vector<RecordId> ids;
  for (const std::size_t i : query_.content) {
    for (const Posting& posting : corpus_.postings(query_.tokens[i].stem)) {
      if ((posting.places & ~kInUrl) != 0) ids.push_back(posting.record);
    }
  }
  for (const auto& [id, scores] : evidence_) ids.push_back(id);
  std::ranges::sort(ids);
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

std::vector<RecordId> Selector::by_other_words() const {
  Query rest = query_;
  std::erase_if(rest.content, [&](std::size_t i) {
    return std::ranges::find(query_.attribute, i) != query_.attribute.end();
  });
  rest.attribute.clear();
  if (rest.content.empty()) return {};
  const Evidence none;
  Selection found = Selector(rest, corpus_, none, {}).single();
  if (found.finding != Finding::kRecords) return {};
  std::erase_if(found.records, [this](RecordId id) { return far_from_meant(id); });
  return std::move(found.records);
}

bool Selector::far_from_meant(RecordId id) const {
  float top = 0;
  for (const auto& [other, scores] : evidence_) top = std::max(top, scores.dense.value_or(0.0F));
  return dense(id) + kDenseFarBehind < top;
}

std::optional<Selection> Selector::topic_list() const {
  std::vector<RecordId> prominent;
  std::vector<RecordId> mentioned;
  for (const RecordId id : filtered(candidates())) {
    const Coverage coverage = cover(query_, corpus_, id);
    if (coverage.names_missing || coverage.anywhere < 0.75 || coverage.only_corrected_alone())
      continue;
    (coverage.prominent >= 0.6 ? prominent : mentioned).push_back(id);
  }
  if (prominent.empty() && (mentioned.empty() || mentioned.size() * 3 > corpus_.records().size()))
    return std::nullopt;
  if (prominent.empty() && !sure_of_body(mentioned)) return std::nullopt;
  Selection result = records(prominent.empty() ? mentioned : prominent, 0.9);
  if (!prominent.empty()) result.mentions = in_order(mentioned);
  return result;
}

bool Selector::sure_of_body(const std::vector<RecordId>& ids) const {
  for (const std::size_t i : query_.content) {
    const Token& token = query_.tokens[i];
    if (token.mixed || (token.capital && !token.sentence_start)) return true;
  }
  if (query_.content.size() >= 2) return true;
  return std::ranges::any_of(ids, [&](RecordId id) { return dense(id) >= kDenseTopic; });
}

std::vector<Selector::Ranked> Selector::ranked(const std::vector<RecordId>& ids) const {
  std::vector<Ranked> list;
  for (const RecordId id : ids) {
    Ranked one{id, cover(query_, corpus_, id), 0};
    one.rank = 0.6 * one.coverage.anywhere + 0.4 * one.coverage.prominent +
               0.5 * static_cast<double>(dense(id));
    if (one.rank > 0) list.push_back(one);
  }
  std::ranges::sort(list, [](const Ranked& a, const Ranked& b) {
    return a.rank != b.rank ? a.rank > b.rank : a.id < b.id;
  });
  return list;
}

bool Selector::lexically_sure(const Ranked& one) const {
  const Coverage& c = one.coverage;
  if (c.names_missing || c.anywhere < kLexicalSure) return false;
  if (asks_for_agent()) return false;
  if (c.only_corrected && c.matched < 2 && !sure_of_correction(one)) return false;
  if (c.prominent >= kLexicalSure && c.matched != 2) return true;
  // Two words that happen to occur are no proof: "job fair" is not "Fair Shares" for jobs.
  if (c.matched == 2)
    return phrase_in(one.id) || dense(one.id) >= kDenseWitness ||
           (evidence_.empty() && c.prominent >= kLexicalSure);
  return c.matched > 2 ? together(one.id) : sure_of_body({one.id});
}

bool Selector::phrase_in(RecordId id) const {
  const Token* first = nullptr;
  const Token* second = nullptr;
  for (const std::size_t i : query_.content) {
    if ((corpus_.places_of(id, query_.tokens[i].stem) & ~kInUrl) == 0) continue;
    (first == nullptr ? first : second) = &query_.tokens[i];
  }
  if (first == nullptr || second == nullptr) return false;
  const auto both = corpus_.places_of(id, first->stem) & corpus_.places_of(id, second->stem);
  if ((both & kInTitle) != 0) return true;
  const auto tokens = tokenize(corpus_.records()[id].body);
  for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
    if (tokens[i].stem == first->stem && tokens[i + 1].stem == second->stem) return true;
  }
  return false;
}

bool Selector::together(RecordId id) const {
  const Record& record = corpus_.records()[id];
  double all = 0;
  double prominent = 0;
  std::vector<const Token*> rest;
  for (const std::size_t i : query_.content) {
    const Token& token = query_.tokens[i];
    const double weight = corpus_.idf(token.stem);
    all += weight;
    if ((corpus_.places_of(id, token.stem) & (kInTitle | kInPerson | kInCategory)) != 0) {
      prominent += weight;
    } else {
      rest.push_back(&token);
    }
  }
  const auto spans = text::split_sentences(record.body);
  for (std::size_t i = 0; i < spans.size(); ++i) {
    std::unordered_set<std::string> stems;
    for (std::size_t k = i; k < spans.size() && k < i + 3; ++k) {
      for (Token& token : tokenize(spans[k].of(record.body))) stems.insert(std::move(token.stem));
    }
    double found = prominent;
    for (const Token* token : rest)
      found += stems.contains(token->stem) ? corpus_.idf(token->stem) : 0;
    if (found >= kLexicalSure * all) return true;
  }
  return prominent >= kLexicalSure * all;
}

bool Selector::asks_for_agent() const {
  if (query_.content.size() != 1 || query_.content[0] == 0) return false;
  const std::size_t i = query_.content[0];
  return query_.tokens[i - 1].folded == "who" && query_.asks(kAskedWho);
}

bool Selector::sure_of_correction(const Ranked& one) const {
  if (query_.content.size() != 1 || one.coverage.prominent < kLexicalSure) return false;
  const Token& token = query_.tokens[query_.content[0]];
  if (token.folded.size() < 7) return false;
  std::size_t nearer = 0;
  for (const auto& [id, scores] : evidence_)
    nearer += scores.dense && *scores.dense > dense(one.id) ? 1 : 0;
  return nearer <= 5;
}

bool Selector::semantically_sure(const Ranked& one) const {
  if (one.coverage.names_missing) return false;
  // A word or two that the record lacks are a subject it does not have; a paraphrase is longer.
  if (one.coverage.matched == 0 && query_.content.size() < 4) return false;
  // Nearly all words, but scattered over a long text: near because of them, and of nothing else.
  if (one.coverage.matched > 2 && one.coverage.anywhere >= kLexicalSure && !together(one.id))
    return false;
  float second = 0;
  for (const auto& [id, scores] : evidence_) {
    if (id != one.id && scores.dense) second = std::max(second, *scores.dense);
  }
  const float own = dense(one.id);
  const float margin = own - second;
  if (own >= kDenseSure && margin >= kDenseSureMargin) return true;
  if (own >= kDenseLone && margin >= kDenseLoneMargin) return true;
  if (own < kDenseWithWords || one.coverage.anywhere < kSomeWords) return false;
  return margin >=
         (one.coverage.anywhere >= kHalfTheWords ? kDenseWithWordsMargin : kDenseSureMargin);
}

Selection Selector::single() const {
  const std::vector<RecordId> pool = filtered(candidates());
  const std::vector<Ranked> best = ranked(pool);
  std::vector<RecordId> sure;
  for (const Ranked& one : best) {
    if (lexically_sure(one)) sure.push_back(one.id);
  }
  if (!sure.empty()) return records(nearest(best, sure), 0.8);
  for (std::size_t i = 0; i < best.size() && i < 3; ++i) {
    if (semantically_sure(best[i])) return records({best[i].id}, 0.6);
    // Where words speak for one record and meaning for another, neither is sure.
    if (best[i].coverage.anywhere >= kSomeWords) break;
  }
  if (constrained()) return contradicted();
  return {};
}

std::vector<RecordId> Selector::nearest(const std::vector<Ranked>& best,
                                        const std::vector<RecordId>& sure) const {
  const double top = best.front().rank;
  std::vector<RecordId> kept;
  for (const Ranked& one : best) {
    if (has_record(sure, one.id) && one.rank + 0.12 >= top) kept.push_back(one.id);
  }
  if (kept.empty()) kept.push_back(sure.front());
  return kept;
}

Selection Selector::contradicted() const {
  if (!query_.persons.empty()) return no_match(persons_records());
  Query open = query_;
  open.weekdays.clear();
  open.dates.clear();
  open.times.clear();
  open.day_part.reset();
  open.date_ranges.clear();
  open.numbers.clear();
  open.places.clear();
  open.categories.clear();
  const Selection found = Selector(open, corpus_, evidence_, {}).single();
  if (found.finding == Finding::kRecords && found.confidence >= 0.8) return no_match(found.records);
  return {};
}

}  // namespace rage::rag
