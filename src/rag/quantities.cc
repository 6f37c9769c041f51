#include "rag/quantities.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/strings.h"
#include "rag/question_words.h"

namespace rage::rag {
namespace {

struct Unit {
  std::string_view word;
  std::string_view base;
  double factor;
};

constexpr std::array<Unit, 65> kUnits = {{
    {"second", "second", 1},
    {"seconds", "second", 1},
    {"sec", "second", 1},
    {"secs", "second", 1},
    {"minute", "second", 60},
    {"minutes", "second", 60},
    {"min", "second", 60},
    {"mins", "second", 60},
    {"hour", "second", 3600},
    {"hours", "second", 3600},
    {"hr", "second", 3600},
    {"hrs", "second", 3600},
    {"h", "second", 3600},
    {"day", "second", 86400},
    {"days", "second", 86400},
    {"week", "second", 604800},
    {"weeks", "second", 604800},
    {"month", "month", 1},
    {"months", "month", 1},
    {"year", "month", 12},
    {"years", "month", 12},
    {"decade", "month", 120},
    {"decades", "month", 120},
    {"millisecond", "ms", 1},
    {"milliseconds", "ms", 1},
    {"ms", "ms", 1},
    {"kilobyte", "kilobyte", 1},
    {"kilobytes", "kilobyte", 1},
    {"kb", "kilobyte", 1},
    {"megabyte", "megabyte", 1},
    {"megabytes", "megabyte", 1},
    {"mb", "megabyte", 1},
    {"gigabyte", "gigabyte", 1},
    {"gigabytes", "gigabyte", 1},
    {"gb", "gigabyte", 1},
    {"terabyte", "terabyte", 1},
    {"terabytes", "terabyte", 1},
    {"tb", "terabyte", 1},
    {"meter", "meter", 1},
    {"meters", "meter", 1},
    {"metre", "meter", 1},
    {"metres", "meter", 1},
    {"kilometer", "kilometer", 1},
    {"kilometers", "kilometer", 1},
    {"kilometres", "kilometer", 1},
    {"km", "kilometer", 1},
    {"mile", "mile", 1},
    {"miles", "mile", 1},
    {"foot", "foot", 1},
    {"feet", "foot", 1},
    {"inch", "inch", 1},
    {"inches", "inch", 1},
    {"kilogram", "kilogram", 1},
    {"kilograms", "kilogram", 1},
    {"kg", "kilogram", 1},
    {"gram", "gram", 1},
    {"grams", "gram", 1},
    {"watt", "watt", 1},
    {"watts", "watt", 1},
    {"volt", "volt", 1},
    {"volts", "volt", 1},
    {"degree", "degree", 1},
    {"degrees", "degree", 1},
    {"liter", "liter", 1},
    {"liters", "liter", 1},
}};

const Unit* unit_of(std::string_view folded) {
  const auto* found = std::ranges::find(kUnits, folded, &Unit::word);
  return found == kUnits.end() ? nullptr : found;
}

// A unit with its value, before neighbours are summed.
struct Amount {
  const Unit* unit = nullptr;
  double value = 0;
  std::size_t token_begin = 0;
  std::size_t token_end = 0;
};

class Scanner {
 public:
  Scanner(std::string_view text, const std::vector<Token>& tokens, const std::vector<Fact>& facts)
      : text_(text), tokens_(tokens), facts_(facts) {}

  std::vector<Quantity> scan() {
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
      if (const Unit* unit = unit_of(word(i))) read_unit(i, *unit);
      read_joined(i);
    }
    std::vector<Quantity> found;
    for (std::size_t i = 0; i < amounts_.size(); ++i) {
      double value = amounts_[i].value * amounts_[i].unit->factor;
      const std::size_t first = i;
      while (i + 1 < amounts_.size() && continues(amounts_[i], amounts_[i + 1])) {
        ++i;
        value += amounts_[i].value * amounts_[i].unit->factor;
      }
      found.push_back({fmt::format("{}:{:.12g}", amounts_[first].unit->base, value),
                       amounts_[first].token_begin, amounts_[i].token_end});
    }
    return found;
  }

 private:
  const std::string& word(std::size_t i) const { return tokens_[i].folded; }
  bool is_word(std::size_t i, std::string_view folded) const {
    return i < tokens_.size() && word(i) == folded;
  }
  // Nothing but a space or a hyphen between token i and the next.
  bool close(std::size_t i) const {
    const std::string_view gap =
        text_.substr(tokens_[i].end, tokens_[i + 1].begin - tokens_[i].end);
    return gap == " " || gap == "-";
  }

  // "1 hour and 30 minutes": the smaller unit follows at once.
  bool continues(const Amount& a, const Amount& b) const {
    if (a.unit->base != b.unit->base || a.unit->factor <= b.unit->factor) return false;
    if (b.token_begin == a.token_end) return close(a.token_end - 1);
    return b.token_begin == a.token_end + 1 && is_word(a.token_end, "and");
  }

  std::optional<double> number_ending_at(std::size_t end, std::size_t& begin) const {
    for (const Fact& fact : facts_) {
      if (fact.kind != FactKind::kNumber || fact.token_end != end) continue;
      begin = fact.token_begin;
      return parse_double(fact.normal);
    }
    return std::nullopt;
  }

  void add(const Unit& unit, double value, std::size_t begin, std::size_t end) {
    if (is_word(end, "and") && is_word(end + 1, "a") && is_word(end + 2, "half")) {
      value += 0.5;  // "an hour and a half"
      end += 3;
    }
    amounts_.push_back({&unit, value, begin, end});
  }

  void read_unit(std::size_t i, const Unit& unit) {
    if (i == 0 || !close(i - 1)) return;
    std::size_t begin = 0;
    if (const auto value = number_ending_at(i, begin)) return add(unit, *value, begin, i + 1);
    if (is_word(i - 1, "half")) return add_half(unit, i);
    const bool single = is_word(i - 1, "a") || is_word(i - 1, "an") || is_word(i - 1, "one");
    if (single && i >= 2 && is_word(i - 2, "half")) return add(unit, 0.5, i - 2, i + 1);
    // "a second session" is no amount.
    if (single && !(unit.word == "second" && word(i - 1) == "a")) return add(unit, 1, i - 1, i + 1);
    const bool adjective = i >= 2 && close(i - 2) && !tokens_[i - 1].mixed &&
                           !tokens_[i - 1].capital && !is_function_word(word(i - 1));
    if (!adjective) return;
    if (const auto value = number_ending_at(i - 1, begin)) add(unit, *value, begin, i + 1);
  }

  // "one and a half hours", "half-hour"
  void add_half(const Unit& unit, std::size_t i) {
    if (i < 4 || !is_word(i - 3, "and")) return add(unit, 0.5, i - 1, i + 1);
    std::size_t begin = i - 4;
    const auto value =
        is_word(i - 4, "one") ? std::optional<double>(1) : number_ending_at(i - 3, begin);
    if (value) amounts_.push_back({&unit, *value + 0.5, begin, i + 1});
  }

  // "90min", "2h"
  void read_joined(std::size_t i) {
    const std::size_t letters = word(i).find_first_not_of("0123456789");
    if (letters == 0 || letters == std::string::npos || letters > 6) return;
    const Unit* unit = unit_of(std::string_view(word(i)).substr(letters));
    const auto value = parse_uint(std::string_view(word(i)).substr(0, letters));
    if (unit != nullptr && value) add(*unit, static_cast<double>(*value), i, i + 1);
  }

  std::string_view text_;
  const std::vector<Token>& tokens_;
  const std::vector<Fact>& facts_;
  std::vector<Amount> amounts_;
};

}  // namespace

std::vector<Quantity> extract_quantities(std::string_view text, const std::vector<Token>& tokens,
                                         const std::vector<Fact>& facts) {
  return Scanner(text, tokens, facts).scan();
}

std::string normal_of_minutes(int minutes) {
  return fmt::format("second:{:.12g}", minutes * 60.0);
}

}  // namespace rage::rag
