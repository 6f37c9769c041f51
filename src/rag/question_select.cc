#include "rag/question_select.h"

#include <algorithm>
#include <numeric>
#include <unordered_set>

#include "base/strings.h"
#include "rag/question_fields.h"
#include "rag/question_passage.h"
#include "rag/question_words.h"
#include "text/sentences.h"

namespace rage::rag {
namespace {

// Calibrated on the schedule and its questions with all-MiniLM-L6-v2: see grounding_eval_test.cc.
constexpr double kLexicalSure = 0.8;
// Paraphrases of what the schedule has reach 0.42 and more, with a margin; questions about what it
// does not have stay below 0.41, or crowd together.
constexpr float kDenseSure = 0.43F;
constexpr float kDenseSureMargin = 0.05F;
constexpr float kDenseWithWords = 0.41F;  // With a third of the content words in the record.
constexpr float kDenseWithWordsMargin = 0.02F;
constexpr float kDenseLone = 0.37F;  // Far from all others.
constexpr float kDenseLoneMargin = 0.15F;
constexpr float kDenseWitness = 0.30F;    // Beside words that match.
constexpr float kDenseTopic = 0.35F;      // Beside one word that matches.
constexpr float kDenseFarBehind = 0.15F;  // The nearest record.

bool contains(const std::vector<RecordId>& ids, RecordId id) {
  return std::ranges::find(ids, id) != ids.end();
}

class Selector {
 public:
  Selector(const Query& query, const CorpusIndex& corpus, const Evidence& evidence,
           const std::vector<RecordId>& anchors)
      : query_(query), corpus_(corpus), evidence_(evidence), anchors_(anchors) {}

  Selection select() {
    Selection result;
    if (!query_.absent.empty()) {
      result.finding = Finding::kAbsent;
      result.absent = query_.absent;
      return result;
    }
    if (query_.next_in_place || query_.previous_in_place) {
      if (auto found = neighbour()) return *found;
    }
    if (auto found = compared()) return *found;
    if (query_.asks(kAskedAttribute)) return attribute();
    if (query_.extreme && query_.titles.empty() && anchors_.empty()) return extreme();
    if (!query_.titles.empty()) {
      Selection found = titled();
      if (auto priced = price_in_text(found)) return *priced;
      return found;
    }
    if (!anchors_.empty()) return anchored();
    if (query_.content.empty()) return structural();
    if (query_.list) {
      if (auto found = topic_list()) return *found;
    }
    return single();
  }

 private:
  std::vector<RecordId> filtered(const std::vector<RecordId>& ids) const {
    std::vector<RecordId> kept;
    for (const RecordId id : ids) {
      if (satisfies(query_, corpus_, id)) kept.push_back(id);
    }
    return kept;
  }
  std::vector<RecordId> in_order(std::vector<RecordId> ids) const {
    std::unordered_set<RecordId> wanted(ids.begin(), ids.end());
    std::vector<RecordId> sorted;
    for (const RecordId id : corpus_.chronological()) {
      if (wanted.contains(id)) sorted.push_back(id);
    }
    return sorted;
  }
  bool constrained() const {
    return query_.has_when() || !query_.persons.empty() || !query_.places.empty() ||
           !query_.categories.empty() || !query_.numbers.empty();
  }
  float dense(RecordId id) const {
    const auto found = evidence_.find(id);
    return found != evidence_.end() && found->second.dense ? *found->second.dense : 0.0F;
  }

  // First or last of a list, as asked; "at 10" splits into what starts and what is under way.
  Selection records(std::vector<RecordId> ids, double confidence) const {
    Selection result;
    result.finding = Finding::kRecords;
    result.confidence = confidence;
    ids = in_order(std::move(ids));
    if (query_.ordinal != Ordinal::kNone && ids.size() > 1 &&
        query_.comparison == Comparison::kNone)
      ids = ordinal(ids);
    const bool at = query_.times.size() == 1 && query_.times[0].relation == TimeRelation::kAt;
    for (const RecordId id : ids) {
      const auto& start = corpus_.records()[id].start;
      const bool begun = at && start && *start != query_.times[0].minutes;
      (begun ? result.running : result.records).push_back(id);
    }
    if (result.records.empty()) result.records.swap(result.running);
    return result;
  }

  // All that tie for first or last place.
  std::vector<RecordId> ordinal(const std::vector<RecordId>& ids) const {
    const auto key = [&](RecordId id) {
      const Record& record = corpus_.records()[id];
      return std::pair(record.date.value_or(Date{}), record.start.value_or(0));
    };
    std::vector<RecordId> dated;
    const bool hours = corpus_.has_role(FieldRole::kStart);
    for (const RecordId id : ids) {
      const Record& record = corpus_.records()[id];
      if (record.date && (record.start || !hours)) dated.push_back(id);
    }
    if (dated.empty()) return ids;
    const auto end = query_.ordinal == Ordinal::kFirst ? key(dated.front()) : key(dated.back());
    std::erase_if(dated, [&](RecordId id) { return key(id) != end; });
    return dated;
  }

  // "What does a new zip cost in the repair workshop?": the page has no price, its text has one.
  std::optional<Selection> price_in_text(const Selection& found) const {
    if (found.finding != Finding::kRecords || found.records.size() != 1 || query_.content.empty())
      return std::nullopt;
    const Token price{.folded = "price", .stem = "price"};
    const bool asked = std::ranges::any_of(query_.asked_fields, [&](std::size_t field) {
      return names_field(corpus_.schema()[field], price);
    });
    const bool known = std::ranges::any_of(query_.asked_fields, [&](std::size_t field) {
      return number_of(corpus_.records()[found.records[0]], field).has_value();
    });
    if (!asked || known) return std::nullopt;
    Query text = query_;
    text.wants_money = true;
    text.attribute = text.content;
    const auto passage = find_attribute(text, corpus_, found.records, true);
    if (!passage) return std::nullopt;
    Selection result;
    result.finding = Finding::kPassage;
    result.records = {passage->record};
    result.passage = passage->text;
    result.confidence = 0.8;
    return result;
  }

  // All that tie for the smallest or largest number, of those that fit.
  Selection extreme() const {
    std::vector<RecordId> best;
    std::optional<double> limit;
    for (const RecordId id : filtered(everyone())) {
      if (!query_.content.empty() && cover(query_, corpus_, id).prominent < 1) continue;
      const auto number = number_of(corpus_.records()[id], query_.extreme->field);
      if (!number) continue;
      const bool better =
          !limit || (query_.extreme->smallest ? number->value < *limit : number->value > *limit);
      if (better) best.clear();
      if (better || number->value == *limit) best.push_back(id);
      if (better) limit = number->value;
    }
    if (best.empty()) return {};
    return records(std::move(best), 1);
  }

  Selection no_match(std::vector<RecordId> related) const {
    Selection result;
    result.finding = Finding::kNoMatch;
    result.records = in_order(std::move(related));
    return result;
  }

  std::vector<RecordId> everyone() const { return corpus_.chronological(); }

  // Records that share a content word with the question or that retrieval found; no other can be
  // meant.
  std::vector<RecordId> candidates() const {
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

  std::vector<RecordId> persons_records() const {
    std::vector<RecordId> ids;
    for (const std::uint32_t facet : query_.persons) {
      for (const RecordId id : corpus_.facets()[facet].records) ids.push_back(id);
    }
    return ids;
  }

  // "What follows Tectonix in the same room?"
  std::optional<Selection> neighbour() const {
    std::vector<RecordId> from = anchors_;
    for (const TitleMention& mention : query_.titles) from = mention.records;
    if (from.empty() && !query_.content.empty()) {
      const Selection one = single();
      if (one.finding == Finding::kRecords) from = one.records;
    }
    if (from.size() != 1) return std::nullopt;
    const Record& anchor = corpus_.records()[from[0]];
    if (!anchor.date || !anchor.start || anchor.places.empty()) return std::nullopt;
    std::vector<RecordId> found;
    for (const RecordId id : corpus_.chronological()) {
      const Record& record = corpus_.records()[id];
      if (id == from[0] || record.date != anchor.date || record.places != anchor.places ||
          !record.start)
        continue;
      const bool after = *record.start >= anchor.end.value_or(*anchor.start);
      const bool before = *record.start < *anchor.start;
      if (query_.next_in_place && after && found.empty()) found.push_back(id);
      if (query_.previous_in_place && before) found = {id};
    }
    if (found.empty()) return no_match(from);
    Selection result;
    result.finding = Finding::kRecords;
    result.records = found;
    result.confidence = 1;
    return result;
  }

  // The parts of "X and Y", "X or Y", each resolved on its own words.
  std::vector<std::vector<RecordId>> entities() const {
    std::vector<std::vector<RecordId>> groups;
    std::vector<std::pair<std::size_t, std::size_t>> parts;
    std::size_t begin = 0;
    for (std::size_t i = 0; i <= query_.tokens.size(); ++i) {
      const bool end = i == query_.tokens.size();
      const std::string_view word =
          end ? std::string_view{} : std::string_view(query_.tokens[i].folded);
      const bool cut = end || (query_.use[i] != TokenUse::kTitle &&
                               (word == "and" || word == "or" || word == "than" ||
                                word == "before" || word == "after" || word == "with"));
      if (!cut) continue;
      if (i > begin) parts.emplace_back(begin, i);
      begin = i + 1;
    }
    for (const auto& [from, to] : parts) {
      std::vector<RecordId> group = entity(from, to);
      if (group.empty()) continue;
      const bool known = std::ranges::any_of(
          groups, [&](const auto& other) { return contains(other, group.front()); });
      if (!known) groups.push_back(std::move(group));
    }
    return groups;
  }

  std::vector<RecordId> entity(std::size_t from, std::size_t to) const {
    for (const TitleMention& mention : query_.titles) {
      if (mention.token_begin >= from && mention.token_end <= to) return mention.records;
    }
    const std::string_view text =
        std::string_view(query_.text)
            .substr(query_.tokens[from].begin,
                    query_.tokens[to - 1].end - query_.tokens[from].begin);
    Query part = parse_question(text, corpus_);
    if (part.weekdays.empty() && part.dates.empty()) {  // "... on Friday" holds for both.
      part.weekdays = query_.weekdays;
      part.dates = query_.dates;
    }
    if (!part.absent.empty() ||
        (part.content.empty() && part.persons.empty() && part.categories.empty()))
      return {};
    part.asked = 0;
    part.attribute.clear();
    part.comparison = Comparison::kNone;
    const Evidence none;
    const Selection found = Selector(part, corpus_, none, {}).plain();
    return found.finding == Finding::kRecords && found.confidence >= 0.6 &&
                   found.records.size() <= 3
               ? found.records
               : std::vector<RecordId>{};
  }

  Selection plain() const {
    if (!query_.titles.empty()) return titled();
    return query_.content.empty() ? structural() : single();
  }

  std::optional<Selection> compared() const {
    const bool several = query_.titles.size() > 1;
    if (query_.comparison == Comparison::kNone && !several) return std::nullopt;
    std::vector<std::vector<RecordId>> groups = entities();
    if (groups.size() < 2 && !anchors_.empty() && !groups.empty())
      groups.insert(groups.begin(), anchors_);
    if (groups.size() < 2 && groups.empty() && anchors_.size() > 1) groups = split(anchors_);
    if (groups.size() == 1 && groups[0].size() > 1) groups = split(groups[0]);
    if (groups.size() < 2 && query_.titles.empty() && !query_.content.empty() &&
        query_.comparison == Comparison::kOrder) {
      const auto list = topic_list();
      if (list && list->records.size() >= 2 && list->records.size() <= 6)
        groups = split(list->records);
    }
    if (groups.size() < 2) return std::nullopt;
    Selection result;
    result.finding = Finding::kCompare;
    result.groups = std::move(groups);
    for (const auto& group : result.groups)
      result.records.insert(result.records.end(), group.begin(), group.end());
    result.records = in_order(result.records);
    result.confidence = 1;
    return result;
  }

  static std::vector<std::vector<RecordId>> split(const std::vector<RecordId>& ids) {
    std::vector<std::vector<RecordId>> groups;
    for (const RecordId id : ids) groups.push_back({id});
    return groups;
  }

  Selection attribute() const {
    std::vector<RecordId> from;
    for (const TitleMention& mention : query_.titles)
      from.insert(from.end(), mention.records.begin(), mention.records.end());
    if (from.empty()) from = anchors_;
    if (from.empty()) from = persons_records();
    const bool anchored = !from.empty();
    if (!anchored) from = by_other_words();
    const bool known = anchored || !from.empty();
    if (!known) from = filtered(everyone());
    Selection result;
    const auto passage = find_attribute(query_, corpus_, from, known);
    if (passage && (anchored || !far_from_meant(passage->record))) {
      result.finding = Finding::kPassage;
      result.records = {passage->record};
      result.passage = passage->text;
      result.confidence = 0.8;
      return result;
    }
    result.finding = known ? Finding::kNoPassage : Finding::kNotFound;
    if (known) result.records = in_order(from);
    result.confidence = anchored ? 1 : 0.5;
    return result;
  }

  // "the bare metal workshop" in "how many places does the bare metal workshop have?"
  std::vector<RecordId> by_other_words() const {
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

  // "send something back" is not "send a photograph of the fault": a word that happens to occur
  // says little against a record that is much nearer in meaning.
  bool far_from_meant(RecordId id) const {
    float top = 0;
    for (const auto& [other, scores] : evidence_) top = std::max(top, scores.dense.value_or(0.0F));
    return dense(id) + kDenseFarBehind < top;
  }

  Selection titled() const {
    std::vector<RecordId> ids;
    for (const TitleMention& mention : query_.titles)
      ids.insert(ids.end(), mention.records.begin(), mention.records.end());
    std::vector<RecordId> kept = filtered(ids);
    if (kept.empty()) return said_in_part() ? as_content() : no_match(ids);
    // A foreign name beside the title ("the Terraform part of Passkeys") is a wrong premise.
    std::vector<RecordId> covered;
    for (const RecordId id : kept) {
      if (!cover(query_, corpus_, id).names_missing) covered.push_back(id);
    }
    if (covered.empty()) return no_match(ids);
    if (asks_whether() &&
        std::ranges::none_of(covered, [&](RecordId id) { return tells_whether(id); }))
      return silent(std::move(covered));
    // Other words decide between equal titles.
    if (covered.size() > 1 && !query_.content.empty()) {
      double best = 0;
      for (const RecordId id : covered) best = std::max(best, cover(query_, corpus_, id).anywhere);
      if (best > 0.5) {
        std::erase_if(covered, [&](RecordId id) {
          return cover(query_, corpus_, id).anywhere + 0.05 < best;
        });
      }
    }
    return records(std::move(covered), 1);
  }

  // "Does the Rill Filter remove viruses?": no field is asked for, so its text must speak of it.
  bool asks_whether() const {
    return query_.yes_no && query_.asked == 0 && !query_.content.empty() &&
           query_.comparison == Comparison::kNone;
  }
  bool tells_whether(RecordId id) const { return cover(query_, corpus_, id).anywhere >= 0.5; }
  Selection silent(std::vector<RecordId> ids) const {
    Selection result;
    result.finding = Finding::kNoPassage;
    result.records = in_order(std::move(ids));
    result.confidence = 1;
    return result;
  }

  // "logical replication" is part of one title and the subject of another talk.
  bool said_in_part() const {
    return std::ranges::all_of(query_.titles,
                               [](const TitleMention& mention) { return mention.coverage < 0.9; });
  }
  Selection as_content() const {
    Query plain = query_;
    for (const TitleMention& mention : query_.titles) {
      for (std::size_t i = mention.token_begin; i < mention.token_end; ++i) {
        if (!is_function_word(plain.tokens[i].folded)) plain.content.push_back(i);
      }
    }
    plain.titles.clear();
    std::ranges::sort(plain.content);
    return Selector(plain, corpus_, evidence_, anchors_).single();
  }

  Selection anchored() const {
    std::vector<RecordId> kept = filtered(anchors_);
    if (kept.empty()) return no_match(anchors_);
    if (!query_.content.empty()) {
      std::vector<RecordId> covered;
      for (const RecordId id : kept) {
        const Coverage coverage = cover(query_, corpus_, id);
        if (coverage.anywhere >= 0.5 && !coverage.names_missing) covered.push_back(id);
      }
      if (covered.empty()) {
        Selection result;
        result.finding = Finding::kNoPassage;
        result.records = in_order(anchors_);
        result.confidence = 1;
        return result;
      }
      kept = std::move(covered);
    }
    return records(std::move(kept), 1);
  }

  Selection structural() const {
    if (!constrained()) {
      if (query_.list && query_.asked != 0) return records(everyone(), 0.7);
      return {};
    }
    std::vector<RecordId> kept = filtered(everyone());
    if (!kept.empty()) {
      Selection result = records(std::move(kept), 1);
      result.exhaustive = true;
      return result;
    }
    return no_match(query_.persons.empty() ? std::vector<RecordId>{} : persons_records());
  }

  // Every record that has the words of the question prominently, and those that mention them.
  std::optional<Selection> topic_list() const {
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

  // One ordinary word somewhere in a text ("lunch") is no topic; a name or several words are.
  bool sure_of_body(const std::vector<RecordId>& ids) const {
    for (const std::size_t i : query_.content) {
      const Token& token = query_.tokens[i];
      if (token.mixed || (token.capital && !token.sentence_start)) return true;
    }
    if (query_.content.size() >= 2) return true;
    return std::ranges::any_of(ids, [&](RecordId id) { return dense(id) >= kDenseTopic; });
  }

  struct Ranked {
    RecordId id = 0;
    Coverage coverage;
    double rank = 0;
  };

  std::vector<Ranked> ranked(const std::vector<RecordId>& ids) const {
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

  bool lexically_sure(const Ranked& one) const {
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

  // Two content words that stand side by side in the question do so in the record, or both in its
  // title.
  bool phrase_in(RecordId id) const {
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

  // Words scattered over a long text make no statement: they must stand in three neighbouring
  // sentences, the title and the fields apart.
  bool together(RecordId id) const {
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

  // "Who sponsors the event?": a field tells who speaks, not who does what.
  bool asks_for_agent() const {
    if (query_.content.size() != 1 || query_.content[0] == 0) return false;
    const std::size_t i = query_.content[0];
    return query_.tokens[i - 1].folded == "who" && query_.asks(kAskedWho);
  }

  // One mistyped word carries an answer only if it is long, stands in a title and nothing speaks
  // against it.
  bool sure_of_correction(const Ranked& one) const {
    if (query_.content.size() != 1 || one.coverage.prominent < kLexicalSure) return false;
    const Token& token = query_.tokens[query_.content[0]];
    if (token.folded.size() < 7) return false;
    std::size_t nearer = 0;
    for (const auto& [id, scores] : evidence_)
      nearer += scores.dense && *scores.dense > dense(one.id) ? 1 : 0;
    return nearer <= 5;
  }

  // Near in meaning, and nearer than all others.
  bool semantically_sure(const Ranked& one) const {
    if (one.coverage.names_missing) return false;
    // A word or two that the record lacks are a subject it does not have; a paraphrase is longer.
    if (one.coverage.matched == 0 && query_.content.size() < 4) return false;
    float second = 0;
    for (const auto& [id, scores] : evidence_) {
      if (id != one.id && scores.dense) second = std::max(second, *scores.dense);
    }
    const float own = dense(one.id);
    const float margin = own - second;
    if (own >= kDenseSure && margin >= kDenseSureMargin) return true;
    if (own >= kDenseLone && margin >= kDenseLoneMargin) return true;
    return one.coverage.anywhere >= 0.35 && own >= kDenseWithWords &&
           margin >= kDenseWithWordsMargin;
  }

  Selection single() const {
    const std::vector<RecordId> pool = filtered(candidates());
    const std::vector<Ranked> best = ranked(pool);
    std::vector<RecordId> sure;
    for (const Ranked& one : best) {
      if (lexically_sure(one)) sure.push_back(one.id);
    }
    if (!sure.empty()) return records(nearest(best, sure), 0.8);
    for (std::size_t i = 0; i < best.size() && i < 3; ++i) {
      if (semantically_sure(best[i])) return records({best[i].id}, 0.6);
    }
    if (constrained()) return contradicted();
    return {};
  }

  // Of those that have all words, the ones that have them most prominently.
  std::vector<RecordId> nearest(const std::vector<Ranked>& best,
                                const std::vector<RecordId>& sure) const {
    const double top = best.front().rank;
    std::vector<RecordId> kept;
    for (const Ranked& one : best) {
      if (contains(sure, one.id) && one.rank + 0.12 >= top) kept.push_back(one.id);
    }
    if (kept.empty()) kept.push_back(sure.front());
    return kept;
  }

  // The words fit a record that the constraints exclude, or a person who does something else.
  Selection contradicted() const {
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
    if (found.finding == Finding::kRecords && found.confidence >= 0.8)
      return no_match(found.records);
    return {};
  }

  const Query& query_;
  const CorpusIndex& corpus_;
  const Evidence& evidence_;
  const std::vector<RecordId>& anchors_;
};

}  // namespace

Selection select_records(const Query& query, const CorpusIndex& corpus, const Evidence& evidence,
                         const std::vector<RecordId>& anchors) {
  return Selector(query, corpus, evidence, anchors).select();
}

}  // namespace rage::rag
