// Base64 as kubeconfig files embed PEM: base/base64.h, but padding may be missing.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace rage::kube::detail {

// White space is skipped; none on anything else that is not base64.
std::optional<std::string> base64_decode(std::string_view text);

}  // namespace rage::kube::detail
