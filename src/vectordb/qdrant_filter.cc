#include "vectordb/qdrant_filter.h"

#include <string>

#include "base/check.h"

namespace rage::vectordb {
namespace {

using codec::Json;
using Kind = Filter::Kind;

// Paths are keys divided by dots; a key with one, or any sign, is quoted.
Result<std::string> path_of(const std::string& key) {
  if (key.find('"') != std::string::npos || key.empty()) {
    return fail(ErrorCode::kUnimplemented, "Qdrant cannot filter on the key '{}'", key);
  }
  return "metadata.\"" + key + "\"";
}

Json list_of(const char* name, Json items) {
  return Json{{name, std::move(items)}};
}

// "2026-03-05", perhaps with a time.
bool looks_like_date(const std::string& text) {
  if (text.size() < 10 || text.size() > 40 || text[4] != '-' || text[7] != '-') return false;
  for (const std::size_t digit : {0U, 1U, 2U, 3U, 5U, 6U, 8U, 9U}) {
    if (text[digit] < '0' || text[digit] > '9') return false;
  }
  return text.size() == 10 || text[10] == 'T' || text[10] == ' ';
}

const char* bound_of(Kind kind) {
  switch (kind) {
    case Kind::kGreater:
      return "gt";
    case Kind::kAtLeast:
      return "gte";
    case Kind::kLess:
      return "lt";
    case Kind::kAtMost:
      return "lte";
    default:
      UNREACHABLE();
  }
}

Result<Json> equals(const std::string& path, const Json& value) {
  // "Empty" is absent, null or a list of nothing.
  if (value.is_null()) return Json{{"is_empty", {{"key", path}}}};
  if (value.is_string() || value.is_boolean()) {
    return Json{{"key", path}, {"match", {{"value", value}}}};
  }
  // A range holds for whole and for broken numbers; a match only for the kind it was given.
  if (value.is_number()) return Json{{"key", path}, {"range", {{"gte", value}, {"lte", value}}}};
  return fail(ErrorCode::kUnimplemented, "Qdrant compares no lists and no objects");
}

Result<Json> order(const std::string& path, Kind kind, const Json& value) {
  if (value.is_string() && !looks_like_date(value.get<std::string>())) {
    return fail(ErrorCode::kUnimplemented, "Qdrant orders numbers and dates, not '{}'",
                value.get<std::string>());
  }
  return Json{{"key", path}, {"range", {{bound_of(kind), value}}}};
}

Result<Json> contains(const std::string& path, const Json& value) {
  ASSIGN_OR_RETURN(Json item, equals(path, value));  // A match holds for any item of a list.
  if (!value.is_string()) return item;
  Json part = {{"key", path}, {"match", {{"text", value}}}};
  return list_of("should", Json::array({std::move(item), std::move(part)}));
}

Result<Json> condition(const Filter& filter);

Result<Json> conditions(const char* name, const std::vector<Filter>& parts) {
  Json items = Json::array();
  for (const Filter& part : parts) {
    ASSIGN_OR_RETURN(Json item, condition(part));
    items.push_back(std::move(item));
  }
  return list_of(name, std::move(items));
}

Result<Json> condition(const Filter& filter) {
  switch (filter.kind) {
    case Kind::kAll:
      return conditions("must", filter.parts);
    case Kind::kAny:
      // Nothing may match, and an empty "should" lets everything through: no point has no id.
      if (filter.parts.empty()) return Json{{"has_id", Json::array()}};
      return conditions("should", filter.parts);
    case Kind::kNot:
      return conditions("must_not", filter.parts);
    default:
      break;
  }
  ASSIGN_OR_RETURN(const std::string path, path_of(filter.key));
  switch (filter.kind) {
    case Kind::kEquals:
      return equals(path, filter.value);
    case Kind::kExists:
      return list_of("must_not", Json::array({Json{{"is_empty", {{"key", path}}}}}));
    case Kind::kContains:
      return contains(path, filter.value);
    default:
      return order(path, filter.kind, filter.value);
  }
}

}  // namespace

Result<Json> qdrant_filter(const Filter& filter) {
  ASSIGN_OR_RETURN(Json one, condition(filter));
  if (one.contains("must") || one.contains("should") || one.contains("must_not")) return one;
  return list_of("must", Json::array({std::move(one)}));
}

}  // namespace rage::vectordb
