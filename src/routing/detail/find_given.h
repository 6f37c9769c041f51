// Fields of Kubernetes' objects.
#pragma once

#include <string_view>

#include "codec/json.h"

namespace rage::routing::detail {

// Null and absent are the same, as for the API server.
inline const codec::Json* find_given(const codec::Json& object, std::string_view key) {
  const codec::Json* value = codec::find_key(object, key);
  return value == nullptr || value->is_null() ? nullptr : value;
}

}  // namespace rage::routing::detail
