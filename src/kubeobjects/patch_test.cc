#include "kubeobjects/patch.h"

#include <gmock/gmock.h>

#include "codec/json_for_test.h"
#include "kubeobjects/status.h"

namespace rage::kubeobjects {
namespace {

using codec::json_of;

std::string patched(std::string_view document, std::string_view patch) {
  const auto result = json_patch(json_of(document), json_of(patch));
  return result ? result->dump() : fmt::format("{}", http_status_of(result.error()));
}

// RFC 6902, appendix A, in short.
TEST(JsonPatch, DoesWhatTheRfcSays) {
  EXPECT_EQ(patched(R"({"a":1})", R"([{"op":"add","path":"/b","value":2}])"), R"({"a":1,"b":2})");
  EXPECT_EQ(patched(R"([1,3])", R"([{"op":"add","path":"/1","value":2}])"), "[1,2,3]");
  EXPECT_EQ(patched(R"([1])", R"([{"op":"add","path":"/-","value":2}])"), "[1,2]");
  EXPECT_EQ(patched(R"({"a":1,"b":2})", R"([{"op":"remove","path":"/a"}])"), R"({"b":2})");
  EXPECT_EQ(patched(R"({"a":{"b":1}})", R"([{"op":"move","from":"/a/b","path":"/c"}])"),
            R"({"a":{},"c":1})");
  EXPECT_EQ(patched(R"({"a":1})", R"([{"op":"copy","from":"/a","path":"/b"}])"),
            R"({"a":1,"b":1})");
  EXPECT_EQ(patched(R"({"a/b":1})", R"([{"op":"replace","path":"/a~1b","value":2}])"),
            R"({"a/b":2})");
}

// All or nothing: half a patch would leave an object that nobody asked for.
TEST(JsonPatch, RefusesAsAWhole) {
  EXPECT_EQ(patched(R"({"a":1})", R"([{"op":"add","path":"/b","value":2},{"op":"test","path":"/a",
      "value":2}])"),
            "422");
  EXPECT_EQ(patched(R"({})", R"([{"op":"remove","path":"/a"}])"), "422");
  EXPECT_EQ(patched(R"([])", R"([{"op":"add","path":"/2","value":1}])"), "422");
  EXPECT_EQ(patched(R"({})", R"({"op":"add"})"), "400");
  EXPECT_EQ(patched(R"({"a":{}})", R"([{"op":"move","from":"/a","path":"/a/b"}])"), "422");
}

TEST(MergePatch, ReplacesMergesAndRemoves) {
  EXPECT_EQ(merge_patch(json_of(R"({"a":{"b":1,"c":2},"d":[1]})"),
                        json_of(R"({"a":{"b":null,"e":3},"d":[2]})"))
                .dump(),
            R"({"a":{"c":2,"e":3},"d":[2]})");
}

// Enough keys for their places to be looked up. Order is what people see in `kubectl get -o yaml`.
TEST(MergePatch, ManyKeysKeepTheirOrder) {
  Json document = Json::object();
  for (int i = 0; i < 100; ++i) document["k" + std::to_string(i)] = i;
  Json expected = document;
  expected.erase("k10");
  expected["k20"] = "new";
  expected["z"] = 1;
  EXPECT_EQ(merge_patch(document, json_of(R"({"z":1,"k20":"new","k10":null,"absent":null})")),
            expected);
  EXPECT_EQ(merge_patch(json_of(R"({"k1":{"a":1},"z":0})"), document)["k1"], 1);
}

std::string pod_patched(std::string_view patch) {
  const SchemaView pod(find_builtin_type("core.v1.Pod"));
  const Json live = json_of(R"({"spec":{"containers":[{"name":"a","image":"1",
      "env":[{"name":"X","value":"1"}]},{"name":"b","image":"2"}],"nodeSelector":{"k":"v"}},
      "metadata":{"finalizers":["f","g"]}})");
  const auto result = strategic_merge_patch(pod, live, json_of(patch));
  return result ? result->dump() : result.error().message;
}

// Setting one container's image must keep its other fields, and the other container.
TEST(StrategicMergePatch, MergesListsByTheirKeys) {
  EXPECT_THAT(
      pod_patched(R"({"spec":{"containers":[{"name":"a","image":"9"}]}})"),
      testing::AllOf(testing::HasSubstr(R"("image":"9")"), testing::HasSubstr(R"("name":"X")"),
                     testing::HasSubstr(R"({"name":"b","image":"2"})")));
  EXPECT_THAT(pod_patched(R"({"spec":{"containers":[{"name":"a","$patch":"delete"}]}})"),
              testing::HasSubstr(R"("containers":[{"name":"b","image":"2"}])"));
  EXPECT_THAT(pod_patched(R"({"spec":{"$setElementOrder/containers":[{"name":"b"},{"name":"a"}],
      "containers":[{"name":"a","image":"9"}]}})"),
              testing::HasSubstr(R"("containers":[{"name":"b")"));
  EXPECT_THAT(pod_patched(R"({"metadata":{"$deleteFromPrimitiveList/finalizers":["f"]}})"),
              testing::HasSubstr(R"("finalizers":["g"])"));
  EXPECT_THAT(pod_patched(R"({"spec":{"containers":[{"$patch":"replace"},{"name":"c"}]}})"),
              testing::HasSubstr(R"("containers":[{"name":"c"}])"));
  EXPECT_THAT(pod_patched(R"({"metadata":{"finalizers":["g","h"]}})"),
              testing::HasSubstr(R"("finalizers":["f","g","h"])"));
  EXPECT_THAT(pod_patched(R"({"metadata":{"finalizers":["h","f"]}})"),
              testing::HasSubstr(R"("finalizers":["h","f","g"])"));
  EXPECT_THAT(pod_patched(R"({"spec":{"$retainKeys":["containers","hostname"],"hostname":"h"}})"),
              testing::EndsWith(R"({"name":"b","image":"2"}],"hostname":"h"},)"
                                R"("metadata":{"finalizers":["f","g"]}})"));
  EXPECT_THAT(pod_patched(R"({"spec":{"$setElementOrder/containers":[{"name":"b"}],
      "containers":[{"name":"a","image":"9"}]}})"),
              testing::HasSubstr("doesn't match $setElementOrder list"));
  EXPECT_THAT(pod_patched(R"({"spec":{"containers":[{"image":"9"}]}})"),
              testing::HasSubstr("merge key"));
}

// A port may be there for TCP and for UDP; a patch tells them apart by its number alone.
TEST(StrategicMergePatch, DeletesEveryItemOfItsKey) {
  const SchemaView service(find_builtin_type("core.v1.Service"));
  const Json live = json_of(R"({"spec":{"ports":[{"port":53,"protocol":"UDP"},{"port":80},
      {"port":53,"protocol":"TCP"}]}})");
  const auto result = strategic_merge_patch(
      service, live, json_of(R"({"spec":{"ports":[{"port":53,"$patch":"delete"}]}})"));
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->dump(), R"({"spec":{"ports":[{"port":80}]}})");
}

TEST(StrategicMergePatch, WhatAnOrderDoesNotNameStaysBeforeWhatItWasBefore) {
  const SchemaView pod(find_builtin_type("core.v1.Pod"));
  const Json live =
      json_of(R"({"spec":{"containers":[{"name":"a"},{"name":"b"},{"name":"c"},{"name":"d"}]}})");
  const auto result = strategic_merge_patch(
      pod, live, json_of(R"({"spec":{"$setElementOrder/containers":[{"name":"d"},{"name":"a"},
      {"name":"new"}],"containers":[{"name":"new"}]}})"));
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ((*result)["spec"]["containers"].dump(),
            R"([{"name":"b"},{"name":"c"},{"name":"d"},{"name":"a"},{"name":"new"}])");
}

}  // namespace
}  // namespace rage::kubeobjects
