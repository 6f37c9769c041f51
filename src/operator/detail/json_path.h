// Reading documents of the API server: absent or of another type is a null pointer, never a crash.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "base/strings.h"
#include "codec/json.h"

namespace rage::op::detail {

using codec::Json;

inline const Json* find_path(const Json& object, std::initializer_list<std::string_view> path) {
  const Json* at = &object;
  for (const std::string_view key : path) {
    at = codec::find_key(*at, key);
    if (at == nullptr) return nullptr;
  }
  return at;
}

// The array at `path`, or an empty one.
inline const Json& list_at(const Json& object, std::initializer_list<std::string_view> path) {
  static const Json kNone = Json::array();
  const Json* found = find_path(object, path);
  return found != nullptr && found->is_array() ? *found : kNone;
}

inline std::string text_at(const Json& object, std::initializer_list<std::string_view> path) {
  const Json* found = find_path(object, path);
  return found != nullptr && found->is_string() ? found->get<std::string>() : std::string();
}

// An integer, or a quantity that is one ("8"); `fallback` otherwise.
inline int int_at(const Json& object, std::initializer_list<std::string_view> path,
                  int fallback = 0) {
  const Json* found = find_path(object, path);
  if (found == nullptr) return fallback;
  if (found->is_number_integer()) return found->get<int>();
  if (!found->is_string()) return fallback;
  const auto number = parse_uint(found->get_ref<const std::string&>());
  return number && *number <= 1'000'000 ? static_cast<int>(*number) : fallback;
}

inline bool flag_at(const Json& object, std::initializer_list<std::string_view> path) {
  const Json* found = find_path(object, path);
  return found != nullptr && found->is_boolean() && found->get<bool>();
}

// Of `status.conditions`: the one of that type, or null.
inline const Json* find_condition_json(const Json& object, std::string_view type) {
  for (const Json& condition : list_at(object, {"status", "conditions"})) {
    if (codec::string_or(condition, "type", "") == type) return &condition;
  }
  return nullptr;
}

}  // namespace rage::op::detail
