#include "inspect/json_path.h"

#include <gtest/gtest.h>

namespace rage::inspect {
namespace {

const Json& document() {
  static const Json json = codec::parse_json(R"({
    "metadata": {"name": "phi", "labels": {"a.b/c": "d"}},
    "items": [{"n": 1, "name": "one"}, {"n": 2, "name": "two"}, {"n": 3, "name": "three"}],
    "status": {"conditions": [{"type": "Ready", "status": "False"},
                              {"type": "Other", "status": "True"}]}})")
                               .value_or(Json());
  return json;
}

std::string render(std::string_view text) {
  const auto path = JsonPath::parse_relaxed(text);
  if (!path) return path.error().message;
  return path->render(document()).value_or("failed");
}

// What kubectl's reference promises works here, too.
TEST(JsonPath, RendersWhatKubectlRenders) {
  const std::vector<std::pair<std::string_view, std::string_view>> table = {
      {"{.metadata.name}", "phi"},
      {"metadata.name", "phi"},
      {"{$.metadata['name']}", "phi"},
      {"{.metadata.labels.a\\.b/c}", "d"},
      {"{.metadata.labels['a.b/c']}", "d"},
      {"{.items[0].name}", "one"},
      {"{.items[-1].name}", "three"},
      {"{.items[1:].n}", "2 3"},
      {"{.items[0:3:2].n}", "1 3"},
      {"{.items[*].n}", "1 2 3"},
      {"{.items[?(@.n>1)].name}", "two three"},
      {"{.items[?(@.name==\"two\")].n}", "2"},
      {"{.status.conditions[?(@.type=='Ready')].status}", "False"},
      {"{..n}", "1 2 3"},
      {"{.nothing.there}", ""},
      {"name: {.metadata.name}{\"\\n\"}", "name: phi\n"},
      {"{range .items[*]}{.name}={.n};{end}", "one=1;two=2;three=3;"},
      {"{.metadata.labels}", "{\"a.b/c\":\"d\"}"},
  };
  for (const auto& [path, wanted] : table) EXPECT_EQ(render(path), wanted) << path;
}

TEST(JsonPath, SaysWhatIsWrong) {
  for (const std::string_view bad :
       {"{.a", "{.a[}", "{.a[?(b)]}", "{range .a}", "{end}", "{.a[0,1]}", "{.a[?(@.b==c)]}",
        "{\"x}", "{.a[1:2:0]}", "{.a..}x{"}) {
    const auto path = JsonPath::parse(bad);
    ASSERT_FALSE(path) << bad;
    EXPECT_TRUE(path.error().message.starts_with("JSONPath, at character ")) << bad;
  }
}

}  // namespace
}  // namespace rage::inspect
