#include "codec/yaml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace rage::codec {
namespace {

std::string yaml_as_json(std::string_view yaml) {
  const auto value = parse_yaml(yaml);
  return value ? render_json(*value) : "error: " + value.error().message;
}

// `version: 010` or `enabled: yes` read otherwise than kubectl reads them is another manifest.
TEST(YamlTest, ReadsPlainScalarsAsKubernetesDoes) {
  const std::pair<const char*, const char*> cases[] = {
      {"yes", "true"},
      {"On", "true"},
      {"y", "true"},
      {"TRUE", "true"},
      {"no", "false"},
      {"OFF", "false"},
      {"N", "false"},
      {"False", "false"},
      {"yEs", "\"yEs\""},
      {"tRUE", "\"tRUE\""},
      {"~", "null"},
      {"null", "null"},
      {"NULL", "null"},
      {"", "null"},
      {"nUll", "\"nUll\""},
      {"0", "0"},
      {"-12", "-12"},
      {"+7", "7"},
      {"1_000", "1000"},
      {"010", "8"},
      {"0o17", "15"},
      {"0x1F", "31"},
      {"-0b101", "-5"},
      {"08", "8"},
      {"9223372036854775807", "9223372036854775807"},
      {"-9223372036854775808", "-9223372036854775808"},
      {"18446744073709551615", "18446744073709551615"},
      {"1.5", "1.5"},
      {"1.0", "1"},
      {"1e3", "1000"},
      {".5", "0.5"},
      {"1.", "1"},
      {"1e", "\"1e\""},
      {"'-'", "\"-\""},
      {"1.2.3", "\"1.2.3\""},
      {"2001-12-14", "\"2001-12-14\""},
      {"12:30:45", "\"12:30:45\""},
      {"100Gi", "\"100Gi\""},
      {"0x", "\"0x\""},
      {"1-2", "\"1-2\""},
      {"'yes'", "\"yes\""},
      {"\"1\"", "\"1\""},
      {"!!str 1", "\"1\""},
      {"!!int \"3\"", "3"},
      {"!!float 3", "3"},
      {"!custom 3", "\"3\""},
      {"|\n  12\n", "\"12\\n\""},
      {"'null'", "\"null\""},
  };
  for (const auto& [yaml, json] : cases) {
    const std::string text = "v: " + std::string(yaml) + "\n";
    EXPECT_EQ(yaml_as_json(text), "{\"v\":" + std::string(json) + "}") << yaml;
  }
  for (const char* yaml : {"v: .inf", "v: -.Inf", "v: .NaN", "v: !!int x", "v: !!bool 1"}) {
    EXPECT_EQ(parse_yaml(yaml).error().code, ErrorCode::kInvalidArgument) << yaml;
  }
}

TEST(YamlTest, ReadsCollectionsKeysAnchorsAndMerges) {
  EXPECT_EQ(yaml_as_json("b: [1, {c: d}]\na:\n- x\n-\n- - z\n"),
            R"({"b":[1,{"c":"d"}],"a":["x",null,["z"]]})");
  EXPECT_EQ(yaml_as_json("1: a\nyes: b\n0.5: c\n\"\": d\n"),
            R"({"1":"a","true":"b","0.5":"c","":"d"})");
  EXPECT_EQ(yaml_as_json("base: &b {x: 1, z: 2}\nuse:\n  <<: *b\n  z: 3\nlist: [*b, &s t, *s]\n"),
            R"({"base":{"x":1,"z":2},"use":{"z":3,"x":1},"list":[{"x":1,"z":2},"t","t"]})");
  EXPECT_EQ(yaml_as_json("<<: [{a: 1}, {a: 2, b: 3}]\n'<<': c\n"), R"({"<<":"c","a":1,"b":3})");
  EXPECT_EQ(yaml_as_json(R"({"emoji": "\ud83d\ude00"})"), "{\"emoji\":\"\U0001F600\"}");
  EXPECT_EQ(yaml_as_json("folded: >-\n  a\n  b\n"), R"({"folded":"a b"})");
  EXPECT_EQ(yaml_as_json("# nothing\n"), "null");
}

TEST(YamlTest, SplitsStreams) {
  const auto documents = parse_yaml_stream("---\n# nothing\n---\na: 1\n---\n---\n- b\n...\n");
  ASSERT_TRUE(documents) << documents.error().message;
  ASSERT_EQ(documents->size(), 2U);
  EXPECT_EQ(render_json((*documents)[1]), R"(["b"])");
  EXPECT_EQ(parse_yaml("a: 1\n---\nb: 1\n").error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(yaml_as_json("---\na: 1\n---\n"), R"({"a":1})");
  EXPECT_TRUE(parse_yaml_stream("")->empty());
}

TEST(YamlTest, SaysInWhichLineItWentWrong) {
  EXPECT_THAT(yaml_as_json("a: 1\nb: 2\na: 3\n"),
              testing::HasSubstr("line 3: key 'a' is given twice"));
  EXPECT_THAT(yaml_as_json("a: 1\n  b: [\n"), testing::HasSubstr("line "));
  for (const char* yaml : {"[", "a: *nobody", "&a [*a]", "? [x]\n: 1", "~: 1", "<<: 3", "a: 'b",
                           "\t- a", "{a: b", "a: b: c", "%YAML 1\n---\n\"\\xZZ\""}) {
    EXPECT_EQ(parse_yaml(yaml).error().code, ErrorCode::kInvalidArgument) << yaml;
  }
}

// Nine short lines that stand for a billion words would take the process with them.
TEST(YamlTest, KeepsItsLimits) {
  std::string bomb = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n";
  for (int i = 1; i < 10; ++i) {
    bomb +=
        fmt::format("a{0}: &a{0} [*a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}]\n", i, i - 1);
  }
  EXPECT_THAT(yaml_as_json(bomb), testing::HasSubstr("repeat too much"));
  EXPECT_EQ(parse_yaml("abcd", {.bytes_max = 3}).error().code, ErrorCode::kResourceExhausted);
  const auto nested = [](int depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_TRUE(parse_yaml(nested(64)));
  EXPECT_FALSE(parse_yaml(nested(65)));
  EXPECT_FALSE(parse_yaml(nested(10'000)));
  EXPECT_TRUE(parse_yaml("a: &a [[]]\nb: [*a]\n", {.depth_max = 4}));
  EXPECT_FALSE(parse_yaml("a: &a [[]]\nb: [*a]\n", {.depth_max = 3}));
  EXPECT_FALSE(parse_yaml("a: &a [[]]\nb: [[*a]]\n", {.depth_max = 4}));
}

}  // namespace
}  // namespace rage::codec
