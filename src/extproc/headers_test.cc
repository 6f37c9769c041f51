#include "extproc/headers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rage::extproc {
namespace {

TEST(Headers, NamesAndValuesThatAProxyWouldRefuse) {
  for (const char* name : {"", "a b", "a:", "ä", "a\r", ":path"})
    EXPECT_FALSE(is_header_name(name));
  for (const char* name : {"a", "x-llm-d", "session_id", "X"}) EXPECT_TRUE(is_header_name(name));
  for (const char* value : {"a\r\nb", "\n", "\x7F"}) EXPECT_FALSE(is_header_value(value));
  EXPECT_FALSE(is_header_value(std::string_view("\0", 1)));
  EXPECT_FALSE(is_header_value(std::string(kHeaderValueBytesMax + 1, 'a')));
  for (const char* value : {"", "a b", "ä", "a\tb"}) EXPECT_TRUE(is_header_value(value));
}

TEST(Headers, WhatIsReplacedIsNotRemoved) {
  const net::Headers sent{{"x-gateway-destination-endpoint", "a"}, {"X-Prefiller-Host-Port", "b"}};
  EXPECT_THAT(headers_to_remove(sent, {}),
              testing::ElementsAre("x-gateway-destination-endpoint", "x-prefiller-host-port"));
  EXPECT_THAT(headers_to_remove(sent, {{"x-gateway-destination-endpoint", "1.2.3.4:5"}}),
              testing::ElementsAre("x-prefiller-host-port"));
}

// A picker that read them would believe the client.
TEST(Headers, APickerSeesNeitherPseudoHeadersNorGatewaysOwn) {
  const net::Headers kept = client_headers(
      {{":path", "/"}, {"x-data-parallel-host-port", "a"}, {"accept", "b"}, {"accept", "c"}});
  EXPECT_THAT(kept.entries(),
              testing::ElementsAre(testing::Pair("accept", "b"), testing::Pair("accept", "c")));
}

}  // namespace
}  // namespace rage::extproc
