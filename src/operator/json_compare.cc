#include "operator/json_compare.h"

#include <algorithm>

namespace rage::op {

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
