// People, places and categories of a question, and names that the corpus does not have.
#include <algorithm>
#include <span>

#include "base/is_one_of.h"
#include "rag/question_fields.h"
#include "rag/question_parser.h"
#include "rag/question_words.h"
#include "text/english.h"

namespace rage::rag {

// Tokens of the question from `i` on that stand side by side in the facet's value; `at`: where.
std::size_t QuestionParser::matched_from(const Facet& facet, std::size_t i, std::size_t& at) const {
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

bool QuestionParser::side_by_side(
    std::size_t i) const {  // Tokens i and i + 1, only a space or hyphen between.
  return i + 1 < size() && q_.tokens[i + 1].begin == q_.tokens[i].end + 1 &&
         (q_.text[q_.tokens[i].end] == ' ' || q_.text[q_.tokens[i].end] == '-');
}

bool QuestionParser::strange_neighbour(std::size_t begin, std::size_t end) const {
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

bool QuestionParser::is_person_word(std::size_t i) const {
  return std::ranges::any_of(corpus_.facets_with(word(i)), [&](std::uint32_t id) {
    return corpus_.facets()[id].role == FieldRole::kPerson;
  });
}

void QuestionParser::read_persons() {
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

bool QuestionParser::accept_person(std::size_t i, std::size_t count, bool full, bool surname,
                                   std::size_t people) const {
  if (count >= 2 || full) return full || !strange_neighbour(i, i + count);
  const bool name_like = is_name_like(i);
  const bool word_too = corpus_.is_common_word(word(i)) || is_everyday_word(word(i)) ||
                        is_structure_word(word(i)) || is_function_word(word(i));
  if (word_too && !name_like) return false;
  if (strange_neighbour(i, i + count)) return false;
  return surname ? true : people == 1 && name_like;
}

bool QuestionParser::is_place_head(std::size_t i) const {
  return std::ranges::any_of(corpus_.facets_with(word(i)), [&](std::uint32_t id) {
    const Facet& facet = corpus_.facets()[id];
    return facet.role == FieldRole::kPlace && facet.tokens.size() > 1 &&
           facet.tokens.front().folded == word(i);
  });
}

bool QuestionParser::is_place_id(std::size_t i) const {
  const Token& token = q_.tokens[i];
  const bool digit = token.folded.find_first_of("0123456789") != std::string::npos;
  return digit || (token.folded.size() <= 2 && !is_function_word(token.folded)) ||
         (token.capital && token.folded.size() <= 3 && token.mixed) ||
         (token.folded == "a" && token.capital && !token.sentence_start);
}

void QuestionParser::read_places() {
  if (!corpus_.has_role(FieldRole::kPlace)) return;
  for (std::size_t i = 0; i < size(); ++i) {
    if (!free(i)) continue;
    bool found = false;
    for (const std::uint32_t id : corpus_.facets_with(word(i))) {
      const Facet& facet = corpus_.facets()[id];
      if (facet.role != FieldRole::kPlace) continue;
      std::size_t at = 0;
      const std::size_t count = matched_from(facet, i, at);
      const bool alone = count == 1 && at + 1 == facet.tokens.size() && at > 0 && is_place_id(i) &&
                         is_one_of(before(i), {"in", "at", "and", "or", "rooms", "to", "from"});
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

// Stems equal, or "postgres" for "PostgreSQL".
bool QuestionParser::same_category_word(const Token& asked, const Token& value) {
  if (asked.stem == value.stem || asked.folded == value.folded) return true;
  return asked.folded.size() >= 6 && value.folded.starts_with(asked.folded) &&
         value.folded.size() <= asked.folded.size() + 3;
}

std::size_t QuestionParser::category_match(const Facet& facet, std::size_t i) const {
  std::size_t count = 0;
  while (count < facet.tokens.size() && i + count < size() && free(i + count) &&
         same_category_word(q_.tokens[i + count], facet.tokens[count])) {
    ++count;
  }
  return count == facet.tokens.size() ? count : 0;
}

// "Next Generation youth track": the noun within three words after the value.
std::optional<std::size_t> QuestionParser::field_noun_after(const Facet& facet,
                                                            std::size_t end) const {
  for (std::size_t i = end; i < size() && i < end + 3; ++i) {
    if (names_field(corpus_.schema()[facet.field], q_.tokens[i])) return i;
    if (is_function_word(word(i))) break;
  }
  return std::nullopt;
}

void QuestionParser::read_categories() {
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

void QuestionParser::finish_category(CategoryMention mention) {
  const std::size_t begin = mention.token_begin;
  const std::size_t end = mention.token_end;
  const bool for_people = is_one_of(before(begin), {"for", "to"});
  std::optional<std::size_t> noun;
  std::vector<std::uint32_t> preferred;
  for (const std::uint32_t id : mention.facets) {
    const Facet& facet = corpus_.facets()[id];
    const auto found = field_noun_after(facet, end);
    const bool audience =
        names_field(corpus_.schema()[facet.field], Token{.folded = "audience", .stem = "audienc"});
    if (found || (for_people && audience)) preferred.push_back(id);
    if (found) noun = found;
  }
  if (end == begin + 1 && is_function_word(word(begin)) && preferred.empty()) return;  // "everyone"
  if (!preferred.empty()) mention.facets = std::move(preferred);
  const bool plural_follows = end < size() && is_plural_record_noun(word(end));
  // "lamps" names what a thing is if the value itself is "Lamps"; "5 years" is no word of a text.
  const Facet& first = corpus_.facets()[mention.facets.front()];
  const Token& last = first.tokens.back();
  const bool kind = end - begin == first.tokens.size() && last.folded == word(end - 1) &&
                    last.folded.size() > 3 && last.folded.back() == 's' && last.folded != last.stem;
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
void QuestionParser::read_partial_category() {
  for (std::size_t i = 0; i + 1 < size(); ++i) {
    if (!free(i) || is_function_word(word(i)) || is_structure_word(word(i))) continue;
    std::vector<std::uint32_t> found;
    for (const std::uint32_t id : corpus_.facets_with(word(i))) {
      const Facet& facet = corpus_.facets()[id];
      if (facet.role == FieldRole::kCategory && field_noun_after(facet, i + 1)) found.push_back(id);
    }
    if (found.size() != 1) continue;
    const std::size_t noun = *field_noun_after(corpus_.facets()[found[0]], i + 1);
    mark(i, noun + 1, TokenUse::kConstraint);
    q_.categories.push_back({.facets = found, .token_begin = i, .token_end = i + 1, .hard = true});
    return;
  }
}

bool QuestionParser::is_unknown(std::size_t i) const {
  const Token& token = q_.tokens[i];
  return q_.use[i] == TokenUse::kContent && !corpus_.knows_stem(token.stem) &&
         !corpus_.knows_word(token.folded);
}

// "jenkins": neither the index nor a dictionary has the word. A shorter one may be mistyped as
// well: correct_typos() leaves these alone.
bool QuestionParser::is_foreign(std::size_t i) const {
  const std::string& w = word(i);
  const bool letters =
      std::ranges::all_of(w, [](char letter) { return letter >= 'a' && letter <= 'z'; });
  return letters && w.size() > 3 && is_unknown(i) && !is_everyday_word(w) &&
         !text::is_english_word(w);
}

void QuestionParser::read_absent() {
  std::vector<bool> foreign(size());
  for (std::size_t i = 0; i < size(); ++i) foreign[i] = is_foreign(i);
  const auto strangers = static_cast<std::size_t>(std::ranges::count(foreign, true));
  const bool small_names = strangers * 3 <= size();
  for (std::size_t i = 0; i < size(); ++i) {
    const Token& token = q_.tokens[i];
    const bool digits = token.folded.find_first_of("0123456789") != std::string::npos;
    const bool name = is_name_like(i) || (digits && q_.use[i] == TokenUse::kContent) ||
                      (small_names && foreign[i]) ||
                      (token.capital && i + 1 < size() && side_by_side(i) && is_name_like(i + 1) &&
                       !is_everyday_word(token.folded));
    if (!name || !is_unknown(i) || is_everyday_word(token.folded)) continue;
    std::size_t begin = i;
    std::size_t end = i + 1;
    const auto joins = [&](std::size_t k) {
      if (small_names && foreign[k]) return true;
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

}  // namespace rage::rag
