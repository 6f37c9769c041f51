#include "text/unicode.h"

#include <gtest/gtest.h>

#include <string>

namespace rage::text {
namespace {

TEST(Unicode, EveryScalarValueSurvivesARoundTrip) {
  for (char32_t c = 0; c <= 0x10FFFF; c += c < 0x3000 ? 1 : 7) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    std::string encoded;
    append_utf8(encoded, c);
    std::size_t at = 0;
    ASSERT_EQ(next_code_point(encoded, at), c);
    ASSERT_EQ(at, encoded.size());
    ASSERT_TRUE(is_valid_utf8(encoded));
  }
}

// Browsers and ICU count replacements this way; offsets sent to a client would differ otherwise.
TEST(Unicode, ReplacesEachMaximalSubpartOnce) {
  const std::string r = "\xEF\xBF\xBD";
  struct Case {
    std::string bytes;
    std::string expected;
  };
  const Case cases[] = {
      {"a\xFFz", "a" + r + "z"},
      {"\xC0\x80", r + r},                  // An overlong NUL.
      {"\xE0\x80\x80", r + r + r},          // Overlong.
      {"\xED\xA0\x80", r + r + r},          // A surrogate.
      {"\xF4\x90\x80\x80", r + r + r + r},  // Above U+10FFFF.
      {"\xF0\x9F\x98", r},                  // Cut short: one maximal subpart.
      {"\xF0\x9F\x98z", r + "z"},
      {"\xE2\x82\xE2\x82\xAC", r + "\xE2\x82\xAC"},
      {"\x80\xBF", r + r},
      {"12345678\xC3", "12345678" + r},
      // Unicode 15, table 3-11.
      {"\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41", r + r + r + r + "A"},
  };
  for (const Case& c : cases) {
    EXPECT_FALSE(is_valid_utf8(c.bytes));
    EXPECT_EQ(to_valid_utf8(c.bytes), c.expected);
    EXPECT_TRUE(is_valid_utf8(c.expected));
    EXPECT_EQ(count_code_points(c.bytes), count_code_points(c.expected));
  }
}

TEST(Unicode, LeavesValidTextAlone) {
  const std::string text = "plain ASCII text, żółw, 東京, 👩‍🚀, \xEF\xBF\xBD";
  EXPECT_TRUE(is_valid_utf8(text));
  EXPECT_EQ(to_valid_utf8(text), text);
  EXPECT_EQ(to_valid_utf8(""), "");
}

TEST(Unicode, TakesWholeCodePoints) {
  EXPECT_EQ(take_code_points("añ東👩x", 0), "");
  EXPECT_EQ(take_code_points("añ東👩x", 2), "añ");
  EXPECT_EQ(take_code_points("añ東👩x", 4), "añ東👩");
  EXPECT_EQ(take_code_points("añ東👩x", 5), "añ東👩x");
  EXPECT_EQ(take_code_points("añ東👩x", 500), "añ東👩x");
  EXPECT_EQ(count_code_points("añ東👩x"), 5U);
}

TEST(Unicode, AppendsAReplacementForWhatIsNoScalarValue) {
  std::string out;
  append_utf8(out, 0xD800);
  append_utf8(out, 0x110000);
  EXPECT_EQ(out, "\xEF\xBF\xBD\xEF\xBF\xBD");
}

}  // namespace
}  // namespace rage::text
