#include "net/bearer.h"

#include <gtest/gtest.h>

namespace rage::net {
namespace {

// Who writes the scheme as another client does must not be locked out, and no other be let in.
TEST(Bearer, TheSchemesCaseAndWhiteSpaceDoNotMatter) {
  EXPECT_EQ(bearer_token("Bearer abc"), "abc");
  EXPECT_EQ(bearer_token("bEARER   abc \t"), "abc");
  EXPECT_EQ(bearer_token("Bearer  "), "");
  for (const char* const other : {"", "Bearer", "Bearer ", "Basic abc", "Bearerabc", "abc"}) {
    EXPECT_EQ(bearer_token(other), std::nullopt) << other;
  }
}

}  // namespace
}  // namespace rage::net
