#include "vectordb/pg_sql.h"

#include <fmt/format.h>

namespace rage::vectordb {

std::string Sql::bind(std::string value) {
  parameters.push_back(std::move(value));
  return fmt::format("${}", parameters.size());
}

std::string array_literal(std::span<const std::string> items) {
  std::string literal = "{";
  for (const std::string& item : items) {
    if (literal.size() > 1) literal += ',';
    literal += '"';
    for (const char c : item) {
      if (c == '"' || c == '\\') literal += '\\';
      literal += c;
    }
    literal += '"';
  }
  return literal + "}";
}

std::string array_literal(std::span<const std::int64_t> items) {
  return fmt::format("{{{}}}", fmt::join(items, ","));
}

std::string vector_literal(std::span<const float> vector) {
  return fmt::format("[{}]", fmt::join(vector, ","));
}

}  // namespace rage::vectordb
