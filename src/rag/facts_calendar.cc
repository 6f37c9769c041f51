// Dates, times and number words: the closed vocabularies of facts.h.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "rag/facts.h"

namespace rage::rag {
namespace {

constexpr std::array<std::string_view, 7> kWeekdays = {"sunday",   "monday", "tuesday", "wednesday",
                                                       "thursday", "friday", "saturday"};
constexpr std::array<std::string_view, 7> kWeekdayNames = {
    "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
constexpr std::array<std::string_view, 13> kMonths = {
    "",     "January", "February",  "March",   "April",    "May",     "June",
    "July", "August",  "September", "October", "November", "December"};
constexpr std::array<std::string_view, 28> kNumberWords = {
    "zero",     "one",     "two",     "three",     "four",     "five",     "six",
    "seven",    "eight",   "nine",    "ten",       "eleven",   "twelve",   "thirteen",
    "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty",
    "thirty",   "forty",   "fifty",   "sixty",     "seventy",  "eighty",   "ninety"};

bool is_leap(int year) {
  return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

int days_in(int year, int month) {
  constexpr std::array<int, 13> kDays = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && (year == 0 || is_leap(year)) ? 29 : kDays[static_cast<std::size_t>(month)];
}

std::optional<Date> checked(int year, int month, int day) {
  if (month < 1 || month > 12 || day < 1 || year < 0 || year > 9999) return std::nullopt;
  if (day > days_in(year, month)) return std::nullopt;
  return Date{year, month, day};
}

std::optional<int> small_number(std::string_view text) {
  const auto value = parse_uint(text);
  if (!value || *value > 9999) return std::nullopt;
  return static_cast<int>(*value);
}

}  // namespace

std::string_view weekday_of_word(std::string_view folded) {
  constexpr std::array<std::pair<std::string_view, std::size_t>, 12> kShort = {{{"sun", 0},
                                                                                {"mon", 1},
                                                                                {"tue", 2},
                                                                                {"tues", 2},
                                                                                {"wed", 3},
                                                                                {"weds", 3},
                                                                                {"thu", 4},
                                                                                {"thur", 4},
                                                                                {"thurs", 4},
                                                                                {"fri", 5},
                                                                                {"sat", 6},
                                                                                {"sats", 6}}};
  for (const auto& [word, day] : kShort) {
    if (folded == word) return kWeekdays[day];
  }
  for (const std::string_view day : kWeekdays) {
    if (folded == day ||
        (folded.size() == day.size() + 1 && folded.starts_with(day) && folded.back() == 's')) {
      return day;
    }
  }
  return {};
}

std::optional<int> number_of_word(std::string_view folded) {
  for (std::size_t i = 0; i < kNumberWords.size(); ++i) {
    if (folded == kNumberWords[i]) return static_cast<int>(i <= 20 ? i : (i - 18) * 10);
  }
  return std::nullopt;
}

std::string_view weekday_name(const Date& date) {
  // Sakamoto's method, comp.lang.c 1993.
  constexpr std::array<int, 12> kOffsets = {0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4};
  if (date.year == 0 || date.month < 1 || date.month > 12) return {};
  const int y = date.month < 3 ? date.year - 1 : date.year;
  const int day = (y + y / 4 - y / 100 + y / 400 +
                   kOffsets[static_cast<std::size_t>(date.month - 1)] + date.day) %
                  7;
  return kWeekdayNames[static_cast<std::size_t>(day)];
}

std::string_view month_name(int month) {
  return month >= 1 && month <= 12 ? kMonths[static_cast<std::size_t>(month)] : std::string_view{};
}

std::string render_date(const Date& date) {
  if (date.year == 0) return fmt::format("{} {}", month_name(date.month), date.day);
  return fmt::format("{}, {} {}, {}", weekday_name(date), month_name(date.month), date.day,
                     date.year);
}

std::string render_time(int minutes) {
  return fmt::format("{:02}:{:02}", minutes / 60 % 24, minutes % 60);
}

std::string date_normal(const Date& date) {
  if (date.year == 0) return fmt::format("*-{:02}-{:02}", date.month, date.day);
  return fmt::format("{:04}-{:02}-{:02}", date.year, date.month, date.day);
}

std::optional<Date> date_of_normal(std::string_view normal) {
  const auto parts = split(normal, '-');
  if (parts.size() != 3) return std::nullopt;
  const auto year = parts[0] == "*" ? std::optional<int>(0) : small_number(parts[0]);
  const auto month = small_number(parts[1]);
  const auto day = small_number(parts[2]);
  if (!year || !month || !day) return std::nullopt;
  return checked(*year, *month, *day);
}

std::optional<int> time_of_normal(std::string_view normal) {
  const auto parts = split(normal, ':');
  if (parts.size() != 2) return std::nullopt;
  const auto hour = small_number(parts[0]);
  const auto minute = small_number(parts[1]);
  if (!hour || !minute || *hour > 23 || *minute > 59) return std::nullopt;
  return *hour * 60 + *minute;
}

namespace {

// The single fact of `kind` that the value consists of, ISO date-times counting as both.
std::optional<std::string> only_fact(std::string_view value, FactKind kind) {
  value = trim(value);
  if (value.empty() || value.size() > 64) return std::nullopt;
  const auto tokens = tokenize(value);
  std::optional<std::string> found;
  std::size_t covered = 0;
  for (const Fact& fact : extract_facts(value, tokens)) {
    if (fact.kind == kind && !found) found = fact.normal;
    const bool temporal = fact.kind == FactKind::kDate || fact.kind == FactKind::kTime ||
                          fact.kind == FactKind::kWeekday || fact.kind == FactKind::kNumber;
    if (temporal) covered += fact.token_end - fact.token_begin;
  }
  // A zone may follow a date-time ("-08:00", "Z", "PST"); prose may not.
  return covered + 2 >= tokens.size() ? found : std::nullopt;
}

}  // namespace

std::optional<Date> parse_date(std::string_view value) {
  const auto normal = only_fact(value, FactKind::kDate);
  return normal ? date_of_normal(*normal) : std::nullopt;
}

std::optional<int> parse_time(std::string_view value) {
  const auto normal = only_fact(value, FactKind::kTime);
  return normal ? time_of_normal(*normal) : std::nullopt;
}

}  // namespace rage::rag
