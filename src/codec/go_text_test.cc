#include "codec/go_text.h"

#include <gtest/gtest.h>

#include "codec/yaml.h"

namespace rage::codec {
namespace {

Json parse(std::string_view text) {
  const auto json = parse_json(text);
  EXPECT_TRUE(json) << text;
  return json.value_or(Json());
}

TEST(GoJson, SortsKeysIndentsByFourAndHidesMarkup) {
  EXPECT_EQ(render_go_json(parse(R"({"b":[1,{}],"a":"<&>","c":[]})")),
            "{\n    \"a\": \"\\u003c\\u0026\\u003e\",\n    \"b\": [\n        1,\n        {}\n    ],"
            "\n    \"c\": []\n}");
}

TEST(GoJson, WritesNumbersAsGoDoes) {
  EXPECT_EQ(render_go_json(parse("[1.0, 0.5, 1e-7, 1e21, 0.00001, 100000.25, -3]")),
            "[\n    1,\n    0.5,\n    1e-7,\n    1e+21,\n    0.00001,\n    100000.25,\n    -3\n]");
}

TEST(GoYaml, QuotesWhatWouldReadAsSomethingElse) {
  EXPECT_EQ(render_go_yaml(parse(R"({"a":"yes","b":"2026-01-01T00:00:00Z","c":"plain text",
                                    "d":"12","e":"","f":"a: b","g":"1:30","h":null,"i":{}})")),
            "a: \"yes\"\nb: \"2026-01-01T00:00:00Z\"\nc: plain text\nd: \"12\"\ne: \"\"\n"
            "f: 'a: b'\ng: \"1:30\"\nh: null\ni: {}\n");
}

TEST(GoYaml, FoldsLongLinesAndKeepsBlocks) {
  EXPECT_EQ(render_go_yaml(parse(R"({"list":[{"x":1,"y":[]}],"script":"one\ntwo\n"})")),
            "list:\n- x: 1\n  \"y\": []\nscript: |\n  one\n  two\n");
  const std::string folded =
      render_go_yaml(parse(R"({"message":"0/3 nodes are available: 3 node(s) didn't match Pod's )"
                           R"(node affinity/selector. preemption: not helpful"})"));
  EXPECT_EQ(folded,
            "message: '0/3 nodes are available: 3 node(s) didn''t match Pod''s node "
            "affinity/selector.\n  preemption: not helpful'\n");
}

TEST(GoYaml, OrdersKeysByTheNumbersInThem) {
  EXPECT_EQ(render_go_yaml(parse(R"({"a10":1,"a9":1,"B":1,"_x":1,"a-b":1,"ab":1})")),
            "_x: 1\nB: 1\na-b: 1\na9: 1\na10: 1\nab: 1\n");
}

// What is printed can be applied again.
TEST(GoYaml, ReadsBackTheSame) {
  const Json value = parse(R"({"a":[[],{"b":[1,2]}],"t":"tab\there","n":"\n","s":" x ","u":"ä€😀",
                              "z":"# no","m":"- x","q":"'","l":" a\n b"})");
  const auto back = parse_yaml(render_go_yaml(value));
  ASSERT_TRUE(back) << render_go_yaml(value);
  EXPECT_EQ(nlohmann::json(*back), nlohmann::json(value));
}

}  // namespace
}  // namespace rage::codec
