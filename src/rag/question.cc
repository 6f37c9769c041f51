// What a question asks: the order of its passes, and what all of them need.
#include <algorithm>
#include <span>

#include "base/is_one_of.h"
#include "rag/question_fields.h"
#include "rag/question_parser.h"
#include "rag/question_words.h"
#include "text/unicode.h"

namespace rage::rag {

QuestionParser::QuestionParser(std::string_view text, const CorpusIndex& corpus) : corpus_(corpus) {
  q_.text = std::string(text::take_code_points(text, kQuestionCodePointsMax));
  q_.tokens = tokenize(q_.text);
  correct_typos(q_.text, corpus_, q_.tokens, q_.corrected);
  q_.use.assign(q_.tokens.size(), TokenUse::kContent);
  count_capitals();
}

Query QuestionParser::parse() {
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

std::size_t QuestionParser::size() const {
  return q_.tokens.size();
}

const std::string& QuestionParser::word(std::size_t i) const {
  return q_.tokens[i].folded;
}

std::string_view QuestionParser::word_or_empty(std::size_t i) const {
  return i < size() ? std::string_view(word(i)) : std::string_view{};
}

std::string_view QuestionParser::before(std::size_t i, std::size_t back) const {
  return i >= back ? std::string_view(word(i - back)) : std::string_view{};
}

std::string_view QuestionParser::raw(std::size_t begin, std::size_t end) const {
  return std::string_view(q_.text).substr(q_.tokens[begin].begin,
                                          q_.tokens[end - 1].end - q_.tokens[begin].begin);
}

bool QuestionParser::has_word(std::initializer_list<std::string_view> words) const {
  for (std::size_t i = 0; i < size(); ++i) {
    if (q_.use[i] != TokenUse::kTitle && is_one_of(word(i), words)) return true;
  }
  return false;
}

bool QuestionParser::has_phrase(std::initializer_list<std::string_view> phrase) const {
  for (std::size_t i = 0; i + phrase.size() <= size(); ++i) {
    if (q_.use[i] == TokenUse::kTitle) continue;
    if (std::ranges::equal(phrase, std::span(q_.tokens).subspan(i, phrase.size()), {}, {},
                           &Token::folded))
      return true;
  }
  return false;
}

void QuestionParser::mark(std::size_t begin, std::size_t end, TokenUse use) {
  for (std::size_t i = begin; i < end && i < size(); ++i) q_.use[i] = use;
}

bool QuestionParser::free(std::size_t i) const {
  return q_.use[i] != TokenUse::kTitle && q_.use[i] != TokenUse::kConstraint;
}

// "designed", "store", "released" where records have a designer, a store, a date of release.
bool QuestionParser::names_typed_field(std::size_t i) const {
  return std::ranges::any_of(corpus_.schema(), [&](const FieldSchema& field) {
    const bool typed = field.role == FieldRole::kPerson || field.role == FieldRole::kPlace ||
                       field.role == FieldRole::kDate;
    return typed && std::ranges::find(field.words, q_.tokens[i].stem) != field.words.end();
  });
}

bool QuestionParser::names_role(FieldRole role, const Token& token) const {
  return std::ranges::any_of(corpus_.schema(), [&](const FieldSchema& field) {
    return field.role == role && std::ranges::find(field.words, token.stem) != field.words.end();
  });
}

// "Which tents do you sell?" asks for tents. What is sold out is another matter, and in an answer
// the word says something: so it is no structure word.
bool QuestionParser::sells(std::size_t i) const {
  return is_one_of(word(i), {"sell", "sells", "selling", "sold", "stock", "stocked"}) &&
         word_or_empty(i + 1) != "out";
}

// "the company", "your shop": whose documents these are, if they never call it so.
bool QuestionParser::names_the_house(std::size_t i) const {
  return is_one_of(before(i), {"the", "your", "this"}) &&
         is_one_of(word(i), {"company", "firm", "business", "shop", "organisation", "organization",
                             "conference", "event"}) &&
         !corpus_.knows_stem(q_.tokens[i].stem);
}

bool QuestionParser::counts(const Token& token) {
  return token.folded.find_first_of("0123456789") != std::string::npos ||
         number_of_word(token.folded).has_value();
}

// "Larch Three" is neither "Larch One" nor "Larch Two".
void QuestionParser::read_other_number(const TitleMention& mention) {
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
void QuestionParser::count_capitals() {
  std::size_t small = 0;
  for (const Token& token : q_.tokens) small += token.capital ? 0 : 1;
  capitals_tell_ = small * 3 >= q_.tokens.size() || q_.tokens.size() < 3;
}

bool QuestionParser::is_name_like(std::size_t i) const {
  const Token& token = q_.tokens[i];
  return token.capital && capitals_tell_ && (!token.sentence_start || token.mixed);
}

Query parse_question(std::string_view text, const CorpusIndex& corpus) {
  return QuestionParser(text, corpus).parse();
}

}  // namespace rage::rag
