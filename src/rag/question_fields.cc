#include "rag/question_fields.h"

#include <algorithm>
#include <array>
#include <initializer_list>

#include "base/is_one_of.h"
#include "base/strings.h"
#include "rag/question_words.h"
#include "text/analyzer.h"

namespace rage::rag {
namespace {

// Words that people use for a field, and stems of keys that hold it.
struct Synonyms {
  std::initializer_list<std::string_view> words;
  std::initializer_list<std::string_view> keys;
};

const std::array<Synonyms, 10>& synonyms() {
  static const std::array<Synonyms, 10> all = {{
      {{"level", "levels", "audience", "difficulty"}, {"audience", "level", "difficulty"}},
      {{"track", "tracks", "topic", "topics", "category", "categories", "theme"},
       {"track", "topic", "category", "theme"}},
      {{"price", "prices", "cost", "costs", "fee"}, {"price", "cost", "fee", "amount"}},
      {{"employer", "company", "affiliation", "organization", "organisation"},
       {"company", "employer", "affiliation", "organization"}},
      {{"phone", "telephone"}, {"phone", "telephone"}},
      {{"mail", "email"}, {"email", "mail"}},
      {{"weigh", "weighs", "weight", "heavy"}, {"weight", "mass"}},
      {{"version", "release"}, {"version", "firmware"}},
      {{"guarantee", "guaranteed"}, {"warranty", "guarantee"}},
      {{"seats", "places", "capacity"}, {"capacity", "seats"}},
  }};
  return all;
}

bool has_key(const FieldSchema& field, std::initializer_list<std::string_view> keys) {
  return std::ranges::any_of(field.words, [&](const std::string& word) {
    return std::ranges::any_of(keys, [&](std::string_view key) { return word == text::stem(key); });
  });
}

// "cheaper", "cheapest": of which field the smallest or largest.
struct Degree {
  std::string_view comparative;
  std::string_view superlative;
  std::initializer_list<std::string_view> keys;
  bool smallest;
};

const std::array<Degree, 12>& degrees() {
  static const std::array<Degree, 12> all = {{
      {"cheaper", "cheapest", {"price", "cost", "fee"}, true},
      {"dearer", "dearest", {"price", "cost", "fee"}, false},
      {"costlier", "costliest", {"price", "cost", "fee"}, false},
      {"lighter", "lightest", {"weight", "mass"}, true},
      {"heavier", "heaviest", {"weight", "mass"}, false},
      {"longer", "longest", {"length", "duration"}, false},
      {"shorter", "shortest", {"length", "duration", "height"}, true},
      {"taller", "tallest", {"height"}, false},
      {"bigger", "biggest", {"capacity", "volume", "area"}, false},
      {"larger", "largest", {"capacity", "volume", "area"}, false},
      {"smaller", "smallest", {"capacity", "volume", "area"}, true},
      {"faster", "fastest", {"speed"}, false},
  }};
  return all;
}

class NumberReader {
 public:
  NumberReader(Query& query, const CorpusIndex& corpus) : q_(query), corpus_(corpus) {}

  void read() {
    for (std::size_t f = 0; f < corpus_.schema().size(); ++f) {
      if (corpus_.schema()[f].numeric) numeric_.push_back(f);
    }
    if (numeric_.empty()) return;
    for (const Fact& fact : extract_facts(q_.text, q_.tokens)) {
      if (fact.kind == FactKind::kNumber || fact.kind == FactKind::kMoney ||
          fact.kind == FactKind::kYear)
        read_number(fact);
    }
    for (std::size_t i = 0; i < q_.tokens.size(); ++i) read_degree(i);
  }

 private:
  std::string_view word(std::size_t i) const {
    return i < q_.tokens.size() ? std::string_view(q_.tokens[i].folded) : std::string_view{};
  }
  std::string_view before(std::size_t i, std::size_t back) const {
    return i >= back ? word(i - back) : std::string_view{};
  }
  bool free(std::size_t i) const {
    return q_.use[i] != TokenUse::kTitle && q_.use[i] != TokenUse::kConstraint;
  }

  // What stands before the number at `i`; none if it is no comparison.
  std::optional<NumberRelation> relation_at(std::size_t i, std::size_t& begin) const {
    const std::string_view one = before(i, 1);
    const std::string_view two = before(i, 2);
    const bool no = before(i, 3) == "no" || before(i, 3) == "not";
    begin = i >= 2 ? i - 2 : 0;
    if (one == "than" && is_one_of(two, {"less", "fewer", "cheaper", "lighter", "under", "smaller",
                                         "shorter", "lower"})) {
      return no ? NumberRelation::kAtLeast : NumberRelation::kLess;
    }
    if (one == "than" && is_one_of(two, {"more", "heavier", "over", "greater", "larger", "longer",
                                         "higher", "dearer"}))
      return no ? NumberRelation::kAtMost : NumberRelation::kMore;
    if (two == "at" && one == "most") return NumberRelation::kAtMost;
    if (two == "at" && one == "least") return NumberRelation::kAtLeast;
    if (two == "up" && one == "to") return NumberRelation::kAtMost;
    const bool between =
        before(i, 2) == "between" || before(i, 3) == "between" || before(i, 4) == "between";
    if (one == "and" && between) return NumberRelation::kAtMost;
    begin = i >= 1 ? i - 1 : 0;
    if (is_one_of(one, {"under", "below"})) return NumberRelation::kLess;
    if (is_one_of(one, {"over", "above", "exceeding"})) return NumberRelation::kMore;
    if (one == "between") return NumberRelation::kAtLeast;
    return std::nullopt;
  }

  void read_number(const Fact& fact) {
    const std::size_t i = fact.token_begin;
    std::size_t begin = i;
    const auto relation = free(i) ? relation_at(i, begin) : std::nullopt;
    if (!relation) return;
    std::size_t end = fact.token_end;
    const std::string_view digits = std::string_view(fact.normal).substr(fact.normal.find(' ') + 1);
    const auto value = parse_double(digits);
    if (!value) return;
    Amount limit{.value = *value, .unit = {}};
    if (fact.kind == FactKind::kMoney) {
      limit.unit = fact.normal.substr(0, fact.normal.find(' '));
      if (word(end) == limit.unit || with_unit(1, word(end))) ++end;
    } else if (const auto known = with_unit(*value, word(end))) {
      limit = *known;
      ++end;
    }
    const auto field = field_for(limit, begin);
    if (!field) return;
    q_.numbers.push_back({.field = *field, .relation = *relation, .limit = limit});
    ask_for(*field);
    for (std::size_t k = begin; k < end && k < q_.tokens.size(); ++k)
      q_.use[k] = TokenUse::kConstraint;
  }

  bool holds_money(std::size_t field) const {
    return has_key(corpus_.schema()[field], {"price", "cost", "fee", "amount"});
  }
  static bool is_money(const Amount& limit) {
    return is_one_of(limit.unit, {"eur", "usd", "gbp", "chf"});
  }

  // The field that the question names or the comparison implies, else the only one of that unit.
  std::optional<std::size_t> field_for(const Amount& limit, std::size_t begin) const {
    std::vector<std::size_t> named;
    std::vector<std::size_t> of_unit;
    for (const std::size_t f : numeric_) {
      const FieldSchema& field = corpus_.schema()[f];
      if (!comparable(field.unit, limit.unit)) continue;
      for (std::size_t i = 0; i < q_.tokens.size(); ++i) {
        if (q_.use[i] != TokenUse::kTitle && names_field(field, q_.tokens[i])) {
          named.push_back(f);
          break;
        }
      }
      for (const Degree& degree : degrees()) {
        if (word(begin) == degree.comparative && has_key(field, degree.keys)) named.push_back(f);
      }
      const bool same =
          !limit.unit.empty() && (field.unit == limit.unit || (is_money(limit) && holds_money(f)));
      if (same) of_unit.push_back(f);
    }
    if (!named.empty()) return named.front();
    if (of_unit.size() == 1) return of_unit.front();
    return std::nullopt;
  }

  void ask_for(std::size_t field) {
    q_.asked |= kAskedCategory;
    if (std::ranges::find(q_.asked_fields, field) == q_.asked_fields.end())
      q_.asked_fields.push_back(field);
  }

  void take(std::size_t field, bool smallest, std::size_t begin, std::size_t end) {
    if (q_.extreme) return;
    q_.extreme = Extreme{.field = field, .smallest = smallest};
    ask_for(field);
    for (std::size_t k = begin; k < end; ++k) q_.use[k] = TokenUse::kConstraint;
  }

  // "the cheapest tent", "the highest price", "most expensive"
  void read_degree(std::size_t i) {
    if (!free(i)) return;
    for (const std::size_t f : numeric_) {
      const FieldSchema& field = corpus_.schema()[f];
      for (const Degree& degree : degrees()) {
        const bool said = word(i) == degree.superlative ||
                          (word(i) == degree.comparative && word(i + 1) != "than");
        if (said && has_key(field, degree.keys)) return take(f, degree.smallest, i, i + 1);
      }
      if (is_one_of(word(i), {"most", "least", "more", "less"}) && word(i + 1) == "expensive" &&
          holds_money(f) && word(i + 2) != "than")
        return take(f, is_one_of(word(i), {"least", "less"}), i, i + 2);
      const bool highest = is_one_of(word(i), {"highest", "longest", "largest", "greatest"});
      const bool lowest = is_one_of(word(i), {"lowest", "shortest", "smallest"});
      if ((highest || lowest) && i + 1 < q_.tokens.size() && names_field(field, q_.tokens[i + 1]))
        return take(f, lowest, i, i + 2);
    }
  }

  Query& q_;
  const CorpusIndex& corpus_;
  std::vector<std::size_t> numeric_;
};

// 1 to 12; 0 if the word names no month. "may" and "march" are ordinary words as well.
int month_of(const Token& token) {
  if (token.folded.size() < 3 || !token.capital) return 0;
  for (int month = 1; month <= 12; ++month) {
    if (to_lower_ascii(month_name(month)) == token.folded) return month;
  }
  return 0;
}

std::optional<int> year_of(const Token& token) {
  const auto year = parse_uint(token.folded);
  if (token.folded.size() != 4 || !year || *year < 1900 || *year > 2099) return std::nullopt;
  return static_cast<int>(*year);
}

// Records that were all in one year are not told apart by it.
bool several_years(const CorpusIndex& corpus) {
  int first = 0;
  for (const Record& record : corpus.records()) {
    if (!record.date) continue;
    if (first == 0) first = record.date->year;
    if (record.date->year != first) return true;
  }
  return false;
}

DateRange range_of(std::string_view relation, int year, int month) {
  const Date begin{.year = year, .month = month == 0 ? 1 : month, .day = 1};
  const Date end{.year = year, .month = month == 0 ? 12 : month, .day = 31};
  if (is_one_of(relation, {"since", "from"})) return {.begin = begin, .end = {9999, 12, 31}};
  if (relation == "after") return {.begin = {end.year, end.month, 32}, .end = {9999, 12, 31}};
  if (is_one_of(relation, {"before", "until"})) return {.begin = {}, .end = {year, begin.month, 0}};
  return {.begin = begin, .end = end};
}

}  // namespace

bool names_field(const FieldSchema& field, const Token& token) {
  if (std::ranges::find(field.words, token.stem) != field.words.end()) return true;
  return std::ranges::any_of(synonyms(), [&](const Synonyms& one) {
    return is_one_of(token.folded, one.words) && has_key(field, one.keys);
  });
}

void read_numbers(Query& query, const CorpusIndex& corpus) {
  NumberReader(query, corpus).read();
}

void read_date_ranges(Query& query, const CorpusIndex& corpus) {
  if (!corpus.has_role(FieldRole::kDate) || !several_years(corpus)) return;
  for (std::size_t i = 1; i < query.tokens.size(); ++i) {
    if (query.use[i] == TokenUse::kTitle || query.use[i] == TokenUse::kConstraint) continue;
    const std::string_view relation = query.tokens[i - 1].folded;
    if (!is_one_of(relation, {"in", "of", "during", "since", "from", "after", "before", "until"}))
      continue;
    const int month = month_of(query.tokens[i]);
    const std::size_t at = month == 0 ? i : i + 1;
    const auto year = at < query.tokens.size() ? year_of(query.tokens[at]) : std::nullopt;
    if (!year) continue;
    const DateRange range = range_of(relation, *year, month);
    const bool known = std::ranges::any_of(
        corpus.records(), [&](const Record& record) { return fits(range, record); });
    if (!known) {
      query.absent.emplace_back(
          query.text.substr(query.tokens[i].begin, query.tokens[at].end - query.tokens[i].begin));
    }
    query.date_ranges.push_back(range);
    for (std::size_t k = i; k <= at; ++k) query.use[k] = TokenUse::kConstraint;
  }
}

std::optional<Amount> number_of(const Record& record, std::size_t field) {
  for (const auto* values : {&record.others, &record.categories}) {
    for (const FieldValue& value : *values) {
      if (value.field == field) return parse_amount(value.value);
    }
  }
  return std::nullopt;
}

bool fits(const NumberConstraint& constraint, const Record& record) {
  const auto number = number_of(record, constraint.field);
  if (!number || !comparable(number->unit, constraint.limit.unit)) return false;
  switch (constraint.relation) {
    case NumberRelation::kLess:
      return number->value < constraint.limit.value;
    case NumberRelation::kMore:
      return number->value > constraint.limit.value;
    case NumberRelation::kAtMost:
      return number->value <= constraint.limit.value;
    case NumberRelation::kAtLeast:
      return number->value >= constraint.limit.value;
  }
  return false;
}

bool fits(const DateRange& range, const Record& record) {
  return record.date && range.begin <= *record.date && *record.date <= range.end;
}

}  // namespace rage::rag
