#include "cli/globs.h"

#include <gtest/gtest.h>

namespace rage::cli {
namespace {

struct GlobCase {
  const char* pattern;
  const char* path;
  bool matches;
};

// A pattern that chooses other files than its author meant indexes what should stay private.
TEST(Globs, MatchAsInGitignore) {
  const GlobCase cases[] = {
      {"*.md", "README.md", true},
      {"*.md", "docs/a/README.md", true},  // No '/': at any depth.
      {"*.md", "README.mdx", false},
      {"/*.md", "README.md", true},
      {"/*.md", "docs/README.md", false},
      {"docs/*.md", "docs/a.md", true},
      {"docs/*.md", "docs/b/a.md", false},
      {"docs/*.md", "x/docs/a.md", false},
      {"docs/**/*.md", "docs/a.md", true},
      {"docs/**/*.md", "docs/b/c/a.md", true},
      {"**/guide/*.md", "a/b/guide/x.md", true},
      {"**", "anything/at/all", true},
      {"docs", "docs/b/a.md", true},  // A folder: all below it.
      {"docs/", "docs/a.md", true},
      {"docs/internal", "docs/internal/x/y.md", true},
      {"docs/internal", "docs/internals", false},
      {"doc?.txt", "docs.txt", true},
      {"doc?.txt", "doc/.txt", false},
      {"[a-c]*.md", "b.md", true},
      {"[!a-c]*.md", "b.md", false},
      {"[^a-c]*.md", "d.md", true},
      {"[]]x", "]x", true},
      {"[a-", "[a-", true},
      {"a[b", "a[b", true},
      {"\\*.md", "*.md", true},
      {"\\*.md", "x.md", false},
      {"a*b*c", "aXbXbXc", true},
      {"a*b*c", "aXbXcX", false},
      {"*", "", false},
      {"", "a", false},
      {"/", "a", false},
      {"ü*.md", "über.md", true},
      {"README.md", "readme.md", false},
  };
  for (const GlobCase& each : cases) {
    EXPECT_EQ(matches_glob(each.pattern, each.path), each.matches)
        << each.pattern << " and " << each.path;
  }
  EXPECT_TRUE(matches_any({"*.txt", "*.md"}, "a.md"));
  EXPECT_FALSE(matches_any({}, "a.md"));
}

// A pattern of somebody's choice must not keep a run busy for ever.
TEST(Globs, StayWithinTheProductOfTheLengths) {
  std::string pattern;
  for (int i = 0; i < 300; ++i) pattern += "*a";
  EXPECT_FALSE(matches_glob(pattern + "b", std::string(2000, 'a')));
  pattern.clear();
  std::string path;
  for (int i = 0; i < 200; ++i) pattern += "**/a/";
  for (int i = 0; i < 500; ++i) path += "a/";
  EXPECT_FALSE(matches_glob(pattern + "b", path + "c"));
}

}  // namespace
}  // namespace rage::cli
