// Which field of the records a word names, and what a question demands of numbers and dates. Pure.
#pragma once

#include "rag/corpus.h"
#include "rag/question.h"

namespace rage::rag {

// "cost" names the field `price`, "designed" the field `designer`.
bool names_field(const FieldSchema& field, const Token& token);

// "less than 100 euros", "over 1 kg", "cheapest", "lighter": fills numbers, extreme and
// asked_fields, and marks the words as constraints. Only fields that hold numbers are meant.
void read_numbers(Query& query, const CorpusIndex& corpus);

// "in October 2024", "since 2023", "after May 2022": fills date_ranges or absent, and marks the
// words. Only where records have dates.
void read_date_ranges(Query& query, const CorpusIndex& corpus);

// The number that the record has in the field.
std::optional<Amount> number_of(const Record& record, std::size_t field);

bool fits(const NumberConstraint& constraint, const Record& record);
bool fits(const DateRange& range, const Record& record);

}  // namespace rage::rag
