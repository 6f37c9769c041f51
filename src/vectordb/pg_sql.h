// SQL for PostgreSQL as text and parameters: values never become part of the text.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace rage::vectordb {

// Value. `text` names its parameters $1, $2, ...
struct Sql {
  std::string text;
  std::vector<std::string> parameters = {};

  // "$3": a placeholder for one more parameter.
  std::string bind(std::string value);
};

// As one parameter: {"a","b"} for text[], {1,2} for bigint[], [0.1,0.2] for vector.
std::string array_literal(std::span<const std::string> items);
std::string array_literal(std::span<const std::int64_t> items);
std::string vector_literal(std::span<const float> vector);

}  // namespace rage::vectordb
