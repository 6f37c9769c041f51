#include "store/database.h"

#include <gtest/gtest.h>

#include "base/files.h"

namespace rage::store {
namespace {

struct DatabaseTest : testing::Test {
  std::unique_ptr<TemporaryDirectory> directory = *TemporaryDirectory::create("rage-store-");
  std::filesystem::path path = directory->path() / "test.db";
};

TEST_F(DatabaseTest, KeepsTextBlobsAndEmptyStrings) {
  auto database = *Database::open(path);
  ASSERT_TRUE(database->execute("CREATE TABLE t(a TEXT NOT NULL, b BLOB, n INTEGER)"));
  const std::byte bytes[] = {std::byte{0}, std::byte{255}};
  auto insert = *database->prepare("INSERT INTO t VALUES(?1, ?2, ?3)");
  ASSERT_TRUE(insert.bind(1, std::string_view("a\0b", 3)).bind_blob(2, bytes).bind(3, -7).run());
  ASSERT_TRUE(insert.bind(1, "").bind_blob(2, {}).bind(3, 0).run());
  auto select = *database->prepare("SELECT a, b, n FROM t ORDER BY rowid");
  ASSERT_TRUE(*select.step());
  EXPECT_EQ(select.text(0), std::string_view("a\0b", 3));
  EXPECT_EQ(select.blob(1).size(), 2U);
  EXPECT_EQ(select.integer(2), -7);
  ASSERT_TRUE(*select.step());
  EXPECT_EQ(select.text(0), "");
  EXPECT_FALSE(*select.step());
}

// A failed request must leave nothing behind.
TEST_F(DatabaseTest, RollsBackWhatWasNotCommitted) {
  auto database = *Database::open(path);
  ASSERT_TRUE(database->execute("CREATE TABLE t(a INTEGER)"));
  {
    auto transaction = *Transaction::begin(*database);
    ASSERT_TRUE(database->execute("INSERT INTO t VALUES(1)"));
  }
  {
    auto transaction = *Transaction::begin(*database);
    ASSERT_TRUE(database->execute("INSERT INTO t VALUES(2)"));
    ASSERT_TRUE(transaction->commit());
  }
  auto count = *database->prepare("SELECT count(*), min(a) FROM t");
  ASSERT_TRUE(*count.step());
  EXPECT_EQ(count.integer(0), 1);
  EXPECT_EQ(count.integer(1), 2);
}

TEST_F(DatabaseTest, SaysThatAFileIsNoDatabase) {
  ASSERT_TRUE(write_file_atomically(path, std::string(4096, 'x')));
  const auto opened = Database::open(path);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kDataLoss);
}

TEST_F(DatabaseTest, ReportsBadSqlAndConstraints) {
  auto database = *Database::open(path);
  EXPECT_FALSE(database->execute("SELEC 1"));
  EXPECT_FALSE(database->prepare("SELECT * FROM absent"));
}

}  // namespace
}  // namespace rage::store
