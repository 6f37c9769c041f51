#include "routing/endpoint.h"

#include <gtest/gtest.h>

namespace rage::routing {
namespace {

// An IPv6 address without brackets would be read as a host with a strange port by every proxy.
TEST(Endpoint, AuthorityBracketsIpv6) {
  EXPECT_EQ((Endpoint{.pod = "a", .address = "::1", .port = 8000}).authority(), "[::1]:8000");
  EXPECT_EQ((Endpoint{.pod = "a", .address = "10.0.0.1", .port = 80}).authority(), "10.0.0.1:80");
}

TEST(Endpoint, NameHasTheRank) {
  EXPECT_EQ((Endpoint{.pod = "llama-0", .rank = 3}).name(), "llama-0-rank-3");
}

}  // namespace
}  // namespace rage::routing
