#include "net/bearer.h"

#include "base/strings.h"

namespace rage::net {

std::optional<std::string_view> bearer_token(std::string_view authorization) {
  constexpr std::string_view kScheme = "bearer ";
  if (authorization.size() <= kScheme.size() ||
      !equals_ignoring_case(authorization.substr(0, kScheme.size()), kScheme)) {
    return std::nullopt;
  }
  return trim(authorization.substr(kScheme.size()));
}

}  // namespace rage::net
