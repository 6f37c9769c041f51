#include "operator/json_compare.h"

#include <algorithm>

namespace rage::op {

bool same_json(const Json& left, const Json& right) {
  if (left.is_object() && right.is_object()) {
    if (left.size() != right.size()) return false;
    return std::ranges::all_of(left.items(), [&](const auto& member) {
      const auto other = right.find(member.key());
      return other != right.end() && same_json(member.value(), *other);
    });
  }
  if (left.is_array() && right.is_array()) {
    return std::ranges::equal(left, right, same_json);
  }
  return left == right;
}

Json merge_patch_of(const Json& from, const Json& to) {
  Json patch = Json::object();
  const Json empty = Json::object();
  const Json& before = from.is_object() ? from : empty;
  const Json& after = to.is_object() ? to : empty;
  for (const auto& [key, value] : after.items()) {
    const auto old = before.find(key);
    if (old != before.end() && same_json(*old, value)) continue;
    // Merged into an object of before, members that are gone would stay: they are named.
    if (old != before.end() && old->is_object() && value.is_object()) {
      patch[key] = merge_patch_of(*old, value);
    } else {
      patch[key] = value;
    }
  }
  for (const auto& [key, value] : before.items()) {
    if (!after.contains(key)) patch[key] = nullptr;
  }
  return patch;
}

}  // namespace rage::op
