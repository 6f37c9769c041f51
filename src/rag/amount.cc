#include "rag/amount.h"

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "rag/units.h"

namespace rage::rag {
namespace {

constexpr std::size_t kValueBytesMax = 40;

constexpr auto kCurrencies = std::to_array<Unit>({{"eur", "eur", 1},
                                                  {"euro", "eur", 1},
                                                  {"euros", "eur", 1},
                                                  {"€", "eur", 1},
                                                  {"usd", "usd", 1},
                                                  {"dollar", "usd", 1},
                                                  {"dollars", "usd", 1},
                                                  {"$", "usd", 1},
                                                  {"gbp", "gbp", 1},
                                                  {"pounds", "gbp", 1},
                                                  {"£", "gbp", 1},
                                                  {"chf", "chf", 1}});

const Unit* unit_or_currency(std::string_view word) {
  const auto* const found = std::ranges::find(kCurrencies, word, &Unit::word);
  return found == kCurrencies.end() ? find_unit(word) : found;
}

// Where the number at the beginning of `text` ends; digits, '.' and ',' between digits.
std::size_t number_end(std::string_view text) {
  std::size_t end = 0;
  while (end < text.size()) {
    const bool digit = is_ascii_digit(text[end]);
    const bool inside = (text[end] == '.' || text[end] == ',') && end > 0 &&
                        end + 1 < text.size() && is_ascii_digit(text[end + 1]);
    if (!digit && !inside) break;
    ++end;
  }
  return end;
}

}  // namespace

std::optional<Amount> with_unit(double value, std::string_view folded_word) {
  const Unit* unit = unit_or_currency(folded_word);
  if (unit == nullptr) return std::nullopt;
  return Amount{.value = value * unit->factor, .unit = std::string(unit->base)};
}

std::optional<Amount> parse_amount(std::string_view value) {
  if (value.size() > kValueBytesMax) return std::nullopt;
  const std::string text = to_lower_ascii(trim(value));
  std::string_view rest = text;
  const std::size_t first = std::min(rest.find_first_of("0123456789"), rest.size());
  const std::string_view lead = trim(rest.substr(0, first));
  rest.remove_prefix(first);
  const std::size_t end = number_end(rest);
  std::string digits(rest.substr(0, end));
  std::erase(digits, ',');
  const auto number = parse_double(digits);
  if (!number) return std::nullopt;
  const std::string_view tail = trim(rest.substr(end));
  if (lead.empty() && tail.empty()) return Amount{.value = *number, .unit = {}};
  if (!lead.empty() && !tail.empty()) return std::nullopt;
  if (const auto known = with_unit(*number, lead.empty() ? tail : lead)) return known;
  const bool word = lead.empty() && std::ranges::all_of(tail, is_ascii_alpha);
  if (!word) return std::nullopt;
  return Amount{.value = *number, .unit = std::string(tail)};
}

bool comparable(std::string_view unit, std::string_view other) {
  return unit.empty() || other.empty() || unit == other;
}

}  // namespace rage::rag
