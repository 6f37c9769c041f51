#include "net/addresses.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

namespace rage::net {
namespace {

bool is_local(const char* text) {
  sockaddr_in v4{.sin_family = AF_INET};
  if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
    return is_local_address(reinterpret_cast<const sockaddr&>(v4));
  }
  sockaddr_in6 v6{.sin6_family = AF_INET6};
  EXPECT_EQ(inet_pton(AF_INET6, text, &v6.sin6_addr), 1) << text;
  return is_local_address(reinterpret_cast<const sockaddr&>(v6));
}

// A metadata service hands out the node's credentials to whoever can make us ask for them.
TEST(Addresses, KnowsThisHostAndMetadataServices) {
  for (const char* text : {"127.0.0.1", "127.9.9.9", "0.0.0.0", "169.254.169.254", "224.0.0.1",
                           "255.255.255.255", "100.100.100.200", "::1", "::", "fe80::1", "ff02::1",
                           "::ffff:127.0.0.1", "::ffff:169.254.169.254", "fd00:ec2::254"}) {
    EXPECT_TRUE(is_local(text)) << text;
  }
  for (const char* text : {"10.0.0.1", "192.168.1.1", "172.16.0.1", "93.184.216.34", "fd00::1",
                           "2606:2800:220:1::1", "::ffff:10.0.0.1", "100.100.100.201"}) {
    EXPECT_FALSE(is_local(text)) << text;
  }
}

TEST(Addresses, ResolvesWhatIsWrittenAsAnAddress) {
  EXPECT_EQ(resolve_not_local("10.1.2.3").value(), std::vector<std::string>{"10.1.2.3"});
  EXPECT_EQ(resolve_not_local("[fd00::1]").value(), std::vector<std::string>{"fd00::1"});
  EXPECT_EQ(resolve_not_local("127.0.0.1").error().code, ErrorCode::kPermissionDenied);
  EXPECT_EQ(resolve_not_local("2130706433").error().code, ErrorCode::kPermissionDenied);
  EXPECT_EQ(resolve_not_local("").error().code, ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace rage::net
