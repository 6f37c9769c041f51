// Days, times and dates of a question.
#include <algorithm>

#include "base/is_one_of.h"
#include "base/strings.h"
#include "rag/question_parser.h"

namespace rage::rag {

TimeRelation QuestionParser::relation_at(std::size_t i) const {
  for (std::size_t back = 1; back <= 3 && back <= i; ++back) {
    const std::string_view previous = before(i, back);
    if (is_one_of(previous, {"after", "since", "later"})) return TimeRelation::kAfter;
    if (is_one_of(previous, {"before", "until", "till", "by", "earlier"}))
      return TimeRelation::kBefore;
    if (is_one_of(previous, {"end", "ends", "finish", "finishes", "ending"}))
      return TimeRelation::kEnds;
  }
  if (is_one_of(before(i), {"from"})) return TimeRelation::kStarts;
  if (has_word({"start", "starts", "starting", "begin", "begins", "beginning", "started"})) {
    return TimeRelation::kStarts;
  }
  return TimeRelation::kAt;
}

void QuestionParser::add_date(const Fact& fact) {
  const auto date = date_of_normal(fact.normal);
  if (!date) return;
  bool known = false;
  for (const Record& record : corpus_.records()) {
    known = known ||
            (record.date && record.date->month == date->month && record.date->day == date->day &&
             (date->year == 0 || record.date->year == date->year));
  }
  if (!known && corpus_.has_role(FieldRole::kDate))
    q_.absent.emplace_back(raw(fact.token_begin, fact.token_end));
  q_.dates.push_back(*date);
}

void QuestionParser::read_times() {
  const bool dated = corpus_.has_role(FieldRole::kDate) || corpus_.has_role(FieldRole::kStart);
  if (!dated) return;
  for (const Fact& fact : extract_facts(q_.text, q_.tokens)) {
    if (!free(fact.token_begin)) continue;
    switch (fact.kind) {
      case FactKind::kTime:
        if (const auto minutes = time_of_normal(fact.normal)) {
          q_.times.push_back({relation_at(fact.token_begin), *minutes});
          mark(fact.token_begin, fact.token_end, TokenUse::kConstraint);
        }
        break;
      case FactKind::kDate:
        add_date(fact);
        mark(fact.token_begin, fact.token_end, TokenUse::kConstraint);
        break;
      case FactKind::kWeekday:
        q_.weekdays.push_back(fact.normal);
        if (!corpus_.has_weekday(fact.normal))
          q_.absent.emplace_back(raw(fact.token_begin, fact.token_end));
        mark(fact.token_begin, fact.token_end, TokenUse::kConstraint);
        break;
      case FactKind::kYear:
        if (const auto year = parse_uint(fact.normal);
            year && !corpus_.has_year(static_cast<int>(*year))) {
          if (!corpus_.knows_word(fact.normal)) q_.absent.push_back(fact.normal);
          break;
        }
        mark(fact.token_begin, fact.token_end, TokenUse::kConstraint);
        break;
      case FactKind::kNumber:
        read_bare_hour(fact);
        break;
      default:
        break;
    }
  }
  read_relative_years();
  read_day_part();
  read_between();
}

// "at 5 on Saturday": programmes mean 17:00.
void QuestionParser::read_bare_hour(const Fact& fact) {
  const std::size_t i = fact.token_begin;
  const auto hour = parse_uint(fact.normal);
  if (!hour || *hour < 1 || *hour > 23 || fact.token_end != i + 1) return;
  if (!is_one_of(before(i), {"at", "after", "before"})) return;
  const std::string_view next = word_or_empty(i + 1);
  if (!next.empty() && !is_one_of(next, {"on", "in", "and", "or"}) && weekday_of_word(next).empty())
    return;
  const int guessed = static_cast<int>(*hour >= 1 && *hour <= 6 ? *hour + 12 : *hour);
  q_.times.push_back({relation_at(i), guessed * 60});
  mark(i, i + 1, TokenUse::kConstraint);
}

// The corpus tells of one edition; other ones are absent from it.
void QuestionParser::read_relative_years() {
  for (std::size_t i = 0; i + 1 < size(); ++i) {
    if (is_one_of(word(i), {"last", "next", "previous", "past"}) &&
        is_one_of(word(i + 1), {"year", "years", "edition", "month"})) {
      q_.absent.emplace_back(raw(i, i + 2));
    }
  }
}

void QuestionParser::read_day_part() {
  for (std::size_t i = 0; i < size(); ++i) {
    if (!free(i)) continue;
    std::optional<DayPart> part;
    if (is_one_of(word(i), {"morning", "mornings"})) part = DayPart{0, 12 * 60};
    if (is_one_of(word(i), {"afternoon", "afternoons"})) part = DayPart{12 * 60, 18 * 60};
    if (is_one_of(word(i), {"evening", "evenings", "night", "nights"}))
      part = DayPart{17 * 60, 24 * 60};
    if (!part) continue;
    mark(i, i + 1, TokenUse::kConstraint);
    if (q_.times.empty()) q_.day_part = part;  // "at 19:30 in the evening" is exact already.
  }
}

// "between 10 and 12"
void QuestionParser::read_between() {
  if (!has_word({"between"}) || q_.times.size() != 2) return;
  q_.day_part = DayPart{std::min(q_.times[0].minutes, q_.times[1].minutes),
                        std::max(q_.times[0].minutes, q_.times[1].minutes)};
  q_.times.clear();
}

}  // namespace rage::rag
