// Base64 with padding (RFC 4648, section 4).
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace rage {

std::string encode_base64(std::string_view bytes);
// White space is skipped, as in Kubernetes' Secrets. kDataLoss: it is no base64.
Result<std::string> decode_base64(std::string_view text);

}  // namespace rage
