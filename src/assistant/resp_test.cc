#include "assistant/resp.h"

#include <gtest/gtest.h>

#include <array>

namespace rage::assistant {
namespace {

using Kind = RespValue::Kind;

// A password or a question with line breaks must reach Redis as it is.
TEST(Resp, CommandsCarryAnyBytes) {
  const std::array<std::string, 3> words{"SET", "a b", "x\r\ny"};
  EXPECT_EQ(render_command(words), "*3\r\n$3\r\nSET\r\n$3\r\na b\r\n$4\r\nx\r\ny\r\n");
}

// Half a conversation would be shown as a whole one.
TEST(Resp, IsWholeOnlyWithItsLastByte) {
  const std::string_view reply = "*5\r\n+OK\r\n:-3\r\n$5\r\na\r\nbc\r\n$-1\r\n*1\r\n-ERR no\r\n";
  for (std::size_t length = 0; length < reply.size(); ++length) {
    const auto measured = measure_reply(reply.substr(0, length));
    ASSERT_TRUE(measured) << length;
    EXPECT_EQ(*measured, 0U) << length;
  }
  EXPECT_EQ(*measure_reply(std::string(reply) + "+next"), reply.size());
  const auto value = parse_reply(reply);
  ASSERT_TRUE(value) << value.error().message;
  ASSERT_EQ(value->items.size(), 5U);
  EXPECT_EQ(value->items[0], (RespValue{.kind = Kind::kText, .text = "OK"}));
  EXPECT_EQ(value->items[1].integer, -3);
  EXPECT_EQ(value->items[2].text, "a\r\nbc");
  EXPECT_EQ(value->items[3].kind, Kind::kNull);
  EXPECT_TRUE(value->items[4].items.at(0).is_error());
}

// A port that answers with something else, or a length made up to exhaust memory.
TEST(Resp, RefusesWhatIsNotRedis) {
  for (const char* bytes : {"HTTP/1.1 400 Bad Request\r\n\r\n", "$x\r\n", "$-2\r\n", "*-7\r\n",
                            "$3\r\nabcd\r\n", ":\r\n"}) {
    EXPECT_EQ(measure_reply(bytes).error().code, ErrorCode::kDataLoss) << bytes;
  }
  for (const char* bytes : {"$99999999999\r\n", "*99999999\r\n",
                            "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n"}) {
    EXPECT_EQ(measure_reply(bytes).error().code, ErrorCode::kResourceExhausted) << bytes;
  }
  EXPECT_FALSE(parse_reply("+OK\r\n+OK\r\n"));
}

}  // namespace
}  // namespace rage::assistant
