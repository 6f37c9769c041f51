// What an installation of the operator is recognised by.
#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "inspect/world.h"

namespace rage::inspect::detail {

inline constexpr std::string_view kOperatorLease = "ef60f9b0.io";
inline constexpr std::string_view kGroup = "kaito.sh";

// Services that the API server is told to ask about our kinds: of a ValidatingWebhookConfiguration,
// or of a CustomResourceDefinition's conversion.
std::vector<Reference> webhook_services(const Json& configuration);

// Pods that run `rage operator`, wherever they are.
std::vector<const Json*> operator_pods(const World& world);

}  // namespace rage::inspect::detail
