#include "net/addresses.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>

namespace rage::net {
namespace {

bool is_local_v4(std::uint32_t address) {
  constexpr std::uint32_t kAlibabaMetadata = 0x646464c8;  // 100.100.100.200
  return address >> 24U == 127 || address >> 24U == 0 || address >> 16U == 0xa9fe ||
         address >> 28U >= 14 || address == kAlibabaMetadata;
}

bool is_local_v6(const in6_addr& address) {
  // fd00:ec2::254
  constexpr std::array<std::uint8_t, 16> kAwsMetadata = {0xfd, 0, 0x0e, 0xc2, 0, 0, 0,    0,
                                                         0,    0, 0,    0,    0, 0, 0x02, 0x54};
  if (IN6_IS_ADDR_V4MAPPED(&address) || IN6_IS_ADDR_V4COMPAT(&address)) {
    std::uint32_t v4 = 0;
    std::memcpy(&v4, &address.s6_addr[12], sizeof(v4));
    return is_local_v4(ntohl(v4));
  }
  return IN6_IS_ADDR_LOOPBACK(&address) || IN6_IS_ADDR_UNSPECIFIED(&address) ||
         IN6_IS_ADDR_LINKLOCAL(&address) || IN6_IS_ADDR_MULTICAST(&address) ||
         std::memcmp(address.s6_addr, kAwsMetadata.data(), kAwsMetadata.size()) == 0;
}

struct AddressesDeleter {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};

}  // namespace

bool is_local_address(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    return is_local_v4(ntohl(reinterpret_cast<const sockaddr_in&>(address).sin_addr.s_addr));
  }
  if (address.sa_family == AF_INET6) {
    return is_local_v6(reinterpret_cast<const sockaddr_in6&>(address).sin6_addr);
  }
  return true;  // A socket file and the like.
}

Result<std::vector<std::string>> resolve_not_local(const std::string& host) {
  std::string name = host;
  if (name.starts_with('[') && name.ends_with(']')) name = name.substr(1, name.size() - 2);
  const addrinfo hints{.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
  addrinfo* list = nullptr;
  if (const int code = getaddrinfo(name.c_str(), nullptr, &hints, &list); code != 0) {
    return fail(ErrorCode::kUnavailable, "cannot find host '{}': {}", name, gai_strerror(code));
  }
  const std::unique_ptr<addrinfo, AddressesDeleter> owned(list);
  std::vector<std::string> texts;
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    if (is_local_address(*entry->ai_addr)) {
      return fail(ErrorCode::kPermissionDenied,
                  "host '{}' has an address that is local to this host or its network", name);
    }
    std::array<char, NI_MAXHOST> text{};
    if (getnameinfo(entry->ai_addr, entry->ai_addrlen, text.data(), text.size(), nullptr, 0,
                    NI_NUMERICHOST) == 0) {
      texts.emplace_back(text.data());
    }
  }
  return texts;
}

}  // namespace rage::net
