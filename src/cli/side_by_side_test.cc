#include "cli/side_by_side.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rage::cli {
namespace {

using testing::ElementsAre;

TEST(SideBySide, WrapsAtSpacesAndCutsOnlyLongWords) {
  EXPECT_THAT(wrap("one two three", 7), ElementsAre("one two", "three"));
  EXPECT_THAT(wrap("abcdefghij", 4), ElementsAre("abcd", "efgh", "ij"));
  EXPECT_THAT(wrap("ééé ééé", 3), ElementsAre("ééé", "ééé"));
  EXPECT_THAT(wrap("a\n\nb", 5), ElementsAre("a", "", "b"));
}

TEST(SideBySide, ColumnsLineUp) {
  const std::string out = side_by_side("L", "left text", "R", "right", 63);
  EXPECT_THAT(out, testing::HasSubstr("left text" + std::string(21, ' ') + " | right\n"));
  EXPECT_THAT(side_by_side("L", "a", "R", "b", 20), testing::HasSubstr("L\na\n"));
}

TEST(SideBySide, SourcesAreListedWithTitleAndAddress) {
  const codec::Json completion = {
      {"grounding", {{"citations", {{{"number", 1}, {"title", "T"}, {"url", "http://x"}}}}}}};
  EXPECT_EQ(render_sources(completion), "\nSources\n  [1] T  http://x\n");
  EXPECT_EQ(render_sources(codec::Json::object()), "");
}

}  // namespace
}  // namespace rage::cli
