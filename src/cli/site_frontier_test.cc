#include "cli/site_frontier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rage::cli {
namespace {

using Added = Frontier::Added;
using Rank = Frontier::Rank;
using testing::ElementsAre;

FrontierPage page(std::string url, int depth) {
  return {.url = std::move(url), .depth = depth};
}

std::vector<std::string> drain(Frontier& frontier) {
  std::vector<std::string> urls;
  while (auto next = frontier.next()) urls.push_back(next->url);
  return urls;
}

// With a limit of pages, those that are there already must not lose their turn to new ones.
TEST(Frontier, KnownPagesComeFirstThenTheNearest) {
  Frontier frontier(5, 100);
  frontier.add(page("far", 3), Rank::kFound);
  frontier.add(page("near", 1), Rank::kFound);
  frontier.add(page("near too", 1), Rank::kFound);
  frontier.add(page("old", 4), Rank::kKnown);
  EXPECT_EQ(frontier.waiting(), 4U);
  EXPECT_THAT(frontier.left(), ElementsAre("old", "near", "near too", "far"));
  EXPECT_THAT(drain(frontier), ElementsAre("old", "near", "near too", "far"));
}

TEST(Frontier, GivesEachAddressOnce) {
  Frontier frontier(5, 100);
  EXPECT_EQ(frontier.add(page("a", 1), Rank::kFound), Added::kYes);
  EXPECT_EQ(frontier.add(page("a", 2), Rank::kFound), Added::kSeen);
  frontier.settle("b");
  EXPECT_EQ(frontier.add(page("b", 1), Rank::kKnown), Added::kSeen);
  EXPECT_THAT(drain(frontier), ElementsAre("a"));
  EXPECT_EQ(frontier.add(page("a", 0), Rank::kFound), Added::kSeen);
  frontier.add(page("c", 1), Rank::kFound);
  frontier.settle("c");
  EXPECT_FALSE(frontier.next());
}

TEST(Frontier, TakesTheShortestWay) {
  Frontier frontier(3, 100);
  frontier.add(page("b", 2), Rank::kFound);
  frontier.add(page("a", 3), Rank::kFound);
  frontier.add(page("a", 1), Rank::kFound);
  EXPECT_EQ(frontier.next(), page("a", 1));
  EXPECT_EQ(frontier.add(page("c", 4), Rank::kFound), Added::kTooDeep);
  EXPECT_EQ(frontier.add(page("c", 3), Rank::kFound), Added::kYes);
}

TEST(Frontier, IsBounded) {
  Frontier frontier(3, 2);
  frontier.add(page("a", 1), Rank::kFound);
  frontier.add(page("b", 1), Rank::kFound);
  EXPECT_EQ(frontier.add(page("c", 1), Rank::kFound), Added::kFull);
  EXPECT_EQ(drain(frontier).size(), 2U);
  EXPECT_EQ(frontier.add(page("d", 1), Rank::kFound), Added::kFull);
}

}  // namespace
}  // namespace rage::cli
