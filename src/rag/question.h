// What a question asks and which records it speaks of, read without a model. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rag/amount.h"
#include "rag/corpus.h"
#include "rag/facts.h"

namespace rage::rag {

inline constexpr std::size_t kQuestionCodePointsMax = 4000;

// What the asker wants to know; a set of bits.
enum Asked : std::uint32_t {
  kAskedWho = 1,
  kAskedWhere = 2,
  kAskedWhen = 4,  // Day and time.
  kAskedTime = 8,  // Start, and end if known.
  kAskedEnd = 16,
  kAskedDay = 32,
  kAskedDuration = 64,
  kAskedTitle = 128,  // Which session it is.
  kAskedUrl = 256,
  kAskedAbout = 512,
  kAskedCategory = 1024,   // Query::asked_fields
  kAskedAttribute = 2048,  // Query::attribute: something that no typed field holds.
};

enum class Comparison { kNone, kOrder, kOverlap, kSamePlace, kSameDay };

enum class TimeRelation { kStarts, kAt, kAfter, kBefore, kEnds };

struct TimeConstraint {
  TimeRelation relation = TimeRelation::kAt;
  int minutes = 0;
};

// Half open, minutes since midnight: "morning" is [0, 720).
struct DayPart {
  int begin = 0;
  int end = 24 * 60;
};

enum class NumberRelation { kLess, kMore, kAtMost, kAtLeast };

// "costs less than 100 euros"
struct NumberConstraint {
  std::size_t field = 0;  // Schema index.
  NumberRelation relation = NumberRelation::kLess;
  Amount limit;
};

// "in October 2024"; both ends belong to it. Days may lie outside of their month.
struct DateRange {
  Date begin;
  Date end;
};

// "the cheapest", "the lighter one"
struct Extreme {
  std::size_t field = 0;  // Schema index.
  bool smallest = false;
};

// Part of the question that repeats a title.
struct TitleMention {
  std::size_t token_begin = 0;
  std::size_t token_end = 0;
  double weight = 0;              // Sum of idf of the content words it shares with the title.
  double coverage = 0;            // Of the title's (or main title's) content, 0..1.
  std::vector<RecordId> records;  // More than one if they share the words.
};

// A category value named in the question; the same word may be a value of several fields.
struct CategoryMention {
  std::vector<std::uint32_t> facets;
  std::size_t token_begin = 0;
  std::size_t token_end = 0;
  bool hard = false;  // "the Security track", "MySQL sessions"; not just the word "security".
};

// What a token of the question was understood as.
enum class TokenUse : std::uint8_t {
  kContent,  // Says what it is about.
  kFunction,
  kStructure,  // "talk", "room", "starts"
  kConstraint,
  kTitle,
};

enum class Ordinal { kNone, kFirst, kLast };

struct Query {
  std::string text;
  std::vector<Token> tokens;              // After correction of typing errors.
  std::vector<TokenUse> use;              // One a token.
  std::vector<bool> corrected;            // One a token.
  std::uint32_t asked = 0;                // Asked bits.
  std::vector<std::size_t> asked_fields;  // Schema indices, for kAskedCategory.
  std::vector<std::size_t> attribute;     // Tokens that name the attribute asked for.
  bool list = false;                      // Every record that fits is wanted.
  bool count = false;
  bool yes_no = false;
  bool wants_money = false;
  bool wants_number = false;  // "how many" of something that is no record.
  bool open = false;          // "why", "how does": prose, no field.
  Comparison comparison = Comparison::kNone;
  Ordinal ordinal = Ordinal::kNone;
  bool next_in_place = false;  // "what follows it in the same room?"
  bool previous_in_place = false;
  std::vector<std::string> weekdays;
  std::vector<Date> dates;
  std::vector<TimeConstraint> times;
  std::optional<DayPart> day_part;
  std::vector<DateRange> date_ranges;
  std::vector<NumberConstraint> numbers;
  std::optional<Extreme> extreme;
  std::vector<std::uint32_t> persons;  // Facets.
  std::vector<std::uint32_t> places;
  std::vector<CategoryMention> categories;  // All must hold.
  std::vector<TitleMention> titles;
  std::vector<std::size_t> content;  // Tokens with TokenUse::kContent.
  std::vector<std::string>
      absent;  // Names, places, years as written that the corpus does not have.

  bool asks(std::uint32_t bits) const { return (asked & bits) != 0; }
  // "What is eBPF?" asks for a thing of its own; "what is the password?" may ask for one of "it".
  bool attribute_names_topic() const {
    return !attribute.empty() && tokens[attribute.front()].mixed;
  }
  bool has_when() const {
    return !weekdays.empty() || !dates.empty() || !times.empty() || day_part.has_value() ||
           !date_ranges.empty();
  }
};

// `text` is cut to kQuestionCodePointsMax.
Query parse_question(std::string_view text, const CorpusIndex& corpus);

// Typing errors put right where the corpus or the question vocabulary has a near word.
// Words may be joined ("open telemetry") or split. Sets `corrected`, one a token.
void correct_typos(std::string_view text, const CorpusIndex& corpus, std::vector<Token>& tokens,
                   std::vector<bool>& corrected);

// Every title that the tokens repeat in part, heaviest first, not overlapping.
std::vector<TitleMention> find_titles(const std::vector<Token>& tokens, const CorpusIndex& corpus);

}  // namespace rage::rag
