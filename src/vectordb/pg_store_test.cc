// On a real PostgreSQL with pgvector: tests/support/postgres.py starts one and says where it is.
#include "vectordb/pg_store.h"

#include <cstdlib>
#include <thread>

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
  std::unique_ptr<PgStore> open(const std::string& schema, std::size_t dimension = 0) {
    auto store = PgStore::open(context(), {.address = address_, .schema = schema});
    EXPECT_TRUE(store) << store.error().message << " " << store.error().detail;
    if (!store) return nullptr;
    if (dimension > 0) {
      EXPECT_TRUE((*store)->create_index(context(), "i",
                                         {.id = {}, .embedder = "model", .dimension = dimension}));
    }
    return *std::move(store);
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
  const auto store = open("whole", kTestDimension);
  ASSERT_NE(store, nullptr);
  const std::vector chunks = {a_chunk(1, "one"), a_chunk(2, "two")};
  ASSERT_TRUE(store->replace(context(), "i", {.doc_ids = {}, .chunks = chunks}));
  const std::string version = store->find_index(context(), "i")->version;
  std::vector<StoredChunk> bad;
  std::vector<std::string> ids;
  for (std::uint32_t i = 1; i <= 250; ++i) {
    bad.push_back(a_chunk(i, "new"));
    ids.push_back(bad.back().doc_id);
  }
  bad.back().vector.resize(3);  // In the second statement.
  EXPECT_FALSE(store->replace(context(), "i", {.doc_ids = ids, .chunks = bad}));
  const std::vector zero = {a_chunk(3, std::string("a\0b", 3))};
  EXPECT_EQ(store->replace(context(), "i", {.doc_ids = {}, .chunks = zero}).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(store->sequences(context(), "i")->size(), 2U);
  EXPECT_EQ(store->find_index(context(), "i")->version, version);
}

// Replicas of a service: what one of them was told is stored must not be undone by another.
TEST_F(PgStoreTest, SeveralProgramsLoseNothingOfEachOther) {
  constexpr int kPrograms = 4;
  constexpr std::uint32_t kWrites = 10;
  ASSERT_NE(open("shared", kTestDimension), nullptr);
  std::vector<std::jthread> programs;
  for (std::uint32_t program = 0; program < kPrograms; ++program) {
    programs.emplace_back([&, program] {
      const auto store = open("shared", kTestDimension);
      for (std::uint32_t i = 0; store != nullptr && i < kWrites; ++i) {
        const std::vector chunks = {a_chunk(program * 100 + i, "text")};
        const std::vector ids = {chunks[0].doc_id};
        EXPECT_TRUE(store->replace(context(), "i", {.doc_ids = ids, .chunks = chunks}));
      }
    });
  }
  programs.clear();
  EXPECT_EQ(open("shared")->sequences(context(), "i")->size(), kPrograms * kWrites);
}

// A search must not wait until somebody else's long write is over.
TEST_F(PgStoreTest, ConnectionsAreFewAndUsedAgain) {
  auto store =
      PgStore::open(context(), {.address = address_, .schema = "few", .connections_max = 2});
  ASSERT_TRUE(store);
  std::vector<std::jthread> callers;
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([&] {
      for (int n = 0; n < 5; ++n) EXPECT_TRUE((*store)->indexes(context()));
    });
  }
}

TEST_F(PgStoreTest, ManyDimensionsAreSearchedWithoutAnIndex) {
  const auto store = open("wide", 3000);
  ASSERT_NE(store, nullptr);
  StoredChunk chunk = a_chunk(1, "one");
  chunk.vector.assign(3000, 0.0F);
  chunk.vector[7] = 1;
  ASSERT_TRUE(store->replace(context(), "i", {.doc_ids = {}, .chunks = std::span(&chunk, 1)}));
  const auto hits = store->nearest(context(), "i", {.vector = chunk.vector});
  ASSERT_TRUE(hits);
  ASSERT_EQ(hits->size(), 1U);
  EXPECT_NEAR((*hits)[0].cosine, 1, 1e-5);
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

// What a client sends must never be read as SQL.
TEST(PgSql, LiteralsKeepQuotesAndBackslashes) {
  const std::vector<std::string> items = {R"(a"b)", R"(c\d)", "", "{e,f}"};
  EXPECT_EQ(array_literal(items), R"({"a\"b","c\\d","","{e,f}"})");
  const std::vector<std::int64_t> numbers = {1, 20};
  EXPECT_EQ(array_literal(numbers), "{1,20}");
  const std::vector<float> vector = {0.5F, -1};
  EXPECT_EQ(vector_literal(vector), "[0.5,-1]");
}

}  // namespace
}  // namespace rage::vectordb
