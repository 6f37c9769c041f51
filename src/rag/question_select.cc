#include "rag/question_selector.h"

#include <algorithm>
#include <unordered_set>

#include "rag/question_fields.h"
#include "rag/question_passage.h"
#include "rag/question_words.h"

namespace rage::rag {

Selection Selector::select() {
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

std::vector<RecordId> Selector::filtered(const std::vector<RecordId>& ids) const {
  std::vector<RecordId> kept;
  for (const RecordId id : ids) {
    if (satisfies(query_, corpus_, id)) kept.push_back(id);
  }
  return kept;
}

std::vector<RecordId> Selector::in_order(std::vector<RecordId> ids) const {
  std::unordered_set<RecordId> wanted(ids.begin(), ids.end());
  std::vector<RecordId> sorted;
  for (const RecordId id : corpus_.chronological()) {
    if (wanted.contains(id)) sorted.push_back(id);
  }
  return sorted;
}

bool Selector::constrained() const {
  return query_.has_when() || !query_.persons.empty() || !query_.places.empty() ||
         !query_.categories.empty() || !query_.numbers.empty();
}

float Selector::dense(RecordId id) const {
  const auto found = evidence_.find(id);
  return found != evidence_.end() && found->second.dense ? *found->second.dense : 0.0F;
}

Selection Selector::records(std::vector<RecordId> ids, double confidence) const {
  Selection result;
  result.finding = Finding::kRecords;
  result.confidence = confidence;
  ids = in_order(std::move(ids));
  if (query_.ordinal != Ordinal::kNone && ids.size() > 1 && query_.comparison == Comparison::kNone)
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

std::vector<RecordId> Selector::ordinal(const std::vector<RecordId>& ids) const {
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

std::optional<Selection> Selector::price_in_text(const Selection& found) const {
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

Selection Selector::extreme() const {
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

Selection Selector::no_match(std::vector<RecordId> related) const {
  Selection result;
  result.finding = Finding::kNoMatch;
  result.records = in_order(std::move(related));
  return result;
}

std::vector<RecordId> Selector::persons_records() const {
  std::vector<RecordId> ids;
  for (const std::uint32_t facet : query_.persons) {
    for (const RecordId id : corpus_.facets()[facet].records) ids.push_back(id);
  }
  return ids;
}

Selection Selector::attribute() const {
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

Selection Selector::titled() const {
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
      std::erase_if(covered,
                    [&](RecordId id) { return cover(query_, corpus_, id).anywhere + 0.05 < best; });
    }
  }
  return records(std::move(covered), 1);
}

bool Selector::asks_whether() const {
  return query_.yes_no && query_.asked == 0 && !query_.content.empty() &&
         query_.comparison == Comparison::kNone;
}

Selection Selector::silent(std::vector<RecordId> ids) const {
  Selection result;
  result.finding = Finding::kNoPassage;
  result.records = in_order(std::move(ids));
  result.confidence = 1;
  return result;
}

bool Selector::said_in_part() const {
  return std::ranges::all_of(query_.titles,
                             [](const TitleMention& mention) { return mention.coverage < 0.9; });
}

Selection Selector::as_content() const {
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

Selection Selector::anchored() const {
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

Selection Selector::structural() const {
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

Selection select_records(const Query& query, const CorpusIndex& corpus, const Evidence& evidence,
                         const std::vector<RecordId>& anchors) {
  return Selector(query, corpus, evidence, anchors).select();
}

}  // namespace rage::rag
