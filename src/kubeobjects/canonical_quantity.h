// A quantity as an API server keeps it. Source: Kubernetes, "Quantity" (canonical form).
#pragma once

#include <string>
#include <string_view>

namespace rage::kubeobjects {

// Pure. "1024Mi" -> "1Gi", "0.5" -> "500m", "1000m" -> "1", "10000" -> "10k". As it is: no
// quantity, an exponent ("1e3"), "+1" and "1.", what exceeds 63 bits, has more than 18 digits, or
// is finer than a billionth.
std::string canonical_quantity(std::string_view text);

}  // namespace rage::kubeobjects
