#include <gmock/gmock.h>

#include "codec/json_for_test.h"
#include "kubeobjects/builtin_defaults.h"
#include "kubeobjects/selectors.h"
#include "kubeobjects/writes.h"

namespace rage::kubeobjects {
namespace {

using codec::json_of;
using testing::HasSubstr;

ResourcePtr widget() {
  const Json crd = json_of(R"({"metadata":{"name":"widgets.example.org"},"spec":{
    "group":"example.org","scope":"Namespaced","names":{"kind":"Widget","plural":"widgets"},
    "versions":[{"name":"v1","served":true,"storage":true,"subresources":{"status":{}},
    "schema":{"openAPIV3Schema":{"type":"object","properties":{"spec":{"type":"object",
    "required":["size"],"properties":{"size":{"type":"string","enum":["s","l"]},
    "count":{"type":"integer","minimum":0,"default":1}}},"status":{"type":"object",
    "properties":{"phase":{"type":"string"}}}}}}}]}})");
  const auto resources = resources_of_crd(crd);
  EXPECT_TRUE(resources.has_value());
  return resources ? resources->front() : nullptr;
}

WriteTarget target(const ResourcePtr& resource) {
  return {.resource = resource,
          .ns = "default",
          .name = "w",
          .manager = "m",
          .now = "2026-01-01T00:00:00Z"};
}

Result<Written> created(std::string_view spec) {
  Json document = json_of(fmt::format(R"({{"spec":{}}})", spec));
  const WriteTarget where = target(widget());
  RETURN_IF_ERROR(address_document(where, document));
  return prepare_create(where, std::move(document), "uid-1");
}

TEST(Creation, PrunesFillsInAndNames) {
  const auto written = created(R"({"size":"s","other":1})");
  ASSERT_TRUE(written.has_value()) << written.error().message;
  EXPECT_EQ(written->object["spec"].dump(), R"({"size":"s","count":1})");
  EXPECT_EQ(written->object["metadata"]["generation"], 1);
  EXPECT_THAT(written->warnings, testing::ElementsAre("unknown field \"spec.other\""));
}

// Found by the address sanitizer: defaults that are made of a sibling read it after it had moved.
TEST(Creation, DefaultsMadeOfSiblingsAreWhole) {
  const Registry registry;
  Json secret = json_of(R"({"stringData":{"a":"one","b":"two"}})");
  fill_in_defaults(*registry.find("", "v1", "secrets"), secret);
  EXPECT_EQ(secret["data"].dump(), R"({"a":"b25l","b":"dHdv"})");
  Json service = json_of(R"({"spec":{"ports":[{"port":80},{"port":81,"targetPort":"web"}]}})");
  fill_in_defaults(*registry.find("", "v1", "services"), service);
  EXPECT_EQ(service["spec"]["ports"][0]["targetPort"], 80);
  EXPECT_EQ(service["spec"]["ports"][1]["targetPort"], "web");
}

// All that is wrong at once, each with its path: a person fixes it in one go.
TEST(Creation, SaysEverythingThatIsWrong) {
  const auto refused = created(R"({"size":"x","count":-1})");
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().message,
              HasSubstr(R"(spec.size: Unsupported value: "x": supported values: "s", "l")"));
  EXPECT_THAT(refused.error().message, HasSubstr("spec.count: Invalid value: -1"));
  EXPECT_THAT(created("{}").error().message, HasSubstr("spec.size: Required value"));
}

// A controller that writes status must not count as a change of what is wanted, and the other way
// round a user must not be able to set it.
TEST(Updates, KeepStatusAndSpecApart) {
  Json live = created(R"({"size":"s"})")->object;
  live["metadata"]["resourceVersion"] = "5";
  Json wanted = live;
  wanted["status"] = json_of(R"({"phase":"x"})");
  WriteTarget where = target(widget());
  EXPECT_FALSE(prepare_update(where, live, wanted)->object.contains("status"));
  where.subresource = "status";
  wanted["spec"]["size"] = "l";
  const auto status = prepare_update(where, live, wanted);
  EXPECT_EQ(status->object["status"]["phase"], "x");
  EXPECT_EQ(status->object["spec"]["size"], "s");
  EXPECT_EQ(status->object["metadata"]["generation"], 1);
  where.subresource = "";
  EXPECT_EQ(prepare_update(where, live, wanted)->object["metadata"]["generation"], 2);
  wanted["metadata"]["resourceVersion"] = "4";
  EXPECT_EQ(http_status_of(prepare_update(where, live, wanted).error()), 409);
  wanted["metadata"].erase("resourceVersion");
  EXPECT_EQ(http_status_of(prepare_update(where, live, wanted).error()), 422);
}

// The last finalizer's end is the object's.
TEST(Deletion, WaitsForFinalizers) {
  Json live = created(R"({"size":"s"})")->object;
  live["metadata"]["resourceVersion"] = "5";
  EXPECT_TRUE(prepare_delete(*widget(), live, {}, "2026-01-02T00:00:00Z")->finished);
  live["metadata"]["finalizers"] = Json::array({"f"});
  const auto held = prepare_delete(*widget(), live, {}, "2026-01-02T00:00:00Z");
  EXPECT_FALSE(held->finished);
  EXPECT_EQ(held->object["metadata"]["deletionTimestamp"], "2026-01-02T00:00:00Z");
  Json let_go = held->object;
  let_go["metadata"].erase("finalizers");
  EXPECT_TRUE(prepare_update(target(widget()), held->object, let_go)->finished);
  Json more = held->object;
  more["metadata"]["finalizers"].push_back("g");
  EXPECT_FALSE(prepare_update(target(widget()), held->object, more).has_value());
  EXPECT_FALSE(
      prepare_delete(*widget(), live, {.uid = "other"}, "2026-01-02T00:00:00Z").has_value());
}

bool selects(std::string_view labels, std::string_view object) {
  auto requirements = parse_label_selector(labels);
  EXPECT_TRUE(requirements.has_value()) << labels;
  return Selector{.labels = *requirements, .fields = {}}.matches(
      json_of(fmt::format(R"({{"metadata":{{"labels":{}}}}})", object)));
}

TEST(Selectors, MeanWhatTheDocumentationSays) {
  EXPECT_TRUE(selects("a=b,c in (d, e),!f,g", R"({"a":"b","c":"e","g":""})"));
  EXPECT_FALSE(selects("a!=b", R"({"a":"b"})"));
  EXPECT_TRUE(selects("a!=b", "{}"));
  EXPECT_TRUE(selects("a notin (b)", R"({"a":"c"})"));
  EXPECT_TRUE(selects("a>3", R"({"a":"4"})"));
  EXPECT_TRUE(selects("a=", R"({"a":""})"));
  EXPECT_FALSE(parse_label_selector("a===b").has_value());
  EXPECT_FALSE(parse_label_selector("a in b").has_value());
  EXPECT_FALSE(parse_label_selector("a,").has_value());
  const std::vector<std::string> known{"metadata.name"};
  EXPECT_FALSE(parse_field_selector("spec.x=1", known).has_value());
}

}  // namespace
}  // namespace rage::kubeobjects
