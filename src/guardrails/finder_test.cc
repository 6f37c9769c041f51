#include "guardrails/finder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <re2/re2.h>

#include "guardrails/window.h"

namespace rage::guardrails {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::string found_in(const Finder& finder, std::string_view text) {
  std::string shown;
  Window window(finder);
  std::vector<Piece> pieces = window.feed(text);
  for (const Piece& piece : window.finish()) pieces.push_back(piece);
  for (const Piece& piece : pieces) shown += piece.found ? "<" + piece.text + ">" : piece.text;
  return shown;
}

// Before the leftmost match of the open pattern everything is decided: a beginning of a match that
// it misses would be shown, and the secret with it.
TEST(OpenPattern, MatchesEveryBeginningOfAMatch) {
  const std::pair<const char*, const char*> cases[] = {
      {"abc", "abc"},
      {"a+b*c?", "aabbc"},
      {"(?i)sk-[a-z0-9]{4,}", "SK-abcdef"},
      {R"(\bgh[pousr]_\w{3}\b)", "ghp_abc"},
      {"(?:ab|cd)+x", "abcdabx"},
      {"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----", "-----BEGIN RSA 2 PRIVATE KEY-----"},
      {"(a(b(c)?)?){2,3}d", "ababcad"},
      {"[]x]{2}[^]]", "]xz"},
      {R"([[:alpha:]]+\x41\x{42}\pN)", "abAB7"},
      {"é{2}|x", "éé"},
  };
  for (const auto& [pattern, text] : cases) {
    const auto open = open_pattern(pattern);
    ASSERT_TRUE(open) << pattern;
    const re2::RE2 compiled(*open, re2::RE2::Quiet);
    ASSERT_TRUE(compiled.ok()) << *open;
    const std::string whole = text;
    ASSERT_TRUE(re2::RE2::FullMatch(whole, re2::RE2(pattern))) << pattern;
    for (std::size_t length = 0; length < whole.size(); ++length) {
      if (length > 0 && (whole[length] & 0xC0) == 0x80) continue;
      EXPECT_TRUE(re2::RE2::FullMatch(whole.substr(0, length), compiled))
          << pattern << ": " << whole.substr(0, length);
    }
    const re2::RE2 word("\\z");
    EXPECT_FALSE(re2::RE2::FullMatch("#", compiled)) << pattern;
  }
}

TEST(OpenPattern, IsNoneForWhatItDoesNotKnow) {
  for (const char* pattern : {R"(\Qa.b\E)", R"(\C)", "a(?i)b", R"(\101)"}) {
    ASSERT_TRUE(re2::RE2(pattern, re2::RE2::Quiet).ok()) << pattern;
    EXPECT_FALSE(open_pattern(pattern)) << pattern;
  }
}

TEST(Finder, FindsEveryHitOfEveryPattern) {
  const auto finder = Finder::create({{.pattern = "b+"}, {.pattern = "abc"}, {.pattern = "x"}});
  ASSERT_TRUE(finder);
  EXPECT_TRUE(finder->streams());
  EXPECT_EQ(found_in(*finder, "abbc abc x b"), "a<bb>c <abc> <x> <b>");
}

// A look at each piece alone would find nothing in "pass" and "word".
TEST(Finder, DecidesNothingThatMoreTextCouldChange) {
  const auto finder = Finder::create({{.pattern = "password[0-9]*"}, {.pattern = R"(\bend\b)"}});
  ASSERT_TRUE(finder);
  EXPECT_EQ(finder->scan("my pass", 0, Ending::kMore).decided, 3U);
  EXPECT_EQ(finder->scan("my password1", 0, Ending::kMore).decided, 3U);
  EXPECT_EQ(finder->scan("my password1.", 0, Ending::kMore).decided, 13U);
  EXPECT_EQ(finder->scan("the end", 0, Ending::kMore).decided, 4U);
  EXPECT_THAT(finder->scan("the end", 0, Ending::kEnd).findings,
              ElementsAre(Finding{.begin = 4, .end = 7}));
  EXPECT_THAT(finder->scan("bend.", 0, Ending::kMore).findings, IsEmpty());
}

TEST(Finder, RefusesWhatRe2DoesNotTake) {
  EXPECT_FALSE(Finder::create({{.pattern = "(?=a)"}}));
  EXPECT_FALSE(Finder::create({{.pattern = "("}}));
  EXPECT_FALSE(Finder::create({{.pattern = "a*"}}));
  EXPECT_FALSE(Finder::create({{.pattern = std::string(kPatternBytesMax + 1, 'a')}}));
}

TEST(Finder, WhatItCannotFollowIsFoundAtTheEnd) {
  const auto finder = Finder::create({{.pattern = R"(\Qa.b\E)"}});
  ASSERT_TRUE(finder);
  EXPECT_FALSE(finder->streams());
  EXPECT_EQ(found_in(*finder, "a.b axb"), "<a.b> axb");
}

TEST(MergeOverlapping, GivesTheLongestsKind) {
  EXPECT_THAT(merge_overlapping({{0, 3, 1}, {2, 9, 2}, {9, 10, 3}}),
              ElementsAre(Finding{0, 9, 2}, Finding{9, 10, 3}));
}

}  // namespace
}  // namespace rage::guardrails
