// A backup that cannot be restored, or that restores half an index, is found out on the worst day.
#include "rag/backup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <thread>

#include "base/files.h"
#include "embed/hashing_embedder.h"
#include "rag/collections.h"
#include "rag/tar.h"

namespace rage::rag {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Tar, HeadersAreReadAsTheyWereWritten) {
  for (const std::uint64_t bytes : {std::uint64_t{0}, std::uint64_t{513}, std::uint64_t{1} << 40}) {
    const auto block = render_tar_header({.name = "rage-backup/00000.db", .bytes = bytes}, 7);
    const auto entry = parse_tar_header({block.data(), block.size()});
    ASSERT_TRUE(entry && *entry);
    EXPECT_EQ((*entry)->name, "rage-backup/00000.db");
    EXPECT_EQ((*entry)->bytes, bytes);
    auto damaged = block;
    damaged[130] = '7';
    EXPECT_FALSE(parse_tar_header({damaged.data(), damaged.size()}));
  }
  const std::string zeros(kTarBlock, '\0');
  EXPECT_FALSE((*parse_tar_header(zeros)).has_value());
  const auto outside = render_tar_header({.name = "../x", .bytes = 1}, 0);
  EXPECT_FALSE(parse_tar_header({outside.data(), outside.size()}));
}

struct BackupTest : testing::Test {
  std::unique_ptr<TemporaryDirectory> directory = *TemporaryDirectory::create("rage-backup-");
  embed::HashingEmbedder embedder;
  const std::filesystem::path data = directory->path() / "data";
  const std::filesystem::path file = directory->path() / "all.tar";
  std::unique_ptr<Collections> collections = *Collections::open(data, embedder, {});

  void add(std::string_view name, std::string text) {
    ASSERT_TRUE(collections->add({}, name, {Document{.text = std::move(text), .metadata = {}}}));
  }
  std::vector<std::string> texts(Collections& in, std::string_view name) {
    std::vector<std::string> all;
    const auto collection = in.find(name);
    if (!collection) return all;
    (*collection)->snapshot()->for_each_row([&](const Row& row) {
      all.push_back(row.chunk->text);
      return true;
    });
    return all;
  }
};

TEST_F(BackupTest, WhatIsBackedUpWhileItServesComesBack) {
  add("fruit", "apples");
  add("a/b", "pears");
  const auto report = write_backup(data, {}, file, SystemClock().wall_now());
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->indexes.size(), 2U);
  EXPECT_TRUE(report->failures.empty());
  add("fruit", "written later");
  const auto indexes = verify_backup(file);
  ASSERT_TRUE(indexes) << indexes.error().message;
  // A service uses the directory.
  EXPECT_EQ(restore_offline(file, *indexes, data, true).error().code,
            ErrorCode::kFailedPrecondition);
  collections.reset();
  EXPECT_EQ(restore_offline(file, *indexes, data, false).error().code, ErrorCode::kAlreadyExists);
  ASSERT_TRUE(restore_offline(file, *indexes, data, true));
  collections = *Collections::open(data, embedder, {});
  EXPECT_THAT(texts(*collections, "fruit"), ElementsAre("apples"));
  EXPECT_THAT(texts(*collections, "a/b"), ElementsAre("pears"));
  const auto elsewhere = directory->path() / "elsewhere";
  ASSERT_TRUE(restore_offline(file, *indexes, elsewhere, false));
  const auto copy = *Collections::open(elsewhere, embedder, {});
  EXPECT_THAT(texts(*copy, "fruit"), ElementsAre("apples"));
}

TEST_F(BackupTest, OneIndexAloneAndNoneThatIsNotThere) {
  add("fruit", "apples");
  add("other", "x");
  const auto report = write_backup(data, {"fruit"}, file, {});
  ASSERT_TRUE(report);
  EXPECT_EQ(report->indexes.size(), 1U);
  EXPECT_EQ(report->indexes[0].embedder, "hashing-384");
  EXPECT_EQ(write_backup(data, {"none"}, file, {}).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(write_backup(directory->path() / "no", {}, file, {}).error().code,
            ErrorCode::kNotFound);
}

TEST_F(BackupTest, ACopyUnderWritesHasEachWriteWholeOrNotAtAll) {
  add("fruit", "first");
  std::atomic<bool> stop = false;
  std::jthread writer([&] {
    for (int i = 0; !stop; ++i) {
      const std::string mark = std::to_string(i);
      EXPECT_TRUE(collections->add({}, "fruit",
                                   {Document{.text = "left " + mark, .metadata = {}},
                                    Document{.text = "right " + mark, .metadata = {}}}));
    }
  });
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(write_backup(data, {}, file, {}));
  stop = true;
  writer.join();
  const auto restored = directory->path() / "restored";
  ASSERT_TRUE(restore_offline(file, *verify_backup(file), restored, false));
  const auto copy = *Collections::open(restored, embedder, {});
  EXPECT_EQ(texts(*copy, "fruit").size() % 2, 1U);
}

TEST_F(BackupTest, ADamagedOrTornBackupIsRefusedBeforeAnythingIsWritten) {
  add("fruit", "apples");
  ASSERT_TRUE(write_backup(data, {}, file, {}));
  const std::string whole = *read_file(file, 1 << 24);
  const auto write = [&](std::string bytes) {
    std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
  };
  for (const std::size_t size : {whole.size() / 2, std::size_t{700}, std::size_t{0}}) {
    write(whole.substr(0, size));
    const auto refused = verify_backup(file);
    ASSERT_FALSE(refused) << size;
    EXPECT_EQ(refused.error().code, ErrorCode::kDataLoss);
    EXPECT_THAT(refused.error().message, HasSubstr("cut off or damaged"));
  }
  std::string flipped = whole;
  flipped[whole.size() / 3] ^= 1;
  write(flipped);
  EXPECT_THAT(verify_backup(file).error().message, HasSubstr("index 'fruit' is not what it was"));
}

}  // namespace
}  // namespace rage::rag
