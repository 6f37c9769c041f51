#include "rag/question.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <span>

#include "base/strings.h"
#include "rag/question_fields.h"
#include "rag/question_words.h"
#include "text/analyzer.h"
#include "text/unicode.h"

namespace rage::rag {
namespace {

bool one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::ranges::find(words, word) != words.end();
}

class Parser {
 public:
  Parser(std::string_view text, const CorpusIndex& corpus) : corpus_(corpus) {
    q_.text = std::string(text::take_code_points(text, kQuestionCodePointsMax));
    q_.tokens = tokenize(q_.text);
    correct_typos(q_.text, corpus_, q_.tokens, q_.corrected);
    q_.use.assign(q_.tokens.size(), TokenUse::kContent);
    count_capitals();
  }

  Query parse() {
    for (std::size_t i = 0; i < size(); ++i) {
      if (is_function_word(word(i))) q_.use[i] = TokenUse::kFunction;
      if (is_structure_word(word(i)) || names_typed_field(i)) q_.use[i] = TokenUse::kStructure;
      if (sells(i)) q_.use[i] = TokenUse::kStructure;
      if (names_the_house(i)) q_.use[i] = TokenUse::kFunction;
    }
    if (corpus_.structured()) {
      q_.titles = find_titles(q_.tokens, corpus_);
      for (const TitleMention& mention : q_.titles) {
        mark(mention.token_begin, mention.token_end, TokenUse::kTitle);
        read_other_number(mention);
      }
    }
    read_date_ranges(q_, corpus_);
    read_times();
    if (corpus_.structured()) {
      read_persons();
      read_places();
      read_categories();
      read_numbers(q_, corpus_);
      if (q_.extreme) {
        for (CategoryMention& mention : q_.categories) mention.hard = true;
      }
    }
    read_absent();
    read_intent();
    read_asked();
    read_attribute();
    for (std::size_t i = 0; i < size(); ++i) {
      if (q_.use[i] == TokenUse::kContent) q_.content.push_back(i);
    }
    return std::move(q_);
  }

 private:
  std::size_t size() const { return q_.tokens.size(); }
  const std::string& word(std::size_t i) const { return q_.tokens[i].folded; }
  std::string_view word_or_empty(std::size_t i) const {
    return i < size() ? std::string_view(word(i)) : std::string_view{};
  }
  std::string_view before(std::size_t i, std::size_t back = 1) const {
    return i >= back ? std::string_view(word(i - back)) : std::string_view{};
  }
  std::string_view raw(std::size_t begin, std::size_t end) const {
    return std::string_view(q_.text).substr(q_.tokens[begin].begin,
                                            q_.tokens[end - 1].end - q_.tokens[begin].begin);
  }
  bool has_word(std::initializer_list<std::string_view> words) const {
    for (std::size_t i = 0; i < size(); ++i) {
      if (q_.use[i] != TokenUse::kTitle && one_of(word(i), words)) return true;
    }
    return false;
  }
  bool has_phrase(std::initializer_list<std::string_view> phrase) const {
    for (std::size_t i = 0; i + phrase.size() <= size(); ++i) {
      if (q_.use[i] == TokenUse::kTitle) continue;
      if (std::ranges::equal(phrase, std::span(q_.tokens).subspan(i, phrase.size()), {}, {},
                             &Token::folded))
        return true;
    }
    return false;
  }
  void mark(std::size_t begin, std::size_t end, TokenUse use) {
    for (std::size_t i = begin; i < end && i < size(); ++i) q_.use[i] = use;
  }
  bool free(std::size_t i) const {
    return q_.use[i] != TokenUse::kTitle && q_.use[i] != TokenUse::kConstraint;
  }

  // "designed", "store", "released" where records have a designer, a store, a date of release.
  bool names_typed_field(std::size_t i) const {
    return std::ranges::any_of(corpus_.schema(), [&](const FieldSchema& field) {
      const bool typed = field.role == FieldRole::kPerson || field.role == FieldRole::kPlace ||
                         field.role == FieldRole::kDate;
      return typed && std::ranges::find(field.words, q_.tokens[i].stem) != field.words.end();
    });
  }
  bool names_role(FieldRole role, const Token& token) const {
    return std::ranges::any_of(corpus_.schema(), [&](const FieldSchema& field) {
      return field.role == role && std::ranges::find(field.words, token.stem) != field.words.end();
    });
  }

  // "Which tents do you sell?" asks for tents. What is sold out is another matter, and in an answer
  // the word says something: so it is no structure word.
  bool sells(std::size_t i) const {
    return one_of(word(i), {"sell", "sells", "selling", "sold", "stock", "stocked"}) &&
           word_or_empty(i + 1) != "out";
  }

  // "the company", "your shop": whose documents these are, if they never call it so.
  bool names_the_house(std::size_t i) const {
    return one_of(before(i), {"the", "your", "this"}) &&
           one_of(word(i), {"company", "firm", "business", "shop", "organisation", "organization",
                            "conference", "event"}) &&
           !corpus_.knows_stem(q_.tokens[i].stem);
  }

  static bool counts(const Token& token) {
    return token.folded.find_first_of("0123456789") != std::string::npos ||
           number_of_word(token.folded).has_value();
  }

  // "Larch Three" is neither "Larch One" nor "Larch Two".
  void read_other_number(const TitleMention& mention) {
    const std::size_t next = mention.token_end;
    if (next >= size() || !side_by_side(next - 1) || !counts(q_.tokens[next])) return;
    const bool other = std::ranges::all_of(mention.records, [&](RecordId id) {
      const std::vector<Token>& title = corpus_.records()[id].title_tokens;
      const std::span<const Token> said =
          std::span(q_.tokens).subspan(mention.token_begin, next - mention.token_begin);
      const auto at = std::ranges::search(title, said, {}, &Token::stem, &Token::stem).end();
      return at != title.end() && counts(*at) && at->folded != word(next);
    });
    if (!other) return;
    q_.absent.emplace_back(raw(mention.token_begin, next + 1));
    q_.use[next] = TokenUse::kTitle;
  }

  // In "WHO SPEAKS ON MARS" and "Who Speaks On Mars" capitals tell nothing.
  void count_capitals() {
    std::size_t small = 0;
    for (const Token& token : q_.tokens) small += token.capital ? 0 : 1;
    capitals_tell_ = small * 3 >= q_.tokens.size() || q_.tokens.size() < 3;
  }
  bool is_name_like(std::size_t i) const {
    const Token& token = q_.tokens[i];
    return token.capital && capitals_tell_ && (!token.sentence_start || token.mixed);
  }

  // --- When ---

  TimeRelation relation_at(std::size_t i) const {
    for (std::size_t back = 1; back <= 3 && back <= i; ++back) {
      const std::string_view previous = before(i, back);
      if (one_of(previous, {"after", "since", "later"})) return TimeRelation::kAfter;
      if (one_of(previous, {"before", "until", "till", "by", "earlier"}))
        return TimeRelation::kBefore;
      if (one_of(previous, {"end", "ends", "finish", "finishes", "ending"}))
        return TimeRelation::kEnds;
    }
    if (one_of(before(i), {"from"})) return TimeRelation::kStarts;
    if (has_word({"start", "starts", "starting", "begin", "begins", "beginning", "started"})) {
      return TimeRelation::kStarts;
    }
    return TimeRelation::kAt;
  }

  void add_date(const Fact& fact) {
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

  void read_times() {
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
  void read_bare_hour(const Fact& fact) {
    const std::size_t i = fact.token_begin;
    const auto hour = parse_uint(fact.normal);
    if (!hour || *hour < 1 || *hour > 23 || fact.token_end != i + 1) return;
    if (!one_of(before(i), {"at", "after", "before"})) return;
    const std::string_view next = word_or_empty(i + 1);
    if (!next.empty() && !one_of(next, {"on", "in", "and", "or"}) && weekday_of_word(next).empty())
      return;
    const int guessed = static_cast<int>(*hour >= 1 && *hour <= 6 ? *hour + 12 : *hour);
    q_.times.push_back({relation_at(i), guessed * 60});
    mark(i, i + 1, TokenUse::kConstraint);
  }

  // The corpus tells of one edition; other ones are absent from it.
  void read_relative_years() {
    for (std::size_t i = 0; i + 1 < size(); ++i) {
      if (one_of(word(i), {"last", "next", "previous", "past"}) &&
          one_of(word(i + 1), {"year", "years", "edition", "month"})) {
        q_.absent.emplace_back(raw(i, i + 2));
      }
    }
  }

  void read_day_part() {
    for (std::size_t i = 0; i < size(); ++i) {
      if (!free(i)) continue;
      std::optional<DayPart> part;
      if (one_of(word(i), {"morning", "mornings"})) part = DayPart{0, 12 * 60};
      if (one_of(word(i), {"afternoon", "afternoons"})) part = DayPart{12 * 60, 18 * 60};
      if (one_of(word(i), {"evening", "evenings", "night", "nights"}))
        part = DayPart{17 * 60, 24 * 60};
      if (!part) continue;
      mark(i, i + 1, TokenUse::kConstraint);
      if (q_.times.empty()) q_.day_part = part;  // "at 19:30 in the evening" is exact already.
    }
  }

  // "between 10 and 12"
  void read_between() {
    if (!has_word({"between"}) || q_.times.size() != 2) return;
    q_.day_part = DayPart{std::min(q_.times[0].minutes, q_.times[1].minutes),
                          std::max(q_.times[0].minutes, q_.times[1].minutes)};
    q_.times.clear();
  }

  // --- Who and where ---

  // Tokens of the question from `i` on that stand side by side in the facet's value; `at`: where.
  std::size_t matched_from(const Facet& facet, std::size_t i, std::size_t& at) const {
    std::size_t best = 0;
    for (std::size_t start = 0; start < facet.tokens.size(); ++start) {
      std::size_t count = 0;
      while (i + count < size() && start + count < facet.tokens.size() &&
             word(i + count) == facet.tokens[start + count].folded) {
        ++count;
      }
      if (count > best) {
        best = count;
        at = start;
      }
    }
    return best;
  }

  bool side_by_side(std::size_t i) const {  // Tokens i and i + 1, only a space or hyphen between.
    return i + 1 < size() && q_.tokens[i + 1].begin == q_.tokens[i].end + 1 &&
           (q_.text[q_.tokens[i].end] == ' ' || q_.text[q_.tokens[i].end] == '-');
  }

  bool strange_neighbour(std::size_t begin, std::size_t end) const {
    const auto strange = [&](std::size_t i) {
      return is_name_like(i) && !is_structure_word(word(i)) && !is_function_word(word(i)) &&
             q_.use[i] == TokenUse::kContent && corpus_.facets_with(word(i)).empty();
    };
    const bool right =
        side_by_side(end - 1) && strange(end) && !corpus_.knows_stem(q_.tokens[end].stem);
    const bool other_person = side_by_side(end - 1) && is_name_like(end) && is_person_word(end);
    const bool left = begin > 0 && side_by_side(begin - 1) && strange(begin - 1) &&
                      !corpus_.knows_stem(q_.tokens[begin - 1].stem);
    return right || left || other_person;
  }

  bool is_person_word(std::size_t i) const {
    return std::ranges::any_of(corpus_.facets_with(word(i)), [&](std::uint32_t id) {
      return corpus_.facets()[id].role == FieldRole::kPerson;
    });
  }

  void read_persons() {
    for (std::size_t i = 0; i < size();) {
      std::size_t best = 0;
      std::vector<std::uint32_t> people;
      bool full = false;
      bool surname = false;
      for (const std::uint32_t id :
           free(i) ? corpus_.facets_with(word(i)) : std::span<const std::uint32_t>{}) {
        const Facet& facet = corpus_.facets()[id];
        if (facet.role != FieldRole::kPerson) continue;
        std::size_t at = 0;
        const std::size_t count = matched_from(facet, i, at);
        if (count > best) {
          people.clear();
          full = surname = false;
        }
        if (count >= best) {
          best = count;
          people.push_back(id);
          full = full || count == facet.tokens.size();
          surname = surname || at > 0;
        }
      }
      if (best == 0 || !accept_person(i, best, full, surname, people.size())) {
        i += 1;
        continue;
      }
      q_.persons.insert(q_.persons.end(), people.begin(), people.end());
      mark(i, i + best, TokenUse::kConstraint);
      i += best;
    }
    std::ranges::sort(q_.persons);
    q_.persons.erase(std::unique(q_.persons.begin(), q_.persons.end()), q_.persons.end());
  }

  bool accept_person(std::size_t i, std::size_t count, bool full, bool surname,
                     std::size_t people) const {
    if (count >= 2 || full) return full || !strange_neighbour(i, i + count);
    const bool name_like = is_name_like(i);
    const bool word_too = corpus_.is_common_word(word(i)) || is_everyday_word(word(i)) ||
                          is_structure_word(word(i)) || is_function_word(word(i));
    if (word_too && !name_like) return false;
    if (strange_neighbour(i, i + count)) return false;
    return surname ? true : people == 1 && name_like;
  }

  bool is_place_head(std::size_t i) const {
    return std::ranges::any_of(corpus_.facets_with(word(i)), [&](std::uint32_t id) {
      const Facet& facet = corpus_.facets()[id];
      return facet.role == FieldRole::kPlace && facet.tokens.size() > 1 &&
             facet.tokens.front().folded == word(i);
    });
  }
  bool is_place_id(std::size_t i) const {
    const Token& token = q_.tokens[i];
    const bool digit = token.folded.find_first_of("0123456789") != std::string::npos;
    return digit || (token.folded.size() <= 2 && !is_function_word(token.folded)) ||
           (token.capital && token.folded.size() <= 3 && token.mixed) ||
           (token.folded == "a" && token.capital && !token.sentence_start);
  }

  void read_places() {
    if (!corpus_.has_role(FieldRole::kPlace)) return;
    for (std::size_t i = 0; i < size(); ++i) {
      if (!free(i)) continue;
      bool found = false;
      for (const std::uint32_t id : corpus_.facets_with(word(i))) {
        const Facet& facet = corpus_.facets()[id];
        if (facet.role != FieldRole::kPlace) continue;
        std::size_t at = 0;
        const std::size_t count = matched_from(facet, i, at);
        const bool alone = count == 1 && at + 1 == facet.tokens.size() && at > 0 &&
                           is_place_id(i) &&
                           one_of(before(i), {"in", "at", "and", "or", "rooms", "to", "from"});
        if (count != facet.tokens.size() && !alone) continue;
        q_.places.push_back(id);
        mark(i, i + count, TokenUse::kConstraint);
        found = true;
        break;
      }
      if (found || !is_place_head(i) || !side_by_side(i)) continue;
      if (i + 1 < size() && free(i + 1) && is_place_id(i + 1)) {
        q_.absent.emplace_back(raw(i, i + 2));
        mark(i, i + 2, TokenUse::kConstraint);
      }
    }
  }

  // --- Categories ---

  // Stems equal, or "postgres" for "PostgreSQL".
  static bool same_category_word(const Token& asked, const Token& value) {
    if (asked.stem == value.stem || asked.folded == value.folded) return true;
    return asked.folded.size() >= 6 && value.folded.starts_with(asked.folded) &&
           value.folded.size() <= asked.folded.size() + 3;
  }

  std::size_t category_match(const Facet& facet, std::size_t i) const {
    std::size_t count = 0;
    while (count < facet.tokens.size() && i + count < size() && free(i + count) &&
           same_category_word(q_.tokens[i + count], facet.tokens[count])) {
      ++count;
    }
    return count == facet.tokens.size() ? count : 0;
  }

  // "Next Generation youth track": the noun within three words after the value.
  std::optional<std::size_t> field_noun_after(const Facet& facet, std::size_t end) const {
    for (std::size_t i = end; i < size() && i < end + 3; ++i) {
      if (names_field(corpus_.schema()[facet.field], q_.tokens[i])) return i;
      if (is_function_word(word(i))) break;
    }
    return std::nullopt;
  }

  void read_categories() {
    std::vector<std::uint32_t> values;
    for (std::uint32_t id = 0; id < corpus_.facets().size(); ++id) {
      const Facet& facet = corpus_.facets()[id];
      if (facet.role == FieldRole::kCategory && !facet.tokens.empty()) values.push_back(id);
    }
    for (std::size_t i = 0; i < size(); ++i) {
      if (!free(i)) continue;
      CategoryMention mention{.facets = {}, .token_begin = i, .token_end = i, .hard = false};
      for (const std::uint32_t id : values) {
        const Facet& facet = corpus_.facets()[id];
        const std::size_t count = category_match(facet, i);
        if (count == 0 || i + count < mention.token_end) continue;
        if (i + count > mention.token_end) mention.facets.clear();
        mention.token_end = i + count;
        mention.facets.push_back(id);
      }
      if (mention.facets.empty()) continue;
      finish_category(std::move(mention));
      i = q_.categories.empty() ? i : std::max(i, q_.categories.back().token_end - 1);
    }
    if (q_.categories.empty()) read_partial_category();
  }

  void finish_category(CategoryMention mention) {
    const std::size_t begin = mention.token_begin;
    const std::size_t end = mention.token_end;
    const bool for_people = one_of(before(begin), {"for", "to"});
    std::optional<std::size_t> noun;
    std::vector<std::uint32_t> preferred;
    for (const std::uint32_t id : mention.facets) {
      const Facet& facet = corpus_.facets()[id];
      const auto found = field_noun_after(facet, end);
      const bool audience = names_field(corpus_.schema()[facet.field],
                                        Token{.folded = "audience", .stem = "audienc"});
      if (found || (for_people && audience)) preferred.push_back(id);
      if (found) noun = found;
    }
    if (end == begin + 1 && is_function_word(word(begin)) && preferred.empty())
      return;  // "everyone"
    if (!preferred.empty()) mention.facets = std::move(preferred);
    const bool plural_follows = end < size() && is_plural_record_noun(word(end));
    // "lamps" names what a thing is if the value itself is "Lamps"; "5 years" is no word of a text.
    const Facet& first = corpus_.facets()[mention.facets.front()];
    const Token& last = first.tokens.back();
    const bool kind = end - begin == first.tokens.size() && last.folded == word(end - 1) &&
                      last.folded.size() > 3 && last.folded.back() == 's' &&
                      last.folded != last.stem;
    const bool number = corpus_.schema()[first.field].numeric;
    const bool record_noun = end == begin + 1 && is_record_noun(word(begin));
    const bool soft_noun =
        record_noun && word(begin) != "keynote" && !is_plural_record_noun(word(begin));
    mention.hard = noun || plural_follows || (record_noun && !soft_noun) || for_people || kind ||
                   number ||
                   (begin > 0 && names_field(corpus_.schema()[first.field], q_.tokens[begin - 1]));
    if (soft_noun && !mention.hard) return;
    mark(begin, noun ? *noun + 1 : end, TokenUse::kConstraint);
    q_.categories.push_back(std::move(mention));
  }

  // "the kernel track" for "Kernel & Low Level Systems", if only one value has the word.
  void read_partial_category() {
    for (std::size_t i = 0; i + 1 < size(); ++i) {
      if (!free(i) || is_function_word(word(i)) || is_structure_word(word(i))) continue;
      std::vector<std::uint32_t> found;
      for (const std::uint32_t id : corpus_.facets_with(word(i))) {
        const Facet& facet = corpus_.facets()[id];
        if (facet.role == FieldRole::kCategory && field_noun_after(facet, i + 1))
          found.push_back(id);
      }
      if (found.size() != 1) continue;
      const std::size_t noun = *field_noun_after(corpus_.facets()[found[0]], i + 1);
      mark(i, noun + 1, TokenUse::kConstraint);
      q_.categories.push_back(
          {.facets = found, .token_begin = i, .token_end = i + 1, .hard = true});
      return;
    }
  }

  // --- What the corpus does not have ---

  bool is_unknown(std::size_t i) const {
    const Token& token = q_.tokens[i];
    return q_.use[i] == TokenUse::kContent && !corpus_.knows_stem(token.stem) &&
           !corpus_.knows_word(token.folded);
  }

  void read_absent() {
    for (std::size_t i = 0; i < size(); ++i) {
      const Token& token = q_.tokens[i];
      const bool digits = token.folded.find_first_of("0123456789") != std::string::npos;
      const bool name = is_name_like(i) || (digits && q_.use[i] == TokenUse::kContent) ||
                        (token.capital && i + 1 < size() && side_by_side(i) &&
                         is_name_like(i + 1) && !is_everyday_word(token.folded));
      if (!name || !is_unknown(i) || is_everyday_word(token.folded)) continue;
      std::size_t begin = i;
      std::size_t end = i + 1;
      const auto joins = [&](std::size_t k) {
        return q_.tokens[k].capital && q_.use[k] != TokenUse::kTitle &&
               q_.use[k] != TokenUse::kStructure && q_.use[k] != TokenUse::kFunction &&
               capitals_tell_;
      };
      while (begin > 0 && side_by_side(begin - 1) && joins(begin - 1)) --begin;
      while (end < size() && side_by_side(end - 1) && joins(end)) ++end;
      const std::string text(raw(begin, end));
      if (std::ranges::find(q_.absent, text) == q_.absent.end()) q_.absent.push_back(text);
      i = end - 1;
    }
  }

  // --- Intent ---

  void read_intent() {
    static constexpr auto kPolar = {"is",   "are", "do",   "does", "did", "can",
                                    "will", "was", "were", "has",  "have"};
    q_.yes_no = size() > 0 && std::ranges::find(kPolar, word(0)) != kPolar.end();
    bool plural = false;
    for (std::size_t i = 0; i < size(); ++i) {
      if (q_.use[i] == TokenUse::kTitle) continue;
      plural = plural || is_plural_record_noun(word(i));
      if (word(i) == "how" && word_or_empty(i + 1) == "many") read_how_many(i);
      if (word(i) == "how" && word_or_empty(i + 1) == "much") q_.wants_money = true;
      if (word(i) == "why") q_.open = true;
      if (word(i) == "how" &&
          one_of(word_or_empty(i + 1), {"do", "does", "did", "can", "is", "are", "to", "should"}) &&
          i == 0) {
        q_.open = true;
      }
    }
    for (const CategoryMention& mention : q_.categories) {
      const std::string& last = word(mention.token_end - 1);
      plural = plural || (last.size() > 3 && last.back() == 's' &&
                          last != q_.tokens[mention.token_end - 1].stem);
    }
    const bool everything =
        has_word({"list", "all", "everything", "every"}) || has_phrase({"show", "me"});
    q_.list = q_.list || plural || everything;
    if (has_word({"overlap", "overlaps", "collide", "collides", "clash", "clashes", "conflict",
                  "conflicts", "parallel", "simultaneously"}) ||
        has_phrase({"same", "time"}) || has_phrase({"attend", "both"})) {
      q_.comparison = Comparison::kOverlap;
    } else if (has_phrase({"same", "room"}) || has_phrase({"same", "place"}) ||
               has_phrase({"same", "location"}) ||
               (has_word({"both"}) && has_word({"room", "where"}))) {
      q_.comparison = Comparison::kSamePlace;
    } else if (has_phrase({"same", "day"})) {
      q_.comparison = Comparison::kSameDay;
    } else if (has_word({"first", "earlier", "sooner", "later", "before", "after"}) &&
               (has_word({"or", "than", "two", "both"}) || has_phrase({"before", "or"}))) {
      q_.comparison = Comparison::kOrder;
    }
    read_ordinal();
    read_next();
    mark_words({"overlap", "overlaps", "collide", "collides", "clash", "clashes", "conflict",
                "conflicts", "parallel", "simultaneously", "earlier", "sooner", "later", "earliest",
                "latest"});
  }

  void mark_words(std::initializer_list<std::string_view> words) {
    for (std::size_t i = 0; i < size(); ++i) {
      if (q_.use[i] == TokenUse::kContent && one_of(word(i), words))
        q_.use[i] = TokenUse::kStructure;
    }
  }

  void read_how_many(std::size_t i) {
    for (std::size_t k = i + 2; k < size() && k < i + 6; ++k) {
      if (is_record_noun(word(k)) || q_.use[k] == TokenUse::kConstraint) {
        q_.count = q_.list = true;
        return;
      }
      if (is_function_word(word(k))) break;
    }
    q_.wants_number = true;
  }

  void read_ordinal() {
    for (std::size_t i = 0; i < size(); ++i) {
      if (q_.use[i] == TokenUse::kTitle) continue;
      // What has no hour is old or new, not early or late.
      const bool dated = corpus_.has_role(FieldRole::kDate) && !corpus_.has_role(FieldRole::kStart);
      const bool first = one_of(word(i), {"first", "opening", "earliest"}) ||
                         (dated && one_of(word(i), {"oldest", "older"}));
      const bool last = one_of(word(i), {"last", "closing", "final", "latest"}) ||
                        (dated && one_of(word(i), {"newest", "newer"}));
      if (!first && !last) continue;
      if (last && has_phrase({"how", "long"})) continue;  // "how long does it last"
      if (one_of(word_or_empty(i + 1), {"year", "edition", "month"})) continue;
      q_.ordinal = first ? Ordinal::kFirst : Ordinal::kLast;
      q_.use[i] = TokenUse::kStructure;
    }
  }

  void read_next() {
    const bool place = has_phrase({"same", "room"}) || has_phrase({"same", "place"}) ||
                       has_word({"there"}) || has_phrase({"that", "room"}) || !q_.places.empty();
    if (!place) return;
    for (std::size_t i = 0; i < size(); ++i) {
      if (!free(i)) continue;
      if (one_of(word(i), {"after", "follows", "following", "next", "afterwards", "follow"}) &&
          q_.times.empty()) {
        q_.next_in_place = true;
      }
      if (one_of(word(i), {"before", "precedes", "previous"}) && q_.times.empty())
        q_.previous_in_place = true;
    }
    if (has_phrase({"before", "or"})) q_.next_in_place = q_.previous_in_place = false;
    if (q_.next_in_place || q_.previous_in_place) {
      q_.comparison = Comparison::kNone;
      mark_words({"directly", "right", "immediately", "next", "afterwards", "follows", "precedes",
                  "same", "straight"});
    }
  }

  void read_asked() {
    for (std::size_t i = 0; i < size(); ++i) {
      if (q_.use[i] == TokenUse::kTitle || q_.use[i] == TokenUse::kConstraint) continue;
      read_asked_word(i);
    }
    if (has_phrase({"what", "time"}) || has_phrase({"which", "time"})) q_.asked |= kAskedTime;
    if (has_phrase({"how", "long"}) || has_word({"duration"})) q_.asked |= kAskedDuration;
    const bool ends = has_word({"end", "ends", "finish", "finishes", "until", "ending"});
    if (ends && q_.times.empty() &&
        (q_.asks(kAskedWhen | kAskedTime) || has_phrase({"until", "when"}))) {
      q_.asked |= kAskedEnd;
    }
    const bool subject = has_phrase({"talk", "about"}) || has_phrase({"talking", "about"}) ||
                         has_phrase({"speak", "about"}) || has_phrase({"speaking", "about"});
    if (has_word({"about"}) && has_word({"what"}) && !q_.titles.empty() && !subject)
      q_.asked |= kAskedAbout;
    // "What is the talk on rootkits about?"
    if (has_word({"what"}) && !q_.tokens.empty() && q_.tokens.back().folded == "about")
      q_.asked |= kAskedAbout;
    if (has_word({"summary", "summarize", "summarise", "describe", "abstract", "explain"}))
      q_.asked |= kAskedAbout;
    if (has_phrase({"tell", "me"}) && has_word({"about"}) && q_.asked == 0) q_.asked |= kAskedAbout;
    if (has_phrase({"how", "long"})) mark_words({"long"});
    mark_words({"summary", "summarize", "summarise", "describe", "duration", "url", "urls", "link",
                "website", "webpage", "link", "weekday", "employed"});
  }

  void read_asked_word(std::size_t i) {
    const std::string& w = word(i);
    const bool asks_which = i > 0 && (one_of(before(i), {"which", "what", "whose"}) ||
                                      one_of(before(i, 2), {"which", "what"}));
    const bool the_of = one_of(before(i), {"the", "their", "its", "and", "with", "his", "her",
                                           "start", "which", "what", "give", "gives", "tell"});
    if (one_of(w, {"who", "whom", "whose", "speaker", "speakers", "presenter", "presenters",
                   "author", "authors"})) {
      if (w != "speaker" ||
          !(i + 1 < size() && one_of(before(i), {"the", "a"}) && q_.text[q_.tokens[i].end] != ' ' &&
            q_.text[q_.tokens[i].end] != '?')) {
        q_.asked |= kAskedWho;
      }
    }
    if (one_of(w, {"where", "location", "venue"})) q_.asked |= kAskedWhere;
    if (one_of(w, {"room", "rooms", "hall", "ballroom"}) &&
        (asks_which || the_of || before(i) == "in" || w == "rooms")) {
      if (!q_.next_in_place && !q_.previous_in_place && before(i) != "same")
        q_.asked |= kAskedWhere;
    }
    if ((asks_which || the_of) && names_role(FieldRole::kPerson, q_.tokens[i]))
      q_.asked |= kAskedWho;
    if ((asks_which || before(i) == "in") && before(i) != "same" &&
        names_role(FieldRole::kPlace, q_.tokens[i]) && q_.places.empty())
      q_.asked |= kAskedWhere;
    if (w == "when") q_.asked |= kAskedWhen;
    if (one_of(w, {"time", "times"}) && (asks_which || the_of) && before(i) != "same")
      q_.asked |= kAskedTime;
    if (one_of(w, {"day", "date", "days", "dates", "weekday"}) && (asks_which || the_of))
      q_.asked |= kAskedDay;
    if (one_of(w, {"url", "link", "website", "webpage", "urls"})) q_.asked |= kAskedUrl;
    if (one_of(w, {"title", "titles", "called"}) || (w == "name" && one_of(before(i), {"the"})))
      q_.asked |= kAskedTitle;
    if (is_record_noun(w) && asks_which) q_.asked |= kAskedTitle;
    read_asked_field(i);
  }

  void read_asked_field(std::size_t i) {
    static constexpr auto kForWhom = {"meant", "aimed", "suitable", "intended", "targeted"};
    Token probe = q_.tokens[i];
    if (std::ranges::find(kForWhom, probe.folded) != kForWhom.end())
      probe = Token{.folded = "audience", .stem = "audienc"};
    for (std::size_t f = 0; f < corpus_.schema().size(); ++f) {
      const FieldSchema& field = corpus_.schema()[f];
      const bool category = field.role == FieldRole::kCategory;
      if ((!category && field.role != FieldRole::kOther) || !names_field(field, probe)) continue;
      q_.use[i] = TokenUse::kStructure;
      q_.asked |= kAskedCategory;
      if (std::ranges::find(q_.asked_fields, f) == q_.asked_fields.end())
        q_.asked_fields.push_back(f);
    }
    if (q_.wants_money) {
      const Token price{.folded = "price", .stem = "price"};
      for (std::size_t f = 0; f < corpus_.schema().size(); ++f) {
        if (corpus_.schema()[f].role != FieldRole::kOther ||
            !names_field(corpus_.schema()[f], price))
          continue;
        if (std::ranges::find(q_.asked_fields, f) == q_.asked_fields.end())
          q_.asked_fields.push_back(f);
        q_.asked |= kAskedCategory;
      }
    }
  }

  // --- What is asked for that no field holds ---

  void read_attribute() {
    for (std::size_t i = 0; i < size() && q_.attribute.empty(); ++i) {
      if (q_.use[i] == TokenUse::kTitle || q_.use[i] == TokenUse::kConstraint) continue;
      if (q_.wants_number && word(i) == "many" && before(i) == "how") {
        take_attribute(i + 1);
        // "how many days": a number of these, whatever else the word may stand for.
        const bool counted = i + 1 < size() && q_.use[i + 1] == TokenUse::kStructure;
        if (q_.attribute.empty() && counted) q_.attribute.push_back(i + 1);
      } else if (one_of(word(i), {"which", "what"})) {
        read_which(i);
      } else if (word(i) == "how" && i + 1 < size() && q_.use[i + 1] == TokenUse::kContent &&
                 !one_of(word(i + 1), {"many", "much", "long", "come"})) {
        q_.attribute.push_back(i + 1);
        q_.use[i + 1] = TokenUse::kContent;
      }
    }
    const bool priced = q_.wants_money && q_.asked_fields.empty();
    if (!q_.attribute.empty() || priced) q_.asked |= kAskedAttribute;
  }

  void take_attribute(std::size_t i) {
    while (i < size() && q_.use[i] == TokenUse::kContent && q_.attribute.size() < 4)
      q_.attribute.push_back(i++);
  }

  void read_which(std::size_t i) {
    std::size_t k = i + 1;
    const bool copula = k < size() && one_of(word(k), {"is", "are", "was", "were"});
    // "what's his e-mail": the clitic is folded away.
    const bool clitic = raw(i, i + 1).size() > word(i).size() && !copula;
    if (copula) ++k;
    if (!copula && !clitic) {
      // "which hotel offers": a noun that is neither a record nor a field.
      std::size_t end = k;
      while (end < size() && q_.use[end] == TokenUse::kContent) ++end;
      const bool record_follows =
          end < size() &&
          (q_.use[end] == TokenUse::kStructure || q_.use[end] == TokenUse::kConstraint) &&
          (is_record_noun(word(end)) ||
           one_of(word(end), {"track", "room", "speaker", "speakers", "day", "time", "level",
                              "audience", "topic"}));
      if (end == k || record_follows) return;
      if (q_.asks(kAskedTitle) && is_record_noun(word(k))) return;
      take_attribute(k);
      return;
    }
    // "what is the dress code", "what is X's employer", "what is the capital of"
    while (k < size() && (q_.use[k] == TokenUse::kFunction || q_.use[k] == TokenUse::kConstraint ||
                          q_.use[k] == TokenUse::kTitle ||
                          one_of(word(k), {"speaker", "presenter", "talk", "session"}))) {
      if (one_of(word(k), {"in", "on", "at", "there", "during", "with", "for", "about"})) return;
      ++k;
    }
    std::size_t end = k;
    while (end < size() && q_.use[end] == TokenUse::kContent) ++end;
    if (end == k) return;
    if (end < size() && q_.use[end] == TokenUse::kStructure && is_record_noun(word(end))) return;
    take_attribute(k);
  }

  const CorpusIndex& corpus_;
  Query q_;
  bool capitals_tell_ = true;
};

}  // namespace

Query parse_question(std::string_view text, const CorpusIndex& corpus) {
  return Parser(text, corpus).parse();
}

}  // namespace rage::rag
