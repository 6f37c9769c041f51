#include "rag/quantities.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/strings.h"
#include "rag/question_words.h"
#include "rag/units.h"

namespace rage::rag {
namespace {

// A unit with its value, before neighbours are summed.
struct Measured {
  const Unit* unit = nullptr;
  double value = 0;
  std::size_t token_begin = 0;
  std::size_t token_end = 0;
};

class QuantityScanner {
 public:
  QuantityScanner(std::string_view text, const std::vector<Token>& tokens,
                  const std::vector<Fact>& facts)
      : text_(text), tokens_(tokens), facts_(facts) {}

  std::vector<Quantity> scan() {
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
      if (const Unit* unit = find_unit(word(i))) read_unit(i, *unit);
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
  bool continues(const Measured& a, const Measured& b) const {
    if (a.unit->base != b.unit->base || a.unit->factor <= b.unit->factor) return false;
    if (b.token_begin == a.token_end) return close(a.token_end - 1);
    return b.token_begin == a.token_end + 1 && is_word(a.token_end, "and");
  }

  std::optional<double> number_ending_at(std::size_t end, std::size_t& begin) const {
    for (const Fact& fact : facts_) {
      // "2000 metres": before a unit that is no year.
      const bool number = fact.kind == FactKind::kNumber || fact.kind == FactKind::kYear;
      if (!number || fact.token_end != end) continue;
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
    const Unit* unit = find_unit(std::string_view(word(i)).substr(letters));
    const auto value = parse_uint(std::string_view(word(i)).substr(0, letters));
    if (unit != nullptr && value) add(*unit, static_cast<double>(*value), i, i + 1);
  }

  std::string_view text_;
  const std::vector<Token>& tokens_;
  const std::vector<Fact>& facts_;
  std::vector<Measured> amounts_;
};

}  // namespace

std::vector<Quantity> extract_quantities(std::string_view text, const std::vector<Token>& tokens,
                                         const std::vector<Fact>& facts) {
  return QuantityScanner(text, tokens, facts).scan();
}

std::string normal_of_minutes(int minutes) {
  return fmt::format("second:{:.12g}", minutes * 60.0);
}

}  // namespace rage::rag
