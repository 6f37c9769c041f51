#include "rag/amount.h"

#include <algorithm>
#include <array>

#include "base/strings.h"

namespace rage::rag {
namespace {

constexpr std::size_t kValueBytesMax = 40;

struct Unit {
  std::string_view word;
  std::string_view unit;
  double factor;
};

constexpr std::array<Unit, 58> kUnits = {{
    {"g", "g", 1},
    {"gram", "g", 1},
    {"grams", "g", 1},
    {"gramme", "g", 1},
    {"grammes", "g", 1},
    {"kg", "g", 1000},
    {"kilo", "g", 1000},
    {"kilos", "g", 1000},
    {"kilogram", "g", 1000},
    {"kilograms", "g", 1000},
    {"mg", "g", 0.001},
    {"mm", "m", 0.001},
    {"cm", "m", 0.01},
    {"m", "m", 1},
    {"metre", "m", 1},
    {"metres", "m", 1},
    {"meter", "m", 1},
    {"meters", "m", 1},
    {"km", "m", 1000},
    {"kilometre", "m", 1000},
    {"kilometres", "m", 1000},
    {"kilometer", "m", 1000},
    {"kilometers", "m", 1000},
    {"ml", "l", 0.001},
    {"millilitres", "l", 0.001},
    {"milliliters", "l", 0.001},
    {"cl", "l", 0.01},
    {"l", "l", 1},
    {"litre", "l", 1},
    {"litres", "l", 1},
    {"liter", "l", 1},
    {"liters", "l", 1},
    {"minute", "minute", 1},
    {"minutes", "minute", 1},
    {"min", "minute", 1},
    {"hour", "minute", 60},
    {"hours", "minute", 60},
    {"h", "minute", 60},
    {"day", "minute", 1440},
    {"days", "minute", 1440},
    {"week", "minute", 10080},
    {"weeks", "minute", 10080},
    {"month", "month", 1},
    {"months", "month", 1},
    {"year", "month", 12},
    {"years", "month", 12},
    {"eur", "eur", 1},
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
    {"chf", "chf", 1},
}};

const Unit* find_unit(std::string_view word) {
  const auto found = std::ranges::find(kUnits, word, &Unit::word);
  return found == kUnits.end() ? nullptr : &*found;
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
  const Unit* unit = find_unit(folded_word);
  if (unit == nullptr) return std::nullopt;
  return Amount{.value = value * unit->factor, .unit = std::string(unit->unit)};
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
