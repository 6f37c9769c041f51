// SQL for PostgreSQL as text and parameters: values never become part of the text.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vectordb/filter.h"

namespace rage::vectordb {

// Value. `text` names its parameters $1, $2, ...
struct Sql {
  std::string text;
  std::vector<std::string> parameters = {};

  // "$3": a placeholder for one more parameter.
  std::string bind(std::string value);
};

// Appends a condition on the jsonb column `metadata`.
void append_condition(Sql& sql, const Filter& filter);

// As one parameter: {"a","b"} for text[], [0.1,0.2] for vector.
std::string array_literal(std::span<const std::string> items);
std::string vector_literal(std::span<const float> vector);

}  // namespace rage::vectordb
