#include "rag/collections.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "base/files.h"
#include "embed/hashing_embedder.h"
#include "rag/hashes.h"

namespace rage::rag {
namespace {

using testing::ElementsAre;

Document a_document(std::string text, codec::Json metadata = codec::Json::object()) {
  return {.text = std::move(text), .metadata = std::move(metadata)};
}

struct CollectionsTest : testing::Test {
  std::unique_ptr<TemporaryDirectory> directory = *TemporaryDirectory::create("rage-rag-");
  embed::HashingEmbedder embedder;
  std::unique_ptr<Collections> collections = open();

  std::unique_ptr<Collections> open() {
    auto opened = Collections::open(directory->path(), embedder, {});
    EXPECT_TRUE(opened) << opened.error().message;
    return opened ? *std::move(opened) : nullptr;
  }
  void reopen() {
    collections.reset();
    collections = open();
  }
  std::vector<std::string> texts(std::string_view name) {
    std::vector<std::string> all;
    const auto collection = collections->find(name);
    if (!collection) return all;
    (*collection)->snapshot()->for_each_row([&](const Row& row) {
      all.push_back(row.chunk->text);
      return true;
    });
    return all;
  }
  std::vector<std::string> search(std::string_view name, const std::string& question) {
    std::vector<std::string> found;
    const auto hits = collections->retrieve({}, **collections->find(name), question, 10);
    for (const auto& hit : *hits) found.push_back(hit.chunk.text);
    return found;
  }
};

TEST_F(CollectionsTest, WhatWasAddedIsThereAfterAReopen) {
  const auto ids =
      collections->add({}, "fruit", {a_document("red apples", {{"n", 1}}), a_document("pears")});
  ASSERT_TRUE(ids);
  EXPECT_THAT(*ids, ElementsAre(document_id("red apples"), document_id("pears")));
  reopen();
  EXPECT_THAT(texts("fruit"), ElementsAre("red apples", "pears"));
  EXPECT_EQ(search("fruit", "red apples").front(), "red apples");
  EXPECT_THAT(collections->names(), ElementsAre("fruit"));
}

// KAITO loses four of five concurrent first writes and answers 200 to all (W6).
TEST_F(CollectionsTest, ConcurrentFirstWritesAllSurvive) {
  std::vector<std::jthread> writers;
  for (int i = 0; i < 5; ++i) {
    writers.emplace_back([this, i] {
      EXPECT_TRUE(collections->add({}, "new", {a_document("document " + std::to_string(i))}));
    });
  }
  writers.clear();
  EXPECT_EQ(texts("new").size(), 5U);
  reopen();
  EXPECT_EQ(texts("new").size(), 5U);
}

TEST_F(CollectionsTest, TheSameTextIsStoredOnce) {
  ASSERT_TRUE(collections->add({}, "i", {a_document("same"), a_document("same")}));
  ASSERT_TRUE(collections->add({}, "i", {a_document("same")}));
  EXPECT_THAT(texts("i"), ElementsAre("same"));
}

// A room that moved must not stay in the old one because the text is the same.
TEST_F(CollectionsTest, ChangedMetadataReplacesTheOld) {
  ASSERT_TRUE(
      collections->add({}, "i", {a_document("talk", {{"room", "101"}}), a_document("other")}));
  ASSERT_TRUE(collections->add({}, "i", {a_document("talk", {{"room", "102"}})}));
  EXPECT_THAT(texts("i"), ElementsAre("other", "talk"));
  (*collections->find("i"))->snapshot()->for_each_row([](const Row& row) {
    if (row.chunk->text == "talk") {
      EXPECT_EQ(row.chunk->metadata["room"], "102");
    }
    return true;
  });
}

TEST_F(CollectionsTest, UpdateReplacesUnderTheSameIdAndTellsWhatItDid) {
  const auto ids =
      *collections->add({}, "i", {a_document("one"), a_document("two"), a_document("three")});
  const auto outcome = collections->update({}, "i",
                                           {{ids[1], a_document("two, revised")},
                                            {ids[2], a_document("three")},
                                            {"unknown", a_document("x")}});
  ASSERT_TRUE(outcome);
  EXPECT_THAT(outcome->updated, ElementsAre(0U));
  EXPECT_THAT(outcome->unchanged, ElementsAre(1U));
  EXPECT_THAT(outcome->not_found, ElementsAre(2U));
  EXPECT_THAT(texts("i"), ElementsAre("one", "three", "two, revised"));
  reopen();
  EXPECT_THAT(texts("i"), ElementsAre("one", "three", "two, revised"));
  // As in KAITO, the id stays taken: the original text is not added again.
  ASSERT_TRUE(collections->add({}, "i", {a_document("two")}));
  EXPECT_THAT(texts("i"), ElementsAre("one", "three", "two, revised"));
}

TEST_F(CollectionsTest, TheLastOfSeveralUpdatesOfOneDocumentWins) {
  const auto ids = *collections->add({}, "i", {a_document("one")});
  ASSERT_TRUE(collections->update({}, "i", {{ids[0], a_document("a")}, {ids[0], a_document("b")}}));
  EXPECT_THAT(texts("i"), ElementsAre("b"));
}

TEST_F(CollectionsTest, RemovedDocumentsStayRemoved) {
  const auto ids = *collections->add({}, "i", {a_document("one"), a_document("two")});
  const std::string wanted[] = {ids[0], "unknown"};
  const auto found = (*collections->find("i"))->remove(wanted);
  ASSERT_TRUE(found);
  EXPECT_THAT(*found, ElementsAre(true, false));
  reopen();
  EXPECT_THAT(texts("i"), ElementsAre("two"));
}

// KAITO's deleted indexes come back after a restart (W15).
TEST_F(CollectionsTest, ADeletedIndexDoesNotComeBack) {
  ASSERT_TRUE(collections->add({}, "gone", {a_document("text")}));
  ASSERT_TRUE(collections->remove("gone"));
  EXPECT_EQ(collections->remove("gone").error().message, "No such index: 'gone' exists.");
  reopen();
  EXPECT_TRUE(collections->names().empty());
  ASSERT_TRUE(collections->add({}, "gone", {a_document("new text")}));
  EXPECT_THAT(texts("gone"), ElementsAre("new text"));
}

TEST_F(CollectionsTest, NamesAreArbitraryAndStayInsideTheDataDirectory) {
  const std::vector<std::string> names = {
      "", "..", "../../etc", "a/b", "x y?&%", std::string(300, 'n'), "ünï"};
  for (const std::string& name : names) {
    ASSERT_TRUE(collections->add({}, name, {a_document("in [" + name + "]")})) << name;
  }
  reopen();
  EXPECT_EQ(collections->names(), names);
  for (const std::string& name : names) EXPECT_THAT(texts(name), ElementsAre("in [" + name + "]"));
  EXPECT_FALSE(std::filesystem::exists(directory->path().parent_path() / "etc"));
}

TEST_F(CollectionsTest, NothingToStoreCreatesNothing) {
  EXPECT_TRUE(collections->add({}, "i", {})->empty());
  EXPECT_FALSE(collections->find("i"));
}

// Vectors of two models in one index would rank at random.
TEST_F(CollectionsTest, AnotherEmbedderIsRefusedAndTheIndexIsKept) {
  ASSERT_TRUE(collections->add({}, "i", {a_document("text")}));
  collections.reset();
  embed::HashingEmbedder other(64);
  {
    auto opened = Collections::open(directory->path(), other, {});
    ASSERT_TRUE(opened);
    const auto found = (*opened)->find("i");
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code, ErrorCode::kFailedPrecondition);
    EXPECT_THAT(found.error().message, testing::HasSubstr("hashing-384"));
    EXPECT_FALSE((*opened)->add({}, "i", {a_document("more")}));
  }
  reopen();
  EXPECT_THAT(texts("i"), ElementsAre("text"));
}

TEST_F(CollectionsTest, ASecondProcessOnTheSameDataIsRefused) {
  const auto second = Collections::open(directory->path(), embedder, {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kFailedPrecondition);
}

TEST_F(CollectionsTest, ALongDocumentBecomesSeveralRowsWithOneId) {
  std::string text;
  for (int i = 0; i < 200; ++i)
    text += "Sentence number " + std::to_string(i) + " says something new. ";
  const auto ids = *collections->add({}, "i", {a_document(text)});
  std::size_t rows = 0;
  (*collections->find("i"))->snapshot()->for_each_row([&](const Row& row) {
    EXPECT_EQ(row.chunk->doc_id, ids[0]);
    ++rows;
    return true;
  });
  EXPECT_GT(rows, 2U);
}

// As in KAITO: no text and no metadata gives no row, with metadata one empty row.
TEST_F(CollectionsTest, EmptyTexts) {
  ASSERT_TRUE(collections->add({}, "i", {a_document("")}));
  EXPECT_TRUE(texts("i").empty());
  ASSERT_TRUE(collections->add({}, "j", {a_document("", {{"a", 1}})}));
  EXPECT_THAT(texts("j"), ElementsAre(""));
}

TEST_F(CollectionsTest, ACancelledRequestStoresNothing) {
  std::stop_source stop;
  stop.request_stop();
  const auto added = collections->add({.stop = stop.get_token()}, "i", {a_document("text")});
  EXPECT_EQ(added.error().code, ErrorCode::kCancelled);
  EXPECT_FALSE(collections->find("i"));
}

TEST_F(CollectionsTest, TheCorpusFollowsTheIndex) {
  ASSERT_TRUE(collections->add({}, "i", {a_document("one")}));
  const auto collection = *collections->find("i");
  const auto first = collection->corpus();
  EXPECT_EQ(collection->corpus(), first);
  ASSERT_TRUE(collections->add({}, "i", {a_document("two")}));
  EXPECT_NE(collection->corpus(), first);
}

}  // namespace
}  // namespace rage::rag
