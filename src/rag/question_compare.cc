// What a question compares, and what comes before or after.
#include <algorithm>
#include <string_view>

#include "rag/question_selector.h"

namespace rage::rag {

std::optional<Selection> Selector::neighbour() const {
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

std::vector<std::vector<RecordId>> Selector::entities() const {
  std::vector<std::vector<RecordId>> groups;
  std::vector<std::pair<std::size_t, std::size_t>> parts;
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= query_.tokens.size(); ++i) {
    const bool end = i == query_.tokens.size();
    const std::string_view word =
        end ? std::string_view{} : std::string_view(query_.tokens[i].folded);
    const bool cut = end || (query_.use[i] != TokenUse::kTitle &&
                             (word == "and" || word == "or" || word == "than" || word == "before" ||
                              word == "after" || word == "with"));
    if (!cut) continue;
    if (i > begin) parts.emplace_back(begin, i);
    begin = i + 1;
  }
  for (const auto& [from, to] : parts) {
    std::vector<RecordId> group = entity(from, to);
    if (group.empty()) continue;
    const bool known = std::ranges::any_of(
        groups, [&](const auto& other) { return has_record(other, group.front()); });
    if (!known) groups.push_back(std::move(group));
  }
  return groups;
}

std::vector<RecordId> Selector::entity(std::size_t from, std::size_t to) const {
  for (const TitleMention& mention : query_.titles) {
    if (mention.token_begin >= from && mention.token_end <= to) return mention.records;
  }
  const std::string_view text =
      std::string_view(query_.text)
          .substr(query_.tokens[from].begin, query_.tokens[to - 1].end - query_.tokens[from].begin);
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
  return found.finding == Finding::kRecords && found.confidence >= 0.6 && found.records.size() <= 3
             ? found.records
             : std::vector<RecordId>{};
}

Selection Selector::plain() const {
  if (!query_.titles.empty()) return titled();
  return query_.content.empty() ? structural() : single();
}

std::optional<Selection> Selector::compared() const {
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

std::vector<std::vector<RecordId>> Selector::split(const std::vector<RecordId>& ids) {
  std::vector<std::vector<RecordId>> groups;
  for (const RecordId id : ids) groups.push_back({id});
  return groups;
}

}  // namespace rage::rag
