#include "net/retry_after.h"

#include "base/strings.h"

namespace rage::net {

std::optional<std::chrono::milliseconds> retry_after(const Headers& headers,
                                                     std::uint64_t seconds_max) {
  const auto seconds = parse_uint(trim(headers.find("retry-after")));
  if (!seconds || *seconds > seconds_max) return std::nullopt;
  return std::chrono::seconds(*seconds);
}

}  // namespace rage::net
