// Reading documents of the API server: absent or of another type is a fallback, never a crash.
#pragma once

#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "codec/json.h"

namespace rage::workloads::detail {

using codec::Json;
using Path = std::initializer_list<std::string_view>;

inline const Json* find_at(const Json& object, Path path) {
  const Json* at = &object;
  for (const std::string_view key : path) {
    at = codec::find_key(*at, key);
    if (at == nullptr) return nullptr;
  }
  return at;
}

inline const Json& list_at(const Json& object, Path path) {
  static const Json kNone = Json::array();
  const Json* found = find_at(object, path);
  return found != nullptr && found->is_array() ? *found : kNone;
}

inline const Json& object_at(const Json& object, Path path) {
  static const Json kNone = Json::object();
  const Json* found = find_at(object, path);
  return found != nullptr && found->is_object() ? *found : kNone;
}

inline std::string text_at(const Json& object, Path path, std::string_view fallback = {}) {
  const Json* found = find_at(object, path);
  return found != nullptr && found->is_string() ? found->get<std::string>() : std::string(fallback);
}

// Numbers outside of +-2^53 are no counts of anything here.
inline std::int64_t number_at(const Json& object, Path path, std::int64_t fallback = 0) {
  const Json* found = find_at(object, path);
  if (found == nullptr || !found->is_number()) return fallback;
  const double value = found->get<double>();
  return std::abs(value) < 0x1p53 ? static_cast<std::int64_t>(value) : fallback;
}

inline bool flag_at(const Json& object, Path path, bool fallback = false) {
  const Json* found = find_at(object, path);
  return found != nullptr && found->is_boolean() ? found->get<bool>() : fallback;
}

// Equal whatever the order of keys.
inline bool same_json(const Json& left, const Json& right) {
  return nlohmann::json(left) == nlohmann::json(right);
}

}  // namespace rage::workloads::detail
