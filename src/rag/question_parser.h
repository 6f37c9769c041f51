// Reads one question: the passes of parse_question(), by subject in question_*.cc. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rag/corpus.h"
#include "rag/question.h"

namespace rage::rag {

// Value for one call. The corpus outlives it.
class QuestionParser final {
 public:
  QuestionParser(std::string_view text, const CorpusIndex& corpus);
  Query parse();

 private:
  std::size_t size() const;
  const std::string& word(std::size_t i) const;
  std::string_view word_or_empty(std::size_t i) const;
  std::string_view before(std::size_t i, std::size_t back = 1) const;
  std::string_view raw(std::size_t begin, std::size_t end) const;
  bool has_word(std::initializer_list<std::string_view> words) const;
  bool has_phrase(std::initializer_list<std::string_view> phrase) const;
  void mark(std::size_t begin, std::size_t end, TokenUse use);
  bool free(std::size_t i) const;
  bool names_typed_field(std::size_t i) const;
  bool names_role(FieldRole role, const Token& token) const;
  bool sells(std::size_t i) const;
  bool names_the_house(std::size_t i) const;
  static bool counts(const Token& token);
  void read_other_number(const TitleMention& mention);
  void count_capitals();
  bool is_name_like(std::size_t i) const;

  // --- When ---
  TimeRelation relation_at(std::size_t i) const;
  void add_date(const Fact& fact);
  void read_times();
  void read_bare_hour(const Fact& fact);
  void read_relative_years();
  void read_day_part();
  void read_between();

  // --- Who and where ---
  std::size_t matched_from(const Facet& facet, std::size_t i, std::size_t& at) const;
  bool side_by_side(std::size_t i) const;
  bool strange_neighbour(std::size_t begin, std::size_t end) const;
  bool is_person_word(std::size_t i) const;
  void read_persons();
  bool accept_person(std::size_t i, std::size_t count, bool full, bool surname,
                     std::size_t people) const;
  bool is_place_head(std::size_t i) const;
  bool is_place_id(std::size_t i) const;
  void read_places();

  // --- Categories ---
  static bool same_category_word(const Token& asked, const Token& value);
  std::size_t category_match(const Facet& facet, std::size_t i) const;
  std::optional<std::size_t> field_noun_after(const Facet& facet, std::size_t end) const;
  void read_categories();
  void finish_category(CategoryMention mention);
  void read_partial_category();

  // --- What the corpus does not have ---
  bool is_unknown(std::size_t i) const;
  bool is_foreign(std::size_t i) const;
  void read_absent();

  // --- Intent ---
  void read_intent();
  void mark_words(std::initializer_list<std::string_view> words);
  void read_how_many(std::size_t i);
  void read_how_much(std::size_t i);
  void read_ordinal();
  void read_next();
  void read_asked();
  void read_asked_word(std::size_t i);
  void read_asked_field(std::size_t i);

  // --- What is asked for that no field holds ---
  void read_attribute();
  void take_attribute(std::size_t i);
  void read_which(std::size_t i);

  const CorpusIndex& corpus_;
  Query q_;
  bool capitals_tell_ = true;
};

}  // namespace rage::rag
