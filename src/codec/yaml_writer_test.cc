#include "codec/yaml_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "codec/json_for_test.h"
#include "codec/yaml.h"

namespace rage::codec {
namespace {

TEST(YamlWriter, WritesBlockStyleAsKubectlDoes) {
  const Json value = json_of(
      R"({"kind":"List","empty":{},"none":[],
          "items":[{"name":"a","ports":[1,2]},[true,null],"x"]})");
  EXPECT_EQ(render_yaml(value),
            "kind: List\nempty: {}\nnone: []\nitems:\n- name: a\n  ports:\n  - 1\n  - 2\n"
            "- - true\n  - null\n- x\n");
}

TEST(YamlWriter, WritesAScalarAlone) {
  EXPECT_EQ(render_yaml(Json("a")), "a\n");
  EXPECT_EQ(render_yaml(Json::object()), "{}\n");
}

// A version "1.0", a label "on" or an annotation "true" that loses its quotes changes its type, and
// the API server refuses the manifest.
TEST(YamlWriter, StringsStayStrings) {
  const std::vector<std::string> strings = {
      "",       " a",         "a ",     "a: b",  "a #b",   "a:",         "yes",     "No",
      "NULL",   "~",          "1.0",    "0x8",   "010",    "1e3",        "-",       "- a",
      "[a]",    "{a}",        "*a",     "&a",    "!a",     "%a",         "@a",      "`a`",
      "a'b\"c", "a\\b",       "a\nb\n", "\ta",   ".inf",   "2001-01-01", "<<",      "=",
      "?",      "|",          ">",      "a,b]}", "\u00e9", "\u2028x",    "\ufeffx", "\x7f",
      "\u0085", "\U0001f600", "\uffff", "#a",    "a#b",    "1:30"};
  for (const std::string& text : strings) {
    Json value = Json::object();
    value["key"] = text;
    value[text] = Json::array({text});
    const Result<Json> again = parse_yaml(render_yaml(value));
    ASSERT_TRUE(again.has_value()) << text << again.error().message;
    EXPECT_EQ(*again, value) << text;
  }
}

TEST(YamlWriter, ReplacesWhatIsNotUtf8) {
  EXPECT_EQ(render_yaml(Json("a\xff")), "\"a\ufffd\"\n");
}

}  // namespace
}  // namespace rage::codec
