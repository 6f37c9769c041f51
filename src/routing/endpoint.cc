#include "routing/endpoint.h"

#include <fmt/format.h>

namespace rage::routing {

std::string Endpoint::name() const {
  return fmt::format("{}-rank-{}", pod, rank);
}

std::string Endpoint::authority() const {
  const bool ipv6 = address.find(':') != std::string::npos;
  return ipv6 ? fmt::format("[{}]:{}", address, port) : fmt::format("{}:{}", address, port);
}

}  // namespace rage::routing
