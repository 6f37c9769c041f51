// Base64 (RFC 4648, section 4), as kubeconfig files embed PEM.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace rage::kube::detail {

// White space is skipped; none on anything else that is not base64.
std::optional<std::string> base64_decode(std::string_view text);
std::string base64_encode(std::string_view bytes);

}  // namespace rage::kube::detail
