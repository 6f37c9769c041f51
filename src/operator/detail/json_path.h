// Reading documents of the API server: absent or of another type is a null pointer, never a crash.
#pragma once

#include <string>
#include <string_view>

#include "codec/documents.h"

namespace rage::op::detail {

using codec::Json;

using codec::find_path;
using codec::flag_at;
using codec::int_at;
using codec::list_at;
using codec::text_at;

// Of `status.conditions`: the one of that type, or null.
inline const Json* find_condition_json(const Json& object, std::string_view type) {
  for (const Json& condition : list_at(object, {"status", "conditions"})) {
    if (codec::string_or(condition, "type", "") == type) return &condition;
  }
  return nullptr;
}

}  // namespace rage::op::detail
