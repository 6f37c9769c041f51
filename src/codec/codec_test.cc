#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codec/json.h"
#include "codec/sse.h"
#include "codec/uri.h"

namespace rage::codec {
namespace {

TEST(Json, RefusesWhatRfc8259Refuses) {
  for (const char* bad :
       {"", "{", "NaN", "[Infinity]", "{'a':1}", "1 2", "\"\xff\"", "[1,]", "1e999"}) {
    EXPECT_FALSE(parse_json(bad)) << bad;
  }
  JsonSyntaxError where;
  EXPECT_FALSE(parse_json("{\"a\": x}", {}, &where));
  EXPECT_EQ(where.offset, 6U);
}

// A hostile body of brackets must not exhaust the stack when it is rendered or destroyed.
TEST(Json, RefusesDeepNesting) {
  EXPECT_TRUE(parse_json(std::string(64, '[') + std::string(64, ']')));
  EXPECT_FALSE(parse_json(std::string(100000, '[')));
  EXPECT_FALSE(parse_json(std::string(65, '[') + std::string(65, ']')));
}

// A body of three megabytes must not keep a worker for half a minute, one of sixty for hours.
TEST(Json, AnObjectOfManyKeysIsReadInOneGo) {
  std::string text = "{";
  for (int i = 0; i < 25'000; ++i) text += fmt::format("\"{}\":{},", i, i);
  const auto value = parse_json(text + R"("7":"again","33":[{"a":1,"a":2}]})");
  ASSERT_TRUE(value);
  EXPECT_EQ(value->size(), 25'000U);
  const auto at = [&](std::ptrdiff_t place) { return *std::next(value->begin(), place); };
  EXPECT_EQ(at(7), "again");
  EXPECT_EQ(render_json(at(33)), R"([{"a":2}])");
  EXPECT_EQ(at(24'999), 24'999);
}

TEST(Json, KeepsKeyOrderAndReplacesBadBytesWhenRendered) {
  EXPECT_EQ(render_json(*parse_json(R"({"b":1,"a":[true,null]})")), R"({"b":1,"a":[true,null]})");
  EXPECT_EQ(render_json(Json("a\xff")), "\"a\xEF\xBF\xBD\"");
}

std::vector<std::string> events_of(std::vector<std::string> chunks) {
  SseParser parser;
  std::vector<std::string> events;
  for (const auto& chunk : chunks) {
    EXPECT_TRUE(parser.feed(chunk, [&](SseEvent event) { events.push_back(event.data); }));
  }
  return events;
}

// KAITO refuses a whole answer when a keep-alive comment arrives; we must not.
TEST(Sse, IgnoresCommentsAndJoinsWhatTheNetworkCut) {
  EXPECT_THAT(events_of({": keep-alive\n\nda", "ta: {\"a\"", ":1}\r", "\n\r\ndata: x\ndata:y\n\n"}),
              testing::ElementsAre("{\"a\":1}", "x\ny"));
  EXPECT_THAT(events_of({"data: unfinished"}), testing::IsEmpty());
}

TEST(Sse, BoundsAnEvent) {
  SseParser parser(10);
  EXPECT_FALSE(parser.feed("data: 0123456789", [](const SseEvent&) {}));
}

TEST(Uri, DecodesWhatItEncodes) {
  EXPECT_EQ(percent_encode("a/b ?é"), "a%2Fb%20%3F%C3%A9");
  EXPECT_EQ(percent_decode("a%2Fb%20"), "a/b ");
  EXPECT_FALSE(percent_decode("%2"));
  EXPECT_FALSE(percent_decode("%zz"));
  const auto query = parse_query("limit=2&path=a%2Fb&flag&x=1+2");
  EXPECT_EQ(find_parameter(query, "path"), "a/b");
  EXPECT_EQ(find_parameter(query, "flag"), "");
  EXPECT_EQ(find_parameter(query, "x"), "1 2");
  EXPECT_FALSE(find_parameter(query, "none"));
}

}  // namespace
}  // namespace rage::codec
