#include "rag/quantities.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rage::rag {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> read(std::string_view text) {
  const auto tokens = tokenize(text);
  std::vector<std::string> normals;
  for (const Quantity& one : extract_quantities(text, tokens, extract_facts(text, tokens)))
    normals.push_back(one.normal);
  return normals;
}

// "60 minutes" must be the same as "an hour", and "60 hours" must not.
TEST(Quantities, OneAmountHasOneForm) {
  for (const char* text : {"an hour", "60 minutes", "a sixty-minute talk", "1 hour", "one hour",
                           "60 min", "60min", "3600 seconds"})
    EXPECT_THAT(read(text), ElementsAre("second:3600")) << text;
  for (const char* text : {"an hour and a half", "one and a half hours", "90 minutes",
                           "1 hour and 30 minutes", "1 hour 30 minutes"})
    EXPECT_THAT(read(text), ElementsAre("second:5400")) << text;
  EXPECT_THAT(read("half an hour"), ElementsAre("second:1800"));
  EXPECT_THAT(read("a half-hour session"), ElementsAre("second:1800"));
  EXPECT_THAT(read("60 hours"), ElementsAre("second:216000"));
  EXPECT_THAT(read("two free hours per week"), ElementsAre("second:7200"));
  EXPECT_THAT(read("four gigabytes and 2 TB"), ElementsAre("gb:4", "tb:2"));
  EXPECT_THAT(read("two years"), ElementsAre("month:24"));
  for (const char* text : {"2 km", "2000 metres", "two kilometers"})
    EXPECT_THAT(read(text), ElementsAre("m:2000")) << text;
  EXPECT_THAT(read("700 millilitres and 0.7 l"), ElementsAre("l:0.7", "l:0.7"));
}

TEST(Quantities, OrdinalsAndBareUnitsAreNone) {
  EXPECT_THAT(read("a second session, hours later, in Room 12"), IsEmpty());
  EXPECT_THAT(read(""), IsEmpty());
  EXPECT_THAT(read("hour"), IsEmpty());
}

}  // namespace
}  // namespace rage::rag
