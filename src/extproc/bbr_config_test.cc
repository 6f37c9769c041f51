#include "extproc/bbr_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rage::extproc {
namespace {

TEST(BbrConfig, PluginsAreReadAsTheReferenceWritesThem) {
  EXPECT_EQ(*parse_plugin("body-field-to-header:m"), (HeaderRule{.name = "m"}));
  EXPECT_EQ(*parse_plugin(R"(body-field-to-header:t:{"fieldName":"tier","headerName":"X-Tier"})"),
            (HeaderRule{.name = "t", .field = "tier", .header = "x-tier"}));
  const HeaderRule base = *parse_plugin("base-model-to-header:b");
  EXPECT_EQ(base.type, HeaderRule::Type::kBaseModelToHeader);
  EXPECT_EQ(base.header, "x-gateway-base-model-name");
}

TEST(BbrConfig, BadPluginsAreRefused) {
  for (const char* text :
       {"", "body-field-to-header", ":x", "body-field-to-header:", "other:x",
        "body-field-to-header:x:{", "body-field-to-header:x:[]",
        R"(body-field-to-header:x:{"headerName":"a b"})", R"(body-field-to-header:x:{"field":"m"})",
        R"(body-field-to-header:x:{"fieldName":1})",
        R"(base-model-to-header:x:{"fieldName":"m"})"}) {
    EXPECT_FALSE(parse_plugin(text)) << text;
  }
}

TEST(BbrConfig, AdapterMapsAreListsOrConfigMapsData) {
  const auto listed = parse_adapter_map(
      "- baseModel: a\n  adapters: [a1, a2]\n- baseModel: b\n  adapters: [a2, b1]\n");
  ASSERT_TRUE(listed) << listed.error().message;
  EXPECT_EQ(listed->find_base("a1"), "a");
  EXPECT_EQ(listed->find_base("a"), "a");
  EXPECT_EQ(listed->find_base("a2"), "a") << "the first stays";
  EXPECT_EQ(listed->find_base("b1"), "b");
  EXPECT_EQ(listed->find_base("c"), "");
  const auto data = parse_adapter_map("baseModel: a\nadapters: |\n  - a1\n  - a2\n");
  ASSERT_TRUE(data) << data.error().message;
  EXPECT_EQ(data->find_base("a2"), "a");
  EXPECT_TRUE(parse_adapter_map("")->base_of.empty());
  for (const char* text : {"3", "[3]", "[{}]", "{baseModel: a, adapters: {x: y}}",
                           "{baseModel: a, adapters: [1]}", "{baseModel: a, adapters: '{'}"}) {
    EXPECT_FALSE(parse_adapter_map(text)) << text;
  }
}

// Streams that run keep the map they began with.
TEST(BbrConfig, APublishedMapDoesNotDisturbASnapshot) {
  AdapterMaps maps;
  maps.publish(*parse_adapter_map("{baseModel: a}"));
  const auto before = maps.snapshot();
  maps.publish({});
  EXPECT_EQ(before->find_base("a"), "a");
  EXPECT_EQ(maps.snapshot()->find_base("a"), "");
}

}  // namespace
}  // namespace rage::extproc
