// References of a pod to ConfigMaps and Secrets.
#pragma once

#include "codec/json.h"

namespace rage::node::detail {

inline bool is_optional(const codec::Json& reference) {
  const codec::Json* optional = codec::find_key(reference, "optional");
  return optional != nullptr && *optional == true;
}

}  // namespace rage::node::detail
