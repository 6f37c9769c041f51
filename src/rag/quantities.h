// Numbers with their units: "three hours", "a 180-minute session" and "3 h" are the same amount,
// "three days" is another. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "rag/facts.h"

namespace rage::rag {

// Value. Tokens [token_begin, token_end). `normal` is the base of units.h and the value:
// "second:10800", "gb:4".
struct Quantity {
  std::string normal;
  std::size_t token_begin = 0;
  std::size_t token_end = 0;
};

// In order. `facts` are extract_facts(text, tokens). An adjective may stand between a number and
// its unit ("two free hours"); "1 hour and 30 minutes" is one quantity.
std::vector<Quantity> extract_quantities(std::string_view text, const std::vector<Token>& tokens,
                                         const std::vector<Fact>& facts);

// The quantity's normal form of so many minutes.
std::string normal_of_minutes(int minutes);

}  // namespace rage::rag
