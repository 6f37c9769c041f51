#include "extproc/static_picker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rage::extproc {
namespace {

using testing::ElementsAre;

picker::PickOutcome pick(StaticPicker& picker, picker::PickRequest request = {}) {
  picker::PickOutcome outcome;
  const auto ticket =
      picker.pick(std::move(request), [&](picker::PickOutcome done) { outcome = std::move(done); });
  return outcome;
}

TEST(StaticPicker, EndpointsAreAddressesWithPorts) {
  EXPECT_THAT(*parse_endpoints("10.0.0.1:80, [::1]:8000"),
              ElementsAre("10.0.0.1:80", "[::1]:8000"));
  for (const char* text : {"", "a", "a:", ":80", "a:0", "a:70000", "::1:80", "a:80,"}) {
    EXPECT_FALSE(parse_endpoints(text)) << text;
  }
}

TEST(StaticPicker, TakesTurnsAndNamesFallbacks) {
  StaticPicker picker({"a:1", "b:1", "c:1"}, 2);
  EXPECT_THAT(pick(picker).pick->destinations, ElementsAre("a:1", "b:1"));
  EXPECT_THAT(pick(picker).pick->destinations, ElementsAre("b:1", "c:1"));
  EXPECT_THAT(pick(picker).pick->destinations, ElementsAre("c:1", "a:1"));
}

// Address and port count: two ranks of one pod are two endpoints.
TEST(StaticPicker, KeepsToTheSubset) {
  StaticPicker picker({"a:1", "a:2", "b:1"}, 3);
  EXPECT_THAT(pick(picker, {.subset = {{"a:2", "z:1"}}}).pick->destinations, ElementsAre("a:2"));
  for (const std::vector<std::string>& subset : {std::vector<std::string>{}, {"z:1"}}) {
    const picker::PickOutcome none = pick(picker, {.subset = subset});
    EXPECT_EQ(none.refusal->status, 503);
    EXPECT_EQ(none.refusal->dropped_reason, "rejected-no-endpoints");
    EXPECT_EQ(none.refusal->text(),
              "inference error: ServiceUnavailable - failed to find endpoint candidates for "
              "serving the request");
  }
}

TEST(StaticPicker, TheTestHeaderWins) {
  StaticPicker picker({"a:1", "a:2", "b:1"}, 3);
  const net::Headers headers{{"test-epp-endpoint-selection", "b, a:2"}};
  EXPECT_THAT(pick(picker, {.headers = headers, .subset = {{"a:1"}}}).pick->destinations,
              ElementsAre("b:1", "a:2"));
}

TEST(StaticPicker, RefusesWhenDraining) {
  StaticPicker picker({"a:1"}, 1);
  EXPECT_TRUE(picker.ready());
  picker.begin_drain();
  EXPECT_FALSE(picker.ready());
  EXPECT_EQ(pick(picker).refusal->dropped_reason, "rejected-shutting-down");
}

}  // namespace
}  // namespace rage::extproc
