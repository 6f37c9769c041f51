// Which prefill servers a sidecar may be told to ask. Whoever can send it a header would otherwise
// make it talk to anything (server-side request forgery).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "routing/subset.h"

namespace rage::gateway {

// Value. Empty: nobody is allowed.
class PrefillAllowList final {
 public:
  // "10.0.0.7:8000", "10.0.0.7", "10.0.0.0/8", "[fd00::1]:8000", "fd00::/8". kInvalidArgument.
  static Result<PrefillAllowList> parse(const std::vector<std::string>& entries);

  // All ports of an address.
  void add(const routing::IpAddress& address);
  bool allows(const routing::AddressPort& target) const;

 private:
  struct Network {
    routing::IpAddress address = {};
    std::uint32_t bits = 128;  // Of the IPv4-mapped form.
    std::uint16_t port = 0;    // 0: any.
  };
  static Result<Network> parse_network(std::string_view text);
  std::vector<Network> networks_;
};

}  // namespace rage::gateway
