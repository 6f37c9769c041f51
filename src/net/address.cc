#include "net/address.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>

#include <cstring>
#include <string>

#include "base/strings.h"

namespace rage::net {

std::optional<Address> Address::of(std::string_view ip, std::uint16_t port) {
  Address address{.port = port, .v6 = ip.find(':') != ip.npos};
  const std::string text(ip);
  const int family = address.v6 ? AF_INET6 : AF_INET;
  if (::inet_pton(family, text.c_str(), address.ip.data()) != 1) return std::nullopt;
  return address;
}

std::optional<Address> Address::parse(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == text.npos) return std::nullopt;
  const auto port = parse_uint(text.substr(colon + 1));
  if (!port || *port == 0 || *port > 65535) return std::nullopt;
  std::string_view ip = text.substr(0, colon);
  const bool bracketed = ip.size() > 2 && ip.front() == '[' && ip.back() == ']';
  if (bracketed) ip = ip.substr(1, ip.size() - 2);
  if (bracketed != (ip.find(':') != ip.npos)) return std::nullopt;
  return of(ip, static_cast<std::uint16_t>(*port));
}

std::string Address::ip_text() const {
  char text[INET6_ADDRSTRLEN] = "";
  ::inet_ntop(v6 ? AF_INET6 : AF_INET, ip.data(), text, sizeof(text));
  return text;
}

std::string Address::text() const {
  return v6 ? fmt::format("[{}]:{}", ip_text(), port) : fmt::format("{}:{}", ip_text(), port);
}

socklen_t Address::fill(sockaddr_storage& storage) const {
  storage = {};
  if (v6) {
    sockaddr_in6 address{.sin6_family = AF_INET6, .sin6_port = htons(port)};
    std::memcpy(&address.sin6_addr, ip.data(), 16);
    std::memcpy(&storage, &address, sizeof(address));
    return sizeof(address);
  }
  sockaddr_in address{.sin_family = AF_INET, .sin_port = htons(port)};
  std::memcpy(&address.sin_addr, ip.data(), 4);
  std::memcpy(&storage, &address, sizeof(address));
  return sizeof(address);
}

Address Address::from(const sockaddr_storage& storage) {
  Address address{.v6 = storage.ss_family == AF_INET6};
  if (address.v6) {
    sockaddr_in6 six{};
    std::memcpy(&six, &storage, sizeof(six));
    std::memcpy(address.ip.data(), &six.sin6_addr, 16);
    address.port = ntohs(six.sin6_port);
  } else {
    sockaddr_in four{};
    std::memcpy(&four, &storage, sizeof(four));
    std::memcpy(address.ip.data(), &four.sin_addr, 4);
    address.port = ntohs(four.sin_port);
  }
  return address;
}

}  // namespace rage::net

std::size_t std::hash<rage::net::Address>::operator()(
    const rage::net::Address& address) const noexcept {
  const std::string_view bytes(reinterpret_cast<const char*>(address.ip.data()),
                               address.v6 ? 16 : 4);
  return std::hash<std::string_view>()(bytes) * 31 + address.port;
}
