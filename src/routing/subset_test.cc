#include "routing/subset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rage::routing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Endpoint at(std::string address, std::uint16_t port) {
  Endpoint endpoint;
  endpoint.address = std::move(address);
  endpoint.port = port;
  return endpoint;
}

const std::vector<Endpoint> kSubsetPool = {at("10.0.0.1", 8000), at("10.0.0.1", 8002),
                                           at("10.0.0.2", 8000), at("fd00::1", 8000),
                                           at("not-an-address", 8000)};

TEST(EndpointSubset, ReadsListsAndTexts) {
  const struct {
    std::vector<std::string_view> texts;
    std::vector<std::size_t> chosen;
  } kCases[] = {
      {{"10.0.0.1:8000"}, {0}},
      {{"10.0.0.1:8002", "10.0.0.2:8000"}, {1, 2}},
      {{"10.0.0.1:8002,10.0.0.2:8000"}, {1, 2}},
      {{" 10.0.0.1:8002 , ,10.0.0.2:8000,", "[fd00::1]:8000"}, {1, 2, 3}},
      {{"10.0.0.1"}, {0, 1}},  // All ports.
      {{"10.0.0.1:9000"}, {}},
      {{"[fd00:0:0::0001]:8000"}, {3}},  // Another way to write it.
      {{"fd00::1"}, {3}},
      {{"[fd00::1]"}, {3}},
      {{"[fd00::1]:8001"}, {}},
      {{"[::ffff:10.0.0.2]:8000"}, {2}},
      {{""}, {}},
      {{}, {}},
      {{"not-an-address:8000", "10.0.0.2:8000"}, {2}},
  };
  for (const auto& test : kCases) {
    EXPECT_EQ(select(kSubsetPool, EndpointSubset(test.texts)), test.chosen)
        << (test.texts.empty() ? "" : test.texts.front());
  }
}

// What cannot be read must not become "all": a client could then leave its tenant's subset.
TEST(EndpointSubset, WhatIsNoAddressMatchesNothing) {
  for (const std::string_view text :
       {"10.0.0.1:", "10.0.0.1:0", "10.0.0.1:65536", "10.0.0.1:80x", "10.0.0.1:+80", "10.0.0",
        "10.0.0.01:8000", "[10.0.0.1]:8000", "[fd00::1", "[fd00::1]8000", "fd00::1]:8000",
        "[fd00::1%eth0]:8000", "http://10.0.0.1:8000", "*", ":8000", "[]:8000"}) {
    EXPECT_FALSE(parse_address_port(text)) << text;
    const EndpointSubset subset(text);
    EXPECT_TRUE(subset.empty()) << text;
    EXPECT_EQ(subset.left_out(), 1U) << text;
  }
  EXPECT_FALSE(parse_address_port(std::string_view("10.0.0.1\0:80", 12)));
}

TEST(EndpointSubset, IsBounded) {
  std::string text;
  for (std::size_t i = 0; i < EndpointSubset::kEntriesMax + 5; ++i) {
    text += "10." + std::to_string(i >> 8 & 255) + "." + std::to_string(i & 255) + "." +
            std::to_string(i >> 16) + ",";
  }
  const EndpointSubset subset{std::string_view(text)};
  EXPECT_EQ(subset.size(), EndpointSubset::kEntriesMax);
  EXPECT_EQ(subset.left_out(), 5U);
  EXPECT_EQ(EndpointSubset("10.0.0.1:80,10.0.0.1:80").size(), 1U);
}

}  // namespace
}  // namespace rage::routing
