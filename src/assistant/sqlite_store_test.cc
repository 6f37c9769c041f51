#include "assistant/sqlite_store.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "assistant/fakes_for_test.h"
#include "base/files.h"

namespace rage::assistant {
namespace {

struct SqliteStoreTest : testing::Test {
  std::unique_ptr<TemporaryDirectory> folder = *TemporaryDirectory::create("rage-assistant-");
  FakeClock clock;
  std::unique_ptr<SqliteStore> store = open();

  std::unique_ptr<SqliteStore> open(std::chrono::seconds ttl = {}) {
    return *SqliteStore::open(folder->path() / "deep" / "assistant.db", clock, {.ttl = ttl});
  }
  void say(const std::string& session, const std::string& text, const char* role = kUser) {
    const Message message{.role = role, .text = text, .extras = {{"timestamp", "t"}}};
    ASSERT_TRUE(store->append({}, session, std::span(&message, 1)));
  }
};

// Whoever comes back finds the conversation as it was left.
TEST_F(SqliteStoreTest, KeepsConversationsAcrossRestarts) {
  say("a", "First question");
  say("a", "Answer", kAssistant);
  clock.passed += std::chrono::seconds(1);
  say("b", "Other");
  store.reset();
  store = open();
  const auto messages = store->load({}, "a", 10);
  ASSERT_TRUE(messages);
  ASSERT_EQ(messages->size(), 2U);
  EXPECT_EQ((*messages)[1].text, "Answer");
  EXPECT_EQ((*messages)[0].extras["timestamp"], "t");
  EXPECT_EQ(store->load({}, "a", 1)->front().text, "Answer");  // The newest.
  const auto list = store->list({}, 10);
  ASSERT_EQ(list->sessions.size(), 2U);
  EXPECT_EQ(list->sessions[0].id, "b");
  EXPECT_EQ(list->sessions[1].title, "First question");
  EXPECT_EQ(list->sessions[1].messages, 2);
  EXPECT_TRUE(store->list({}, 1)->truncated);
}

// Many at once share syncs; each message must be there, in its own session, in order.
TEST_F(SqliteStoreTest, ManyAtOnceLoseNothing) {
  {
    std::vector<std::jthread> writers;
    for (int writer = 0; writer < 8; ++writer) {
      writers.emplace_back([this, writer] {
        for (int i = 0; i < 5; ++i) {
          say("s" + std::to_string(writer), std::to_string(i));
          EXPECT_TRUE(store->settle({}));
        }
      });
    }
  }
  for (int writer = 0; writer < 8; ++writer) {
    const auto messages = store->load({}, "s" + std::to_string(writer), 10);
    ASSERT_EQ(messages->size(), 5U);
    for (int i = 0; i < 5; ++i)
      EXPECT_EQ((*messages)[static_cast<std::size_t>(i)].text, std::to_string(i));
  }
}

TEST_F(SqliteStoreTest, RenamesAndRemoves) {
  say("a", "Question");
  ASSERT_TRUE(store->rename({}, "a", "Mine"));
  say("a", "Another question");
  EXPECT_EQ(store->find({}, "a")->title, "Mine");
  ASSERT_TRUE(store->remove({}, "a"));
  EXPECT_TRUE(store->load({}, "a", 10)->empty());
  EXPECT_EQ(store->find({}, "a").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(store->rename({}, "a", "x").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(store->remove({}, "a").error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(store->check({}));
}

// What people asked is not kept longer than was promised.
TEST_F(SqliteStoreTest, ForgetsWhatNobodyGoesOnWith) {
  store.reset();
  store = open(std::chrono::seconds(60));
  say("a", "Question");
  clock.passed += std::chrono::seconds(59);
  say("a", "Again");  // The time begins anew.
  clock.passed += std::chrono::seconds(59);
  EXPECT_EQ(store->load({}, "a", 10)->size(), 2U);
  clock.passed += std::chrono::seconds(2);
  EXPECT_TRUE(store->load({}, "a", 10)->empty());
  EXPECT_TRUE(store->list({}, 10)->sessions.empty());
  say("a", "New");  // Begins a new one; nothing of the old comes back.
  EXPECT_EQ(store->load({}, "a", 10)->size(), 1U);
  EXPECT_EQ(store->find({}, "a")->title, "New");
}

}  // namespace
}  // namespace rage::assistant
