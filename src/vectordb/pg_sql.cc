#include "vectordb/pg_sql.h"

#include <fmt/format.h>

#include "base/check.h"

namespace rage::vectordb {
namespace {

using Kind = Filter::Kind;

std::string_view sign_of(Kind kind) {
  switch (kind) {
    case Kind::kGreater:
      return ">";
    case Kind::kAtLeast:
      return ">=";
    case Kind::kLess:
      return "<";
    case Kind::kAtMost:
      return "<=";
    default:
      UNREACHABLE();
  }
}

void append_list(Sql& sql, const Filter& filter, std::string_view between,
                 std::string_view if_empty) {
  if (filter.parts.empty()) {
    sql.text += if_empty;
    return;
  }
  for (std::size_t i = 0; i < filter.parts.size(); ++i) {
    sql.text += i == 0 ? "(" : between;
    append_condition(sql, filter.parts[i]);
  }
  sql.text += ")";
}

// CASE keeps the cast from being tried on what is no number.
void append_order(Sql& sql, const Filter& filter) {
  const std::string key = sql.bind(filter.key);
  const bool number = filter.value.is_number();
  const std::string value =
      sql.bind(number ? codec::render_json(filter.value) : filter.value.get<std::string>());
  const std::string_view sign = sign_of(filter.kind);
  sql.text += number ? fmt::format(
                           "(CASE WHEN jsonb_typeof(metadata -> {0}::text) = 'number' THEN "
                           "(metadata ->> {0}::text)::numeric {1} {2}::numeric ELSE false END)",
                           key, sign, value)
                     : fmt::format(
                           "(CASE WHEN jsonb_typeof(metadata -> {0}::text) = 'string' THEN "
                           "(metadata ->> {0}::text) COLLATE \"C\" {1} {2}::text ELSE false END)",
                           key, sign, value);
}

void append_contains(Sql& sql, const Filter& filter) {
  const std::string key = sql.bind(filter.key);
  const std::string item = sql.bind(codec::render_json(filter.value));
  const bool text = filter.value.is_string();
  const std::string part = text ? sql.bind(filter.value.get<std::string>()) : std::string();
  sql.text += fmt::format("(CASE jsonb_typeof(metadata -> {0}::text) ", key);
  if (text) {
    sql.text += fmt::format("WHEN 'string' THEN position({1}::text in metadata ->> {0}::text) > 0 ",
                            key, part);
  }
  sql.text += fmt::format(
      "WHEN 'array' THEN EXISTS(SELECT 1 FROM jsonb_array_elements(metadata -> {0}::text) AS item "
      "WHERE item = {1}::jsonb) ELSE false END)",
      key, item);
}

}  // namespace

std::string Sql::bind(std::string value) {
  parameters.push_back(std::move(value));
  return fmt::format("${}", parameters.size());
}

void append_condition(Sql& sql, const Filter& filter) {
  switch (filter.kind) {
    case Kind::kAll:
      return append_list(sql, filter, " AND ", "true");
    case Kind::kAny:
      return append_list(sql, filter, " OR ", "false");
    case Kind::kNot:
      sql.text += "(NOT ";
      append_condition(sql, filter.parts.front());
      sql.text += ")";
      return;
    case Kind::kEquals: {
      const std::string key = sql.bind(filter.key);
      const std::string value = sql.bind(codec::render_json(filter.value));
      sql.text +=
          fmt::format("(COALESCE(metadata -> {}::text, 'null'::jsonb) = {}::jsonb)", key, value);
      return;
    }
    case Kind::kGreater:
    case Kind::kAtLeast:
    case Kind::kLess:
    case Kind::kAtMost:
      return append_order(sql, filter);
    case Kind::kExists:
      sql.text += fmt::format("jsonb_exists(metadata, {}::text)", sql.bind(filter.key));
      return;
    case Kind::kContains:
      return append_contains(sql, filter);
  }
  UNREACHABLE();
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

std::string vector_literal(std::span<const float> vector) {
  return fmt::format("[{}]", fmt::join(vector, ","));
}

}  // namespace rage::vectordb
