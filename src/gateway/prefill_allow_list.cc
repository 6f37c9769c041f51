#include "gateway/prefill_allow_list.h"

#include <algorithm>

#include "base/strings.h"

namespace rage::gateway {
namespace {

constexpr std::uint32_t kMappedBits = 96;  // In front of an IPv4 address.

bool same_head(const routing::IpAddress& a, const routing::IpAddress& b, std::uint32_t bits) {
  const std::uint32_t whole = bits / 8;
  if (!std::equal(a.begin(), a.begin() + whole, b.begin())) return false;
  const std::uint32_t rest = bits % 8;
  return rest == 0 || (a[whole] >> (8 - rest)) == (b[whole] >> (8 - rest));
}

}  // namespace

Result<PrefillAllowList::Network> PrefillAllowList::parse_network(std::string_view text) {
  const auto bad = [&] {
    return fail(ErrorCode::kInvalidArgument,
                "\"{}\" is no address such as 10.0.0.7:8000, 10.0.0.7 or 10.0.0.0/8", text);
  };
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) {
    const auto target = routing::parse_address_port(text);
    if (!target) return bad();
    return Network{.address = target->address, .port = target->port};
  }
  const std::string_view ip = text.substr(0, slash);
  const auto address = routing::parse_ip_address(ip);
  const auto bits = parse_uint(text.substr(slash + 1));
  const bool v4 = ip.find(':') == std::string_view::npos;
  if (!address || !bits || *bits > (v4 ? 32 : 128)) return bad();
  const auto length = static_cast<std::uint32_t>(*bits);
  return Network{.address = *address, .bits = v4 ? kMappedBits + length : length};
}

Result<PrefillAllowList> PrefillAllowList::parse(const std::vector<std::string>& entries) {
  PrefillAllowList list;
  for (const std::string& entry : entries) {
    ASSIGN_OR_RETURN(const Network network, parse_network(trim(entry)));
    list.networks_.push_back(network);
  }
  return list;
}

void PrefillAllowList::add(const routing::IpAddress& address) {
  networks_.push_back({.address = address});
}

bool PrefillAllowList::allows(const routing::AddressPort& target) const {
  return std::ranges::any_of(networks_, [&](const Network& network) {
    return (network.port == 0 || network.port == target.port) &&
           same_head(network.address, target.address, network.bits);
  });
}

}  // namespace rage::gateway
