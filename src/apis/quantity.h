// resource.Quantity as a number. Source: Kubernetes, "Quantity".
#pragma once

#include <optional>
#include <string_view>

#include "codec/json.h"

namespace rage::apis {

// "250m" -> 0.25, "1Gi" -> 2^30, 2 -> 2, "1e3" -> 1000. None: it is no quantity.
std::optional<double> parse_quantity(std::string_view text);
std::optional<double> quantity_of(const codec::Json& value);

}  // namespace rage::apis
