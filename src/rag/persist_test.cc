// Indexes as folders: persisted, loaded, taken over from KAITO.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/files.h"
#include "embed/hashing_embedder.h"
#include "rag/collections.h"
#include "rag/hashes.h"
#include "rag/home_for_test.h"
#include "rag/kaito_store.h"
#include "store/database.h"
#include "test_paths.h"

namespace rage::rag {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

struct PersistTest : testing::TestWithParam<std::string> {
  HomeForTest home{GetParam()};
  fs::path data = home.data();
  embed::HashingEmbedder embedder;
  std::unique_ptr<Collections> collections;

  void SetUp() override {
    if (!home.available()) GTEST_SKIP() << "no PostgreSQL: run by tests/support/postgres.py";
    collections = home.open(embedder);
    ASSERT_NE(collections, nullptr);
    ASSERT_TRUE(collections->add({}, "fruit",
                                 {{.text = "red apples", .metadata = {{"n", 1}}},
                                  {.text = "green pears", .metadata = codec::Json::object()}}));
  }
  std::vector<std::string> texts(std::string_view name) {
    std::vector<std::string> all;
    const auto collection = collections->find(name);
    if (!collection) return {collection.error().message};
    (*collection)->snapshot()->for_each_row([&](const Row& row) {
      all.push_back(row.chunk->text);
      return true;
    });
    return all;
  }
  Result<std::string> load(std::string_view name, std::string_view path, bool overwrite = false) {
    return collections->load_persisted({}, name, path, overwrite);
  }
};

TEST_P(PersistTest, APersistedIndexLoadsUnderAnyName) {
  ASSERT_EQ(*collections->persist("fruit", ""), (data / "fruit").string());
  ASSERT_TRUE((*collections->find("fruit"))->set_grounding_mode(GroundingMode::kAssist));
  ASSERT_TRUE(collections->persist("fruit", "snap/one"));
  const auto loaded = load("copy", "snap/one");
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(*loaded, "snap/one");
  EXPECT_THAT(texts("copy"), ElementsAre("red apples", "green pears"));
  EXPECT_EQ((*collections->find("copy"))->grounding_mode(), GroundingMode::kAssist);
  const auto hits = collections->retrieve({}, **collections->find("copy"), "green pears", 1);
  EXPECT_EQ(hits->front().chunk.text, "green pears");
  // It is an index of its own, and survives a restart.
  ASSERT_TRUE(collections->add({}, "copy", {{.text = "plums", .metadata = codec::Json::object()}}));
  collections.reset();
  collections = home.open(embedder);
  EXPECT_THAT(texts("copy"), ElementsAre("red apples", "green pears", "plums"));
  EXPECT_THAT(texts("fruit"), ElementsAre("red apples", "green pears"));
  EXPECT_THAT(*collections->names(), ElementsAre("fruit", "copy"));
}

// The original says 500 where it means 409.
TEST_P(PersistTest, AnExistingIndexIsReplacedOnlyWhenAskedTo) {
  ASSERT_TRUE(collections->persist("fruit", ""));
  ASSERT_TRUE(
      collections->add({}, "fruit", {{.text = "plums", .metadata = codec::Json::object()}}));
  const auto refused = load("fruit", "");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kAlreadyExists);
  EXPECT_EQ(
      refused.error().message,
      "Index 'fruit' already exists. Use a different name or delete the existing index first.");
  EXPECT_EQ(texts("fruit").size(), 3U);
  ASSERT_TRUE(load("fruit", "", true));
  EXPECT_THAT(texts("fruit"), ElementsAre("red apples", "green pears"));
  EXPECT_EQ((*collections->find("fruit"))->corpus() == nullptr, false);
}

TEST_P(PersistTest, WhatKaitoPersistedIsEmbeddedAnew) {
  fs::create_directories(data / "old");
  fs::copy_file(test::source_dir() / "src/rag/testdata/kaito_docstore.json",
                data / "old/docstore.json");
  const auto loaded = load("old", "");
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(texts("old").size(), 3U);
  const auto hits = collections->retrieve({}, **collections->find("old"), "valve 7", 5);
  EXPECT_THAT(hits->front().chunk.text, HasSubstr("Sentence number 7"));
  const auto presence = (*collections->find("old"))
                            ->presence(std::vector{document_id("First document in index1")},
                                       std::vector{Document{.text = "First document, changed",
                                                            .metadata = {{"type", "text"}}}});
  EXPECT_EQ(presence->front(), Presence::kSame);  // Under the id that clients know.
}

// The layout that KAITO's hooks leave on a volume, and the calls that they make around it.
TEST_P(PersistTest, SnapshotsOfKaitosHooksAreWrittenAndLoaded) {
  const fs::path snapshot = data / "systemsnapshots/2026-03-07T10-00-00_pod-0a1b2c3d";
  const auto persisted = collections->persist("fruit", (snapshot / "fruit").string());
  ASSERT_TRUE(persisted) << persisted.error().message;
  fs::create_directories(snapshot / "old");
  fs::copy_file(test::source_dir() / "src/rag/testdata/kaito_docstore.json",
                snapshot / "old/docstore.json");
  fs::create_directory_symlink("systemsnapshots/2026-03-07T10-00-00_pod-0a1b2c3d", data / "LATEST");
  ASSERT_TRUE(collections->remove("fruit"));
  for (const std::string name : {"fruit", "old"}) {
    const auto loaded = load(name, (data / "LATEST" / name).string(), true);
    ASSERT_TRUE(loaded) << loaded.error().message;
  }
  EXPECT_THAT(texts("fruit"), ElementsAre("red apples", "green pears"));
  EXPECT_EQ(texts("old").size(), 3U);
}

TEST_P(PersistTest, AnotherEmbeddersIndexIsEmbeddedAnew) {
  ASSERT_TRUE(collections->persist("fruit", ""));
  const fs::path file = data / "fruit/collection.db";
  {
    const auto database = *store::Database::open(file);
    ASSERT_TRUE(database->execute("UPDATE meta SET value = 'another' WHERE key = 'embedder'"));
  }
  ASSERT_TRUE(load("copy", "fruit"));
  EXPECT_THAT(texts("copy"), ElementsAre("red apples", "green pears"));
}

// A damaged copy must not cost the index that is there.
TEST_P(PersistTest, ADamagedFileChangesNothing) {
  ASSERT_TRUE(collections->persist("fruit", ""));
  const fs::path file = data / "fruit/collection.db";
  {
    const auto database = *store::Database::open(file);
    ASSERT_TRUE(database->execute("UPDATE chunks SET vector = x'00'"));
  }
  EXPECT_EQ(load("fruit", "", true).error().code, ErrorCode::kDataLoss);
  ASSERT_TRUE(
      write_file_atomically(file, "this is no database, but long enough to be read as one"));
  EXPECT_EQ(load("fruit", "", true).error().code, ErrorCode::kDataLoss);
  EXPECT_EQ(load("new", "fruit").error().code, ErrorCode::kDataLoss);
  EXPECT_THAT(texts("fruit"), ElementsAre("red apples", "green pears"));
  EXPECT_THAT(*collections->names(), ElementsAre("fruit"));
}

TEST_P(PersistTest, WhatIsNotThereIsSaid) {
  EXPECT_EQ(collections->persist("none", "").error().message, "No such index: 'none' exists.");
  EXPECT_EQ(load("none", "").error().message, "Path does not exist: " + (data / "none").string());
  fs::create_directories(data / "empty");
  EXPECT_EQ(load("empty", "").error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(load("x", "/etc").error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(collections->persist("fruit", "/tmp/x").error().code, ErrorCode::kInvalidArgument);
}

TEST_P(PersistTest, ALoadThatACrashCutShortLeavesNothing) {
  if (home.is_shared()) GTEST_SKIP() << "nothing of a database's indexes is in the directory";
  fs::create_directories(data / "indexes/incoming-x");
  ASSERT_TRUE(write_file_atomically(data / "indexes/incoming-x/collection.db", "half"));
  collections.reset();
  collections = home.open(embedder);
  EXPECT_FALSE(fs::exists(data / "indexes/incoming-x"));
  EXPECT_THAT(*collections->names(), ElementsAre("fruit"));
}

// A service that moves to a database takes its indexes along, and can go back.
TEST_P(PersistTest, ACopyLoadsIntoAnyKindOfStore) {
  std::string text;
  for (int i = 0; i < 200; ++i) text += "Sentence number " + std::to_string(i) + " is new. ";
  const Document document{.text = text, .metadata = {{"n", 2}}};
  const auto ids = *collections->add({}, "fruit", {document});
  ASSERT_TRUE((*collections->find("fruit"))->set_grounding_mode(GroundingMode::kAssist));
  ASSERT_TRUE(collections->persist("fruit", ""));
  for (const std::string other : {"embedded", "postgres"}) {
    HomeForTest elsewhere(other);
    if (!elsewhere.available()) continue;
    const auto moved = elsewhere.open(embedder);
    fs::copy(data / "fruit", elsewhere.data() / "fruit");
    const auto loaded = moved->load_persisted({}, "fruit", "", false);
    ASSERT_TRUE(loaded) << loaded.error().message;
    const auto collection = *moved->find("fruit");
    EXPECT_EQ(collection->snapshot()->live_rows(),
              (*collections->find("fruit"))->snapshot()->live_rows());
    EXPECT_EQ(collection->grounding_mode(), GroundingMode::kAssist);
    EXPECT_EQ(collection->presence(ids, std::vector{document})->front(), Presence::kSame);
    const auto hits = moved->retrieve({}, *collection, "green pears", 1);
    EXPECT_EQ(hits->front().chunk.text, "green pears");
    EXPECT_NEAR(*hits->front().dense_score, 1, 1e-4);
  }
  for (const auto& entry : fs::directory_iterator(data / "fruit")) {
    EXPECT_EQ(entry.path().filename(), "collection.db");  // Nothing is left beside it.
  }
}

INSTANTIATE_TEST_SUITE_P(Stores, PersistTest, testing::Values("embedded", "postgres"),
                         [](const auto& store) { return store.param; });

}  // namespace
}  // namespace rage::rag
