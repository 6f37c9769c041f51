// What a plain YAML scalar means.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "codec/json.h"

namespace rage::codec::detail {

// Null, a boolean, a number or the text itself; none for NaN and infinity.
std::optional<Json> resolve_plain_scalar(const std::string& text);

}  // namespace rage::codec::detail
