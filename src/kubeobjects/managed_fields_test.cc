#include "kubeobjects/managed_fields.h"

#include <gmock/gmock.h>

#include "codec/json_for_test.h"
#include "kubeobjects/status.h"

namespace rage::kubeobjects {
namespace {

using codec::json_of;
using testing::HasSubstr;
using testing::Not;

const SchemaView& pod_schema() {
  static const SchemaView schema(find_builtin_type("core.v1.Pod"));
  return schema;
}

Result<Json> applied(const Json& live, const Json& config, const char* manager,
                     ApplyMode mode = ApplyMode::kRefuseConflicts) {
  const Manager who{.name = manager, .api_version = "v1"};
  Merged merged = merge_configuration(pod_schema(), live, config, who);
  const Applied applied{.config = config, .changes_something = merged.changes_something};
  return track_apply(pod_schema(), live, std::move(merged.object), applied, who, mode, "now");
}

Json a_pod(std::string_view spec) {
  return json_of(fmt::format(
      R"({{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"p"}},"spec":{}}})", spec));
}

// The fields that an applier states are written down as the real server does.
TEST(FieldSets, NameItemsByTheirKeys) {
  const Json pod = a_pod(R"({"containers":[{"name":"a","ports":[{"containerPort":80}]}]})");
  const std::string text = render_fields(fields_of(pod_schema(), pod)).dump();
  EXPECT_THAT(text, HasSubstr(R"("k:{\"name\":\"a\"}":{".":{},"f:name":{},"f:ports":{)"));
  EXPECT_THAT(text, HasSubstr(R"(k:{\"containerPort\":80,\"protocol\":\"TCP\"})"));
  EXPECT_EQ(parse_fields(json_of(text)), fields_of(pod_schema(), pod));
}

// Two appliers of one list: each gives up its own items, never the other's.
TEST(Apply, GivesUpOnlyWhatItsManagerStated) {
  auto one = applied(Json(), a_pod(R"({"containers":[{"name":"a","image":"1"}]})"), "one");
  ASSERT_TRUE(one.has_value());
  auto two =
      applied(*one, a_pod(R"({"containers":[{"name":"b","image":"2"}],"nodeName":"n"})"), "two");
  ASSERT_TRUE(two.has_value());
  EXPECT_EQ((*two)["spec"]["containers"].size(), 2U);
  auto less = applied(*two, a_pod(R"({"containers":[]})"), "two");
  ASSERT_TRUE(less.has_value());
  EXPECT_EQ((*less)["spec"]["containers"].dump(), R"([{"name":"a","image":"1"}])");
  EXPECT_FALSE((*less)["spec"].contains("nodeName"));
}

// Whose init containers run first must not depend on who applied last. As the real server has it:
// tests/cluster/interactions.py plays 30 such applies.
TEST(Apply, OrdersItemsAsTheLastApplierDoesAndLeavesOthersWhereTheyAre) {
  const auto pod_of = [](std::string_view names) {
    Json containers = Json::array();
    for (const char name : names) containers.push_back({{"name", std::string(1, name)}});
    return a_pod(fmt::format(R"({{"containers":{}}})", containers.dump()));
  };
  const auto names_in = [](const Json& pod) {
    std::string names;
    for (const Json& item : pod["spec"]["containers"]) names += item["name"].get<std::string>();
    return names;
  };
  const auto one = applied(Json(), pod_of("abc"), "one");
  ASSERT_TRUE(one.has_value());
  const auto two = applied(*one, pod_of("ebd"), "two");
  ASSERT_TRUE(two.has_value());
  EXPECT_EQ(names_in(*two), "aebcd");
  const auto again = applied(*two, pod_of("dcfe"), "two");
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(names_in(*again), "abdcfe");
}

TEST(FieldSets, AnAssociativeListWithoutItemsIsNobodys) {
  const std::string text =
      render_fields(fields_of(pod_schema(), a_pod(R"({"containers":[],"nodeSelector":{}})")))
          .dump();
  EXPECT_THAT(text, Not(HasSubstr("f:containers")));
  EXPECT_THAT(text, HasSubstr("f:nodeSelector"));
}

TEST(Apply, RefusesToChangeWhatAnotherOwnsUnlessForced) {
  const Json live = *applied(Json(), a_pod(R"({"nodeName":"n"})"), "one");
  const Json config = a_pod(R"({"nodeName":"m"})");
  const auto refused = applied(live, config, "two");
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(http_status_of(refused.error()), 409);
  EXPECT_EQ(refused.error().message,
            "Apply failed with 1 conflict: conflict with \"one\": .spec.nodeName");
  const auto forced = applied(live, config, "two", ApplyMode::kForce);
  ASSERT_TRUE(forced.has_value());
  EXPECT_THAT((*forced)["metadata"]["managedFields"].dump(), Not(HasSubstr("\"one\"")));
}

// An operator that applies the same again must not wake its own watch.
TEST(Apply, TheSameAgainChangesNothing) {
  const Json config = a_pod(R"({"containers":[{"name":"a","image":"1"}]})");
  const Json first = *applied(Json(), config, "one");
  const Manager who{.name = "one", .api_version = "v1"};
  Merged merged = merge_configuration(pod_schema(), first, config, who);
  const Applied again{.config = config, .changes_something = merged.changes_something};
  const auto second = track_apply(pod_schema(), first, std::move(merged.object), again, who,
                                  ApplyMode::kForce, "later");
  EXPECT_EQ(*second, first);
}

// Who updates takes what it changes from those that applied it.
TEST(Updates, TakeOver) {
  const Json live = *applied(Json(), a_pod(R"({"nodeName":"n","hostname":"h"})"), "one");
  Json wanted = live;
  wanted["spec"]["nodeName"] = "m";
  const Json next =
      track_update(pod_schema(), live, wanted, {.name = "edit", .api_version = "v1"}, "later");
  const Json& entries = next["metadata"]["managedFields"];
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[0]["fieldsV1"].dump(), R"({"f:spec":{"f:hostname":{}}})");
  EXPECT_EQ(entries[1]["fieldsV1"].dump(), R"({"f:spec":{"f:nodeName":{}}})");
}

}  // namespace
}  // namespace rage::kubeobjects
