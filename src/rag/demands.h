// What a question demands of the fields of records: a room, a person, a day, a price, a title. No
// similarity knows which records meet it, so a search that orders by similarity is told. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "rag/grounding.h"

namespace rage::rag {

// Whatever is longer is a text to compare with, not a question.
inline constexpr std::size_t kDemandingCodePointsMax = 400;

// Value.
struct Demands {
  // How much of what the question demands a document meets, by id; none is absent. 1 for all
  // constraints together and 1 for a title, shared with the words that no field explains: "in Room
  // 107" leaves none, "the keynote about gardens" leaves one, which halves it.
  std::unordered_map<std::string, float> met;
  // Stems of the words it means, where it has a typing error; to be searched for as well.
  std::vector<std::string> terms;
};

// Nothing if `corpus` is null or its documents are no records.
Demands read_demands(std::string_view question, const Corpus* corpus);

}  // namespace rage::rag
