// A better embedder must not cost an index, its answers meanwhile, or what is written meanwhile.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/files.h"
#include "embed/hashing_embedder.h"
#include "rag/collections.h"
#include "rag/hashes.h"

namespace rage::rag {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr auto kGoOn = [](const ReindexProgress&) { return true; };

// Counts the passages it embeds.
class Counting final : public embed::Embedder {
 public:
  explicit Counting(std::size_t dimension) : inner_(dimension) {}
  Result<embed::EmbeddingMatrix> embed(const Context& context, std::span<const std::string> texts,
                                       embed::TextKind kind) override {
    if (kind == embed::TextKind::kPassage) passages += texts.size();
    return inner_.embed(context, texts, kind);
  }
  std::string_view id() const override { return inner_.id(); }
  std::size_t dimension() const override { return inner_.dimension(); }
  std::size_t tokens_max() const override { return inner_.tokens_max(); }
  std::size_t count_tokens(std::string_view text) const override {
    return inner_.count_tokens(text);
  }
  std::size_t passages = 0;

 private:
  embed::HashingEmbedder inner_;
};

struct ReindexTest : testing::Test {
  std::unique_ptr<TemporaryDirectory> directory = *TemporaryDirectory::create("rage-reindex-");
  embed::HashingEmbedder old;
  Counting fresh{64};
  std::unique_ptr<Collections> collections;

  void open(embed::Embedder& embedder, std::vector<embed::Embedder*> others = {}) {
    collections.reset();
    auto opened = Collections::open(directory->path(), embedder, {}, std::move(others));
    ASSERT_TRUE(opened) << opened.error().message;
    collections = *std::move(opened);
  }
  // `count` documents, embedded by the old one; the service then runs the fresh one.
  void fill(std::size_t count) {
    open(old);
    for (std::size_t i = 0; i < count; ++i) {
      const Document document{.text = fmt::format("text {}", i), .metadata = {{"n", i}}};
      ASSERT_TRUE(collections->add({}, "i", {document}));
    }
  }
  std::vector<std::string> texts() {
    std::vector<std::string> all;
    const auto collection = collections->find("i");
    EXPECT_TRUE(collection) << collection.error().message;
    if (!collection) return all;
    (*collection)->snapshot()->for_each_row([&](const Row& row) {
      all.push_back(row.chunk->text);
      return true;
    });
    return all;
  }
  std::string first_hit(const std::string& question) {
    const auto hits = collections->retrieve({}, **collections->find("i"), question, 1);
    return hits && !hits->empty() ? hits->front().chunk.text : "";
  }
};

TEST_F(ReindexTest, AnIndexOfAnotherEmbedderSaysWhatToDoAndThatHelps) {
  fill(3);
  open(fresh);
  const auto refused = collections->find("i");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("rage reindex i"));
  const auto outcome = collections->reindex({}, "i", true, kGoOn);
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->from, "hashing-384");
  EXPECT_EQ(outcome->to, "hashing-64");
  EXPECT_EQ(outcome->documents, 3U);
  EXPECT_TRUE(outcome->done);
  EXPECT_THAT(texts(), ElementsAre("text 0", "text 1", "text 2"));
  EXPECT_EQ(first_hit("text 1"), "text 1");
  open(fresh);
  EXPECT_THAT(texts(), ElementsAre("text 0", "text 1", "text 2"));
  EXPECT_FALSE(collections->reindex({}, "i", true, kGoOn)->done);  // Nothing is left to do.
  EXPECT_FALSE(std::filesystem::exists(directory->path() / "indexes/index-i/reindex.db"));
}

TEST_F(ReindexTest, TheOldVectorsServeAndWritesAreKeptUntilTheSwap) {
  fill(40);
  open(fresh, {&old});
  bool wrote = false;
  const auto during = [&](const ReindexProgress&) {
    if (wrote) return true;
    wrote = true;
    EXPECT_EQ(first_hit("text 7"), "text 7");
    EXPECT_TRUE(collections->add({}, "i", {Document{.text = "new", .metadata = {}}}));
    EXPECT_TRUE(collections->update(
        {}, "i", {{document_id("text 5"), Document{.text = "changed", .metadata = {{"n", 5}}}}}));
    const std::vector<std::string> gone = {document_id("text 6")};
    EXPECT_TRUE(collections->remove_documents({}, "i", gone));
    EXPECT_EQ((*collections->find("i"))->embedder().id, "hashing-384");
    return true;
  };
  ASSERT_TRUE(collections->reindex({}, "i", true, during));
  ASSERT_TRUE(wrote);
  EXPECT_EQ((*collections->find("i"))->embedder().id, "hashing-64");
  const auto after = texts();
  EXPECT_EQ(after.size(), 40U);
  EXPECT_THAT(after, testing::IsSupersetOf({"new", "changed", "text 0", "text 39"}));
  EXPECT_THAT(after, testing::Not(testing::Contains("text 6")));
  EXPECT_EQ(first_hit("changed"), "changed");
  open(fresh);
  EXPECT_EQ(texts(), after);
}

// Somebody who writes faster than is embedded must not keep an index from ever being done.
TEST_F(ReindexTest, AWriterWhoNeverRestsDoesNotHoldItUp) {
  fill(3);
  open(fresh, {&old});
  int writes = 0;
  const auto write = [&](const ReindexProgress&) {
    ++writes;
    const Document document{.text = fmt::format("write {}", writes), .metadata = {}};
    EXPECT_TRUE(collections->add({}, "i", {document}));
    return true;
  };
  const auto outcome = collections->reindex({}, "i", true, write);
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_GT(writes, 1);
  const auto after = texts();
  EXPECT_EQ(after.size(), 3U + static_cast<std::size_t>(writes));
  EXPECT_EQ(first_hit(after.back()), after.back());
}

TEST_F(ReindexTest, WhatWasStoppedGoesOnWhereItStopped) {
  fill(40);
  open(fresh, {&old});
  const auto stop = [](const ReindexProgress&) { return false; };
  const auto stopped = collections->reindex({}, "i", true, stop);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, ErrorCode::kCancelled);
  EXPECT_EQ(fresh.passages, 32U);
  EXPECT_EQ(texts().size(), 40U);
  open(fresh, {&old});
  ASSERT_TRUE(collections->reindex({}, "i", true, kGoOn));
  EXPECT_EQ(fresh.passages, 40U);
}

TEST_F(ReindexTest, ADamagedStagingFileCostsNothingButWork) {
  fill(3);
  std::ofstream(directory->path() / "indexes/index-i/reindex.db") << std::string(5000, 'x');
  open(fresh);
  const auto outcome = collections->reindex({}, "i", true, kGoOn);
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(texts().size(), 3U);
}

TEST_F(ReindexTest, OneAtATimeAndNotRemovedMeanwhile) {
  fill(3);
  open(fresh, {&old});
  const auto during = [&](const ReindexProgress&) {
    EXPECT_EQ(collections->reindex({}, "i", true, kGoOn).error().code, ErrorCode::kAlreadyExists);
    EXPECT_EQ(collections->remove("i").error().code, ErrorCode::kUnavailable);
    return true;
  };
  ASSERT_TRUE(collections->reindex({}, "i", true, during));
  EXPECT_EQ(collections->reindex({}, "none", true, kGoOn).error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(collections->remove("i"));
}

}  // namespace
}  // namespace rage::rag
