// Units of measure, the one table of them: which words name one, and what it is in the base unit of
// its kind. Pure.
#pragma once

#include <string_view>

namespace rage::rag {

// Value. Bases are "g", "m", "l", "second", "month", and, where no other unit is converted into it,
// the unit itself: "gb", "degree".
struct Unit {
  std::string_view word;
  std::string_view base;
  double factor;
};

// Of a folded word; null: it names none. Money is no measure.
const Unit* find_unit(std::string_view folded_word);

}  // namespace rage::rag
