// Equality of JSON values as JSON means it: the order of keys does not matter.
#pragma once

#include "codec/json.h"

namespace rage::apis::detail {

bool equal(const codec::Json& a, const codec::Json& b);

}  // namespace rage::apis::detail
