// Numbers with a unit, in one unit of each kind, so that 1.2 kg can be compared with 900 g. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace rage::rag {

// Value. Units are the bases of units.h, "eur" and other currencies' codes, or the word as written;
// empty: none.
struct Amount {
  double value = 0;
  std::string unit;
  bool operator==(const Amount&) const = default;
};

// "62 g", "1.2 kg", "24.50", "1,200 EUR", "€ 45", "5 years": the whole value, not a part of it.
std::optional<Amount> parse_amount(std::string_view value);

// `value` of the unit that a folded word names; none if it names no unit known here.
std::optional<Amount> with_unit(double value, std::string_view folded_word);

// Of the same kind, or one of them without a unit.
bool comparable(std::string_view unit, std::string_view other);

}  // namespace rage::rag
