#include "routing/subset.h"

#include <arpa/inet.h>

#include <algorithm>
#include <string>

#include "base/strings.h"

namespace rage::routing {
namespace {

std::optional<std::uint16_t> parse_port(std::string_view text) {
  const std::optional<std::uint64_t> port = parse_uint(text);
  if (!port || *port == 0 || *port > 65'535) return std::nullopt;
  return static_cast<std::uint16_t>(*port);
}

}  // namespace

std::optional<IpAddress> parse_ip_address(std::string_view text) {
  constexpr std::size_t kTextMax = 45;  // INET6_ADDRSTRLEN less its zero.
  if (text.empty() || text.size() > kTextMax) return std::nullopt;
  const std::string copy(text);
  if (copy.find('\0') != std::string::npos) return std::nullopt;
  IpAddress out{};
  if (inet_pton(AF_INET6, copy.c_str(), out.data()) == 1) return out;
  out = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  if (inet_pton(AF_INET, copy.c_str(), out.data() + 12) == 1) return out;
  return std::nullopt;
}

std::optional<AddressPort> parse_address_port(std::string_view text) {
  text = trim(text);
  std::string_view host = text;
  std::string_view port;
  bool has_port = false;
  if (text.starts_with('[')) {
    const std::size_t bracket = text.find(']');
    if (bracket == std::string_view::npos) return std::nullopt;
    host = text.substr(1, bracket - 1);
    const std::string_view rest = text.substr(bracket + 1);
    if (host.find(':') == std::string_view::npos) return std::nullopt;
    if (!rest.empty() && rest.front() != ':') return std::nullopt;
    has_port = !rest.empty();
    if (has_port) port = rest.substr(1);
  } else if (std::count(text.begin(), text.end(), ':') == 1) {
    const std::size_t colon = text.find(':');
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
    has_port = true;
  }
  const std::optional<IpAddress> address = parse_ip_address(host);
  if (!address) return std::nullopt;
  if (!has_port) return AddressPort{.address = *address};
  const std::optional<std::uint16_t> number = parse_port(port);
  if (!number) return std::nullopt;
  return AddressPort{.address = *address, .port = *number};
}

EndpointSubset::EndpointSubset(std::span<const std::string_view> texts) {
  for (const std::string_view text : texts) add(text);
  std::sort(entries_.begin(), entries_.end());
  entries_.erase(std::unique(entries_.begin(), entries_.end()), entries_.end());
}

EndpointSubset::EndpointSubset(std::string_view text)
    : EndpointSubset(std::span<const std::string_view>(&text, 1)) {}

void EndpointSubset::add(std::string_view text) {
  for (const std::string_view part : split(text, ',')) {
    if (trim(part).empty()) continue;
    const std::optional<AddressPort> entry = parse_address_port(part);
    if (entry && entries_.size() < kEntriesMax) {
      entries_.push_back(*entry);
    } else {
      ++left_out_;
    }
  }
}

bool EndpointSubset::contains(const Endpoint& endpoint) const {
  const std::optional<IpAddress> address = parse_ip_address(endpoint.address);
  if (!address) return false;
  const auto has = [&](std::uint16_t port) {
    return std::binary_search(entries_.begin(), entries_.end(),
                              AddressPort{.address = *address, .port = port});
  };
  return has(endpoint.port) || has(0);
}

std::vector<std::size_t> select(std::span<const Endpoint> endpoints, const EndpointSubset& subset) {
  std::vector<std::size_t> chosen;
  for (std::size_t i = 0; i < endpoints.size(); ++i) {
    if (subset.contains(endpoints[i])) chosen.push_back(i);
  }
  return chosen;
}

}  // namespace rage::routing
