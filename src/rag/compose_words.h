// Words for a record's fields: what answers are built of. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "rag/corpus.h"

namespace rage::rag {

// "a, b and c"
std::string and_list(const std::vector<std::string>& items);
std::string in_quotes(std::string_view title);
// "1 hour and 30 minutes"
std::string duration_of(int minutes);
// With its first letter, if ASCII, large.
std::string capitalized(std::string text);
// The record's values of the field (a schema index), joined; empty if none.
std::string values_of(const Record& record, std::size_t field);
// "released" if the date of a record is that of its release; empty if it is when it takes place.
std::string date_label(const CorpusIndex& corpus);

}  // namespace rage::rag
