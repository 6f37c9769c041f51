#include "codec/documents.h"

#include <algorithm>

#include "base/strings.h"
#include "codec/key_finder.h"

namespace rage::codec {

const Json* find_path(const Json& object, Path path) {
  const Json* at = &object;
  for (const std::string_view key : path) {
    at = find_key(*at, key);
    if (at == nullptr) return nullptr;
  }
  return at;
}

const Json& list_at(const Json& object, Path path) {
  static const Json kNone = Json::array();
  const Json* found = find_path(object, path);
  return found != nullptr && found->is_array() ? *found : kNone;
}

const Json& map_at(const Json& object, Path path) {
  static const Json kNone = Json::object();
  const Json* found = find_path(object, path);
  return found != nullptr && found->is_object() ? *found : kNone;
}

std::string text_at(const Json& object, Path path, std::string_view fallback) {
  const Json* found = find_path(object, path);
  return found != nullptr && found->is_string() ? found->get<std::string>() : std::string(fallback);
}

int int_at(const Json& object, Path path, int fallback) {
  const Json* found = find_path(object, path);
  if (found == nullptr) return fallback;
  if (found->is_number_integer()) return found->get<int>();
  if (!found->is_string()) return fallback;
  const auto number = parse_uint(found->get_ref<const std::string&>());
  return number && *number <= 1'000'000 ? static_cast<int>(*number) : fallback;
}

bool flag_at(const Json& object, Path path, bool fallback) {
  const Json* found = find_path(object, path);
  return found != nullptr && found->is_boolean() ? found->get<bool>() : fallback;
}

bool same_json(const Json& left, const Json& right) {
  if (left.is_object() && right.is_object()) {
    const KeyFinder others(right);
    return left.size() == right.size() &&
           std::ranges::all_of(left.items(), [&](const auto& member) {
             const Json* other = others.find(member.key());
             return other != nullptr && same_json(member.value(), *other);
           });
  }
  if (left.is_array() && right.is_array()) return std::ranges::equal(left, right, same_json);
  return left == right;
}

}  // namespace rage::codec
