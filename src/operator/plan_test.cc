#include "operator/plan.h"

#include <gtest/gtest.h>

#include "apis/kinds.h"
#include "codec/json_for_test.h"
#include "operator/json_compare.h"

namespace rage::op {
namespace {

using codec::json_of;

struct Case {
  const char* name;
  const char* wanted;
  const char* observed;
  bool needs;
};

class NeedsApply : public ::testing::TestWithParam<Case> {};

// A false "yes" is an endless loop of writes, a false "no" a change that never arrives.
TEST_P(NeedsApply, SeesWhatWeSayAndNothingElse) {
  EXPECT_EQ(needs_apply(json_of(GetParam().wanted), json_of(GetParam().observed)),
            GetParam().needs);
}

INSTANTIATE_TEST_SUITE_P(
    Cases, NeedsApply,
    ::testing::Values(
        Case{"Absent", R"({"a":1})", "null", true},
        Case{"Same", R"({"a":1,"b":{"c":[1,2]}})", R"({"b":{"c":[1,2]},"a":1})", false},
        Case{"ServerDefaults", R"({"a":1})", R"({"a":1,"status":{"x":2},"d":true})", false},
        Case{"ChangedScalar", R"({"a":1})", R"({"a":2})", true},
        Case{"MissingKey", R"({"a":1,"b":"x"})", R"({"a":1})", true},
        Case{"EmptyEqualsAbsent", R"({"a":"","b":[],"c":{},"d":null})", R"({})", false},
        Case{"EmptyListIsNotAFullOne", R"({"args":[]})", R"({"args":["x"]})", true},
        Case{"ShorterCommand", R"({"command":["a"]})", R"({"command":["a","b"]})", true},
        Case{"OrderOfScalarsCounts", R"({"args":["a","b"]})", R"({"args":["b","a"]})", true},
        Case{"NamedItemsInAnyOrder",
             R"({"env":[{"name":"A","value":"1"},{"name":"B","value":"2"}]})",
             R"({"env":[{"name":"B","value":"2"},{"name":"A","value":"1"}]})", false},
        Case{"SomebodyElsesSidecar", R"({"containers":[{"name":"main"}]})",
             R"({"containers":[{"name":"istio-proxy"},{"name":"main"}]})", false},
        Case{"OurContainerIsGone", R"({"containers":[{"name":"main"}]})",
             R"({"containers":[{"name":"istio-proxy"}]})", true},
        Case{"QuantitiesByAmount", R"({"resources":{"limits":{"cpu":"1","memory":"1024Mi"}}})",
             R"({"resources":{"limits":{"cpu":"1000m","memory":"1Gi"}}})", false},
        Case{"QuantitiesThatDiffer", R"({"limits":{"memory":"1Gi"}})",
             R"({"limits":{"memory":"1G"}})", true},
        Case{"TextThatLooksLikeAQuantity", R"({"value":"1"})", R"({"value":"1000m"})", true},
        Case{"AnotherType", R"({"a":{"b":1}})", R"({"a":[1]})", true}),
    [](const auto& test) { return test.param.name; });

// Without the stamp a field that we no longer want would stay for ever.
TEST(PlanApply, NoticesAFieldThatIsNoLongerWanted) {
  const ResourceType& type = apis::builtin_type("Service");
  Json first = object_of(type, {.ns = "a", .name = "b"});
  first["spec"] = {{"type", "LoadBalancer"}, {"extra", "x"}};
  std::vector<Change> changes;
  plan_apply(changes, type, first, Json());
  ASSERT_EQ(changes.size(), 1U);
  const Json observed = std::get<ApplyObject>(changes[0]).object;

  changes.clear();
  plan_apply(changes, type, first, observed);
  EXPECT_TRUE(changes.empty());

  Json second = first;
  second["spec"].erase("extra");
  plan_apply(changes, type, second, observed);
  EXPECT_EQ(changes.size(), 1U);
}

TEST(PlanApply, TheStampDoesNotDependOnTheOrderOfKeys) {
  Json left = json_of(R"({"a":1,"b":{"c":2,"d":3}})");
  Json right = json_of(R"({"b":{"d":3,"c":2},"a":1})");
  stamp_applied(left);
  stamp_applied(right);
  EXPECT_TRUE(same_json(left, right));
}

TEST(MergePatch, TurnsOneIntoTheOther) {
  const Json from = json_of(R"({"state":"Pending","n":1,"conditions":[1],"map":{"a":1,"b":2}})");
  const Json to = json_of(R"({"state":"Ready","conditions":[1,2],"map":{"a":1,"c":3}})");
  const Json patch = merge_patch_of(from, to);
  EXPECT_TRUE(same_json(
      patch, json_of(R"({"state":"Ready","n":null,"conditions":[1,2],"map":{"b":null,"c":3}})")));
  Json patched = from;
  patched.merge_patch(patch);
  EXPECT_TRUE(same_json(patched, to));
}

// A status that is written although nothing changed wakes every watcher, us included: a hot loop.
TEST(MergePatch, IsEmptyWhenNothingChanged) {
  const Json status = json_of(R"({"a":{"x":1,"y":[{"p":1,"q":2}]}})");
  EXPECT_TRUE(merge_patch_of(status, json_of(R"({"a":{"y":[{"q":2,"p":1}],"x":1}})")).empty());
  EXPECT_TRUE(merge_patch_of(Json(), Json::object()).empty());
}

TEST(Time, RoundTrips) {
  const auto time = parse_time("2026-03-08T02:30:00Z");
  ASSERT_TRUE(time);
  EXPECT_EQ(render_time(*time), "2026-03-08T02:30:00Z");
  EXPECT_EQ(render_time(*parse_time("2026-03-08T02:30:00.123456Z")), "2026-03-08T02:30:00Z");
  for (const char* bad : {"", "yesterday", "2026-03-08", "2026-03-08T02:30:00"}) {
    EXPECT_FALSE(parse_time(bad)) << bad;
  }
}

}  // namespace
}  // namespace rage::op
