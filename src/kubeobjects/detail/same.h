// Equality of JSON values where the order of an object's keys means nothing.
#pragma once

#include "codec/json.h"

namespace rage::kubeobjects::detail {

using codec::Json;

inline bool same(const Json& a, const Json& b) {
  if (a.is_object() && b.is_object()) {
    if (a.size() != b.size()) return false;
    for (const auto& [key, value] : a.items()) {
      const Json* other = codec::find_key(b, key);
      if (other == nullptr || !same(value, *other)) return false;
    }
    return true;
  }
  if (a.is_array() && b.is_array()) {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i) {
      if (!same(a[i], b[i])) return false;
    }
    return true;
  }
  return a == b;
}

}  // namespace rage::kubeobjects::detail
