// An IP address and a port: where a connection goes.
#pragma once

#include <sys/socket.h>

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace rage::net {

// Value.
struct Address {
  std::array<std::uint8_t, 16> ip{};  // IPv4 in the first four bytes.
  std::uint16_t port = 0;
  bool v6 = false;
  auto operator<=>(const Address&) const = default;

  // "10.0.0.1:8000" or "[::1]:8000"; literals only.
  static std::optional<Address> parse(std::string_view text);
  static std::optional<Address> of(std::string_view ip, std::uint16_t port);
  std::string text() const;
  std::string ip_text() const;  // Without brackets.
  // How much of `storage` it takes.
  socklen_t fill(sockaddr_storage& storage) const;
  static Address from(const sockaddr_storage& storage);
};

}  // namespace rage::net

template <>
struct std::hash<rage::net::Address> {
  std::size_t operator()(const rage::net::Address& address) const noexcept;
};
