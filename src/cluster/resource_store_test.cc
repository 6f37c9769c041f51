#include "cluster/resource_store.h"

#include <gmock/gmock.h>

#include "base/files.h"

namespace rage::cluster {
namespace {

using Action = StoreDecision::Action;

ObjectId an_id(const char* name) {
  return {.resource = "/configmaps", .ns = "default", .name = name};
}

Json an_object(const char* value) {
  Json object = Json::object();
  object["metadata"] = Json::object();
  object["data"] = value;
  return object;
}

StoredPtr put(ResourceStore& store, const char* name, const char* value) {
  auto done = store.write(an_id(name), [&](const StoredPtr&) -> Result<StoreDecision> {
    return StoreDecision{.action = Action::kPut, .object = an_object(value)};
  });
  EXPECT_TRUE(done.has_value()) << done.error().message;
  return done ? *done : nullptr;
}

class ResourceStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    auto made = TemporaryDirectory::create("cluster-store");
    ASSERT_TRUE(made.has_value());
    folder_ = *std::move(made);
  }
  std::unique_ptr<ResourceStore> open(const StoreOptions& options = {}) {
    auto store = ResourceStore::open(folder_->path() / "cluster.db", options);
    EXPECT_TRUE(store.has_value()) << store.error().message;
    return store ? *std::move(store) : nullptr;
  }
  std::unique_ptr<TemporaryDirectory> folder_;
};

// Versions must go on after a restart: clients compare them with what they saw before.
TEST_F(ResourceStoreTest, KeepsObjectsAndVersionsOverARestart) {
  std::int64_t last = 0;
  {
    auto store = open();
    put(*store, "a", "1");
    last = put(*store, "b", "2")->version;
    auto gone = store->write(an_id("b"), [](const StoredPtr& live) -> Result<StoreDecision> {
      return StoreDecision{.action = Action::kRemove, .object = live->parse()};
    });
    ASSERT_TRUE(gone.has_value());
    EXPECT_EQ((*gone)->version, last + 1);
  }
  auto store = open();
  EXPECT_EQ(store->version(), last + 1);
  EXPECT_EQ(store->find(an_id("b")), nullptr);
  ASSERT_NE(store->find(an_id("a")), nullptr);
  EXPECT_EQ(store->find(an_id("a"))->parse()["data"], "1");
  EXPECT_FALSE(store->remembers(last));
  EXPECT_TRUE(store->remembers(last + 1));
}

// Two servers on one folder would hand out the same version twice.
TEST_F(ResourceStoreTest, IsOpenOnlyOnce) {
  auto store = open();
  auto second = ResourceStore::open(folder_->path() / "cluster.db");
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, ErrorCode::kFailedPrecondition);
}

// A refused write must leave nothing behind, no event either.
TEST_F(ResourceStoreTest, RefusedWritesChangeNothing) {
  auto store = open({.object_bytes_max = 200});
  put(*store, "a", "1");
  const std::int64_t before = store->version();
  auto refused = store->write(an_id("a"), [](const StoredPtr&) -> Result<StoreDecision> {
    return fail(ErrorCode::kFailedPrecondition, "no");
  });
  EXPECT_FALSE(refused.has_value());
  auto large = store->write(an_id("a"), [](const StoredPtr&) -> Result<StoreDecision> {
    return StoreDecision{.action = Action::kPut,
                         .object = an_object(std::string(500, 'x').c_str())};
  });
  EXPECT_FALSE(large.has_value());
  EXPECT_EQ(store->version(), before);
  EXPECT_EQ(store->find(an_id("a"))->parse()["data"], "1");
}

TEST_F(ResourceStoreTest, ListsInPages) {
  auto store = open();
  for (const char* name : {"c", "a", "b"}) put(*store, name, "x");
  const StorePage first = store->list("/configmaps", "default", {}, 2);
  ASSERT_EQ(first.items.size(), 2U);
  EXPECT_EQ(first.items[0]->id.name, "a");
  EXPECT_EQ(first.remaining, 1U);
  const StorePage second = store->list("/configmaps", "", first.items[1]->id, 2);
  ASSERT_EQ(second.items.size(), 1U);
  EXPECT_EQ(second.items[0]->id.name, "c");
  EXPECT_TRUE(store->list("/configmaps", "other").items.empty());
}

// A watcher that is too slow must be told to list again, never miss an event in silence.
TEST_F(ResourceStoreTest, TellsEventsInOrderAndSaysWhenTheyAreForgotten) {
  auto store = open({.history_max = 2});
  const std::int64_t start = store->version();
  put(*store, "a", "1");
  put(*store, "a", "2");
  std::int64_t seen = start;
  auto events = store->events_after({}, "/configmaps", start, seen);
  ASSERT_TRUE(events.has_value());
  ASSERT_EQ(events->size(), 2U);
  EXPECT_EQ((*events)[0].before, nullptr);
  EXPECT_EQ((*events)[1].before->parse()["data"], "1");
  EXPECT_EQ(seen, store->version());
  put(*store, "b", "3");
  EXPECT_FALSE(store->events_after({}, "/configmaps", start, seen).has_value());
  const Context over{.deadline = std::chrono::steady_clock::now()};
  auto none = store->events_after(over, "/configmaps", store->version(), seen);
  ASSERT_TRUE(none.has_value());
  EXPECT_TRUE(none->empty());
}

}  // namespace
}  // namespace rage::cluster
