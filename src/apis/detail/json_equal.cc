#include "apis/detail/json_equal.h"

#include <algorithm>

namespace rage::apis::detail {

bool equal(const codec::Json& a, const codec::Json& b) {
  if (a.is_object() && b.is_object()) {
    if (a.size() != b.size()) return false;
    for (const auto& [key, value] : a.items()) {
      const codec::Json* other = codec::find_key(b, key);
      if (other == nullptr || !equal(value, *other)) return false;
    }
    return true;
  }
  if (a.is_array() && b.is_array()) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), equal);
  }
  return a == b;
}

}  // namespace rage::apis::detail
