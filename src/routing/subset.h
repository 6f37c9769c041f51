// Endpoints as proxies and test clients name them: `ip:port`, `[ipv6]:port`, or an address alone,
// which means all its ports (GIE's endpoint picker protocol).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "routing/endpoint.h"

namespace rage::routing {

// Value. An IPv4 or IPv6 address; IPv4 is kept as IPv4-mapped IPv6, so that all ways to write an
// address are equal.
using IpAddress = std::array<unsigned char, 16>;
std::optional<IpAddress> parse_ip_address(std::string_view text);  // Without brackets.

struct AddressPort {
  IpAddress address = {};
  std::uint16_t port = 0;  // 0: any.
  auto operator<=>(const AddressPort&) const = default;
};

// "10.0.0.1:8000", "10.0.0.1", "[::1]:8000", "[::1]", "::1". None on anything else, names and zones
// among it.
std::optional<AddressPort> parse_address_port(std::string_view text);

// Value, immutable. Entries that are no addresses are left out: they match nothing.
class EndpointSubset final {
 public:
  static constexpr std::size_t kEntriesMax = 16'384;  // Further ones are left out.

  EndpointSubset() = default;
  // Each text is an entry or a comma-separated list of them: proxies send both.
  explicit EndpointSubset(std::span<const std::string_view> texts);
  explicit EndpointSubset(std::string_view text);

  bool contains(const Endpoint& endpoint) const;
  bool empty() const { return entries_.empty(); }
  std::size_t size() const { return entries_.size(); }
  std::size_t left_out() const { return left_out_; }  // Blank entries do not count.

 private:
  void add(std::string_view text);

  std::vector<AddressPort> entries_;  // Sorted, each once.
  std::size_t left_out_ = 0;
};

// Indexes of those of `endpoints` that are in the subset, in their order.
std::vector<std::size_t> select(std::span<const Endpoint> endpoints, const EndpointSubset& subset);

}  // namespace rage::routing
