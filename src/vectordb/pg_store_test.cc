// On a real PostgreSQL with pgvector: tests/support/postgres.py starts one and says where it is.
#include "vectordb/pg_store.h"

#include <cstdlib>

#include "vectordb/behaviour_for_test.h"

namespace rage::vectordb {
namespace {

class PgStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    const char* address = std::getenv("RAGE_TEST_POSTGRES");
    if (address == nullptr) GTEST_SKIP() << "no PostgreSQL: run by tests/support/postgres.py";
    address_ = address;
  }
  static Context context() { return Context::with_timeout(std::chrono::seconds(30)); }
  std::unique_ptr<PgStore> open(const std::string& schema) {
    auto store = PgStore::open(context(), {.address = address_, .schema = schema});
    EXPECT_TRUE(store) << store.error().message << " " << store.error().detail;
    return store ? *std::move(store) : nullptr;
  }
  std::string address_;
};

TEST_F(PgStoreTest, BehavesAsEveryBackEnd) {
  const auto store = open("behaviour");
  ASSERT_NE(store, nullptr);
  StoreBehaviour(*store).run();
}

// Half a batch that stays would be found as half a document.
TEST_F(PgStoreTest, AWriteThatFailsLeavesEverythingAsItWas) {
  const auto store = open("whole");
  ASSERT_NE(store, nullptr);
  ASSERT_TRUE(store->ensure_index(context(), "i", kTestDimension));
  ASSERT_TRUE(store->replace(context(), "i", std::vector{a_chunk(1, "one"), a_chunk(2, "two")}));
  std::vector<StoredChunk> bad;
  for (std::uint32_t i = 1; i <= 250; ++i) bad.push_back(a_chunk(i, "new"));
  bad.back().vector.resize(3);  // In the second statement.
  EXPECT_FALSE(store->replace(context(), "i", bad));
  const auto all = store->list(context(), "i", {});
  ASSERT_TRUE(all) << all.error().message;
  ASSERT_EQ(all->size(), 2U);
  EXPECT_EQ((*all)[0].text, "one");
  EXPECT_FALSE(store->replace(context(), "i", std::vector{a_chunk(3, std::string("a\0b", 3))}));
  EXPECT_EQ(*store->count(context(), "i", nullptr), 2U);
}

TEST_F(PgStoreTest, AnotherProcessSeesWhatWasAcknowledged) {
  const auto store = open("shared");
  ASSERT_NE(store, nullptr);
  ASSERT_TRUE(store->ensure_index(context(), "i", kTestDimension));
  ASSERT_TRUE(store->replace(context(), "i", std::vector{a_chunk(1, "one")}));
  const auto other = open("shared");
  ASSERT_NE(other, nullptr);
  EXPECT_EQ(*other->count(context(), "i", nullptr), 1U);
}

TEST_F(PgStoreTest, ManyDimensionsAreSearchedWithoutAnIndex) {
  const auto store = open("wide");
  ASSERT_NE(store, nullptr);
  ASSERT_TRUE(store->ensure_index(context(), "i", 3000));
  StoredChunk chunk = a_chunk(1, "one");
  chunk.vector.assign(3000, 0.0F);
  chunk.vector[7] = 1;
  ASSERT_TRUE(store->replace(context(), "i", std::span(&chunk, 1)));
  const auto hits = store->search(context(), "i", {.vector = chunk.vector});
  ASSERT_TRUE(hits);
  ASSERT_EQ(hits->size(), 1U);
  EXPECT_NEAR((*hits)[0].score, 1, 1e-5);
}

TEST(PgStore, SaysWhatIsWrongWithItsOptions) {
  const Context context = Context::with_timeout(std::chrono::seconds(5));
  EXPECT_EQ(PgStore::open(context, {}).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(PgStore::open(context, {.address = "dbname=x", .schema = "a\"b"}).error().code,
            ErrorCode::kInvalidArgument);
  // Nobody listens there.
  EXPECT_EQ(PgStore::open(context, {.address = "host=127.0.0.1 port=1 dbname=x"}).error().code,
            ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace rage::vectordb
