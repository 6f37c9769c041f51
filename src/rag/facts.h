// Typed facts in a text, each with a normal form in which "2 PM" equals "14:00" and "twenty-four"
// equals "24". Pure; used to read questions and to check a model's sentences.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rag/grounding_tokens.h"

namespace rage::rag {

enum class FactKind {
  kTime,     // "14:30", 24 hours.
  kDate,     // "2026-03-05"; "*-03-05" without a year.
  kWeekday,  // "thursday"
  kYear,     // "2026": a lone number from 1900 to 2099.
  kNumber,   // "24", "2.5"
  kMoney,    // "usd 60"
  kPercent,  // "98%"
  kUrl,      // Lower-case host, no trailing punctuation.
  kEmail,
  kVersion,     // "1.2.3"
  kIdentifier,  // A word with digits: "23x", "nixos25".
};

// Value. Bytes [begin, end) of the text; tokens [token_begin, token_end) of its tokens.
struct Fact {
  FactKind kind = FactKind::kNumber;
  std::string normal;
  std::size_t begin = 0;
  std::size_t end = 0;
  std::size_t token_begin = 0;
  std::size_t token_end = 0;
};

// In order, not overlapping. `tokens` are tokenize(text).
std::vector<Fact> extract_facts(std::string_view text, const std::vector<Token>& tokens);

// Runs of capitalised words, without a sentence's first word if that is an ordinary word.
struct NameSpan {
  std::size_t token_begin = 0;
  std::size_t token_end = 0;
};
std::vector<NameSpan> extract_names(std::string_view text, const std::vector<Token>& tokens);

// "not", "no", "never", "without", "isn't", ...
bool has_negation(const std::vector<Token>& tokens);

// Civil date, proleptic Gregorian.
struct Date {
  int year = 0;  // 0: not said.
  int month = 0;
  int day = 0;
  bool operator==(const Date&) const = default;
  auto operator<=>(const Date&) const = default;
};

// "2026-03-05", "03/05/2026" (month first unless it cannot be), "March 5, 2026", "5 March 2026",
// "2026-03-05T10:00:00-08:00". The whole value, not a part of it.
std::optional<Date> parse_date(std::string_view value);
// "10:00", "10:00:00", "2 PM", "2026-03-05T10:00:00-08:00": minutes since midnight as written.
std::optional<int> parse_time(std::string_view value);

std::string_view weekday_name(const Date& date);  // "Thursday"; needs a year.
std::string_view month_name(int month);           // "March"
std::string render_date(const Date& date);        // "Thursday, March 5, 2026"
std::string render_time(int minutes);             // "14:30"
std::string date_normal(const Date& date);        // As in Fact::normal.
std::optional<Date> date_of_normal(std::string_view normal);
std::optional<int> time_of_normal(std::string_view normal);
// "thursday" of "thu", "Thurs", "thursdays"; empty if none.
std::string_view weekday_of_word(std::string_view folded);
// Cardinal of one number word: "twelve", "twenty"; none otherwise.
std::optional<int> number_of_word(std::string_view folded);

}  // namespace rage::rag
