#include "assistant/redis_store.h"

#include <gtest/gtest.h>

namespace rage::assistant {
namespace {

RespValue text_of(std::string text) {
  return {.kind = RespValue::Kind::kText, .text = std::move(text)};
}

// The records of one call stand together or not at all, under the demo's key.
TEST(RedisStore, AppendsInOneTransaction) {
  const Message question{.role = kUser, .text = "Hi", .extras = {{"timestamp", "t"}}};
  const auto commands = plan_append("a b", std::span(&question, 1), "1000", std::chrono::hours(1));
  ASSERT_EQ(commands.size(), 10U);
  EXPECT_EQ(commands.front(), (RedisCommand{"MULTI"}));
  EXPECT_EQ(commands.back(), (RedisCommand{"EXEC"}));
  EXPECT_EQ(commands[1], (RedisCommand{"RPUSH", "chat_messages:a b", render_record(question)}));
  EXPECT_EQ(commands[6], (RedisCommand{"EXPIRE", "chat_messages:a b", "3600"}));
  for (const RedisCommand& command : plan_append("s", {&question, 1}, "1", {})) {
    EXPECT_NE(command[0], "EXPIRE");  // Nobody asked for one.
  }
}

// Where the demo's agent writes as well, a timestamp must not move to somebody else's words.
TEST(RedisStore, ExtrasStayWithTheirRecord) {
  const auto entry = [](const Message& message) {
    return text_of(plan_append("s", {&message, 1}, "1", {})[2][2]);
  };
  const Message ours{.role = kUser, .text = "same", .extras = {{"timestamp", "first"}}};
  const Message again{.role = kUser, .text = "same", .extras = {{"timestamp", "second"}}};
  const Message theirs{.role = kAssistant, .text = "written by another agent"};
  const std::vector<RespValue> records = {text_of(render_record(ours)),
                                          text_of(render_record(theirs)), text_of("broken"),
                                          text_of(render_record(again))};
  EXPECT_EQ(join_extras(records, {entry(ours), entry(again)}),
            (std::vector<Message>{ours, theirs, again}));
  // Of the extras less is left than of the records.
  const Message bare{.role = kUser, .text = "same"};
  EXPECT_EQ(join_extras(records, {entry(again)}), (std::vector<Message>{bare, theirs, again}));
}

TEST(RedisUrl, Parts) {
  const auto full = parse_redis_url("redis://us%65r:p%40ss@cache.example:6380/2");
  ASSERT_TRUE(full) << full.error().message;
  EXPECT_EQ(full->host, "cache.example");
  EXPECT_EQ(full->port, 6380);
  EXPECT_EQ(full->user, "user");
  EXPECT_EQ(full->password, "p@ss");
  EXPECT_EQ(full->database, 2);
  EXPECT_EQ(parse_redis_url("redis://:secret@h")->password, "secret");
  EXPECT_EQ(parse_redis_url("redis://[::1]:7")->host, "::1");
  EXPECT_EQ(parse_redis_url("redis://localhost/")->port, 6379);
  for (const char* url : {"", "localhost:6379", "rediss://h", "redis://", "redis://h:0",
                          "redis://h:99999", "redis://h/x", "redis://h?db=1", "redis://me@h"}) {
    EXPECT_FALSE(parse_redis_url(url)) << url;
  }
}

}  // namespace
}  // namespace rage::assistant
