// What searches find and cost, whatever was written before them and is asked beside them. As
// collections_test.cc, on each kind of store.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <time.h>

#include <map>
#include <thread>

#include "embed/hashing_embedder.h"
#include "rag/collections.h"
#include "rag/hashes.h"
#include "rag/home_for_test.h"

namespace rage::rag {
namespace {

using testing::ElementsAre;

// Fails for a batch with a text that has "poison" in it.
class Picky final : public embed::Embedder {
 public:
  Result<embed::EmbeddingMatrix> embed(const Context& context, std::span<const std::string> texts,
                                       embed::TextKind kind) override {
    for (const std::string& text : texts) {
      if (text.contains("poison")) return fail(ErrorCode::kUnavailable, "the embedder fails");
    }
    return words_.embed(context, texts, kind);
  }
  std::string_view id() const override { return words_.id(); }
  std::size_t dimension() const override { return words_.dimension(); }
  std::size_t tokens_max() const override { return words_.tokens_max(); }
  std::size_t count_tokens(std::string_view text) const override {
    return words_.count_tokens(text);
  }

 private:
  embed::HashingEmbedder words_{64};
};

// The processor's seconds that this thread spends on `work`: others on the machine do not count.
template <class Work>
double processor_seconds(const Work& work) {
  const auto now = [] {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
  };
  const double begin = now();
  work();
  return now() - begin;
}

// Words that differ from document to document.
std::string a_text(int number, int words) {
  std::string text = "document " + std::to_string(number);
  for (int i = 0; i < words; ++i) text += " word" + std::to_string((number * 31 + i * 7) % 1999);
  return text;
}

std::vector<Document> documents(int from, int to, int words = 6) {
  std::vector<Document> all;
  for (int i = from; i < to; ++i) all.push_back({.text = a_text(i, words)});
  return all;
}

struct CollectionsSearchTest : testing::TestWithParam<std::string> {
  void SetUp() override {
    if (!home.available()) GTEST_SKIP() << "no PostgreSQL: run by tests/support/postgres.py";
    collections = home.open(embedder);
    ASSERT_NE(collections, nullptr);
  }
  std::vector<RetrievedChunk> search(const std::string& question, std::size_t hits_max) {
    auto hits = collections->retrieve({}, **collections->find("i"), question, hits_max);
    EXPECT_TRUE(hits) << hits.error().message;
    return hits ? *std::move(hits) : std::vector<RetrievedChunk>();
  }
  std::vector<std::string> texts() {
    std::vector<std::string> all;
    (*collections->find("i"))->snapshot()->for_each_row([&](const Row& row) {
      all.push_back(row.chunk->text);
      return true;
    });
    return all;
  }
  HomeForTest home{GetParam()};
  Picky embedder;
  std::unique_ptr<Collections> collections;
};

// In KAITO's FAISS store a row that is added after a deletion takes over another's number: that
// document is never found again, and two vectors lead to the new one.
TEST_P(CollectionsSearchTest, EachDocumentIsFoundByItsOwnVectorAfterOthersChanged) {
  const auto ids = *collections->add({}, "i", documents(0, 6));
  ASSERT_TRUE(collections->update({}, "i", {{ids[1], {.text = a_text(100, 6)}}}));
  const std::vector<std::string> gone = {ids[3], ids[0]};
  ASSERT_TRUE(collections->remove_documents({}, "i", gone));
  ASSERT_TRUE(collections->add({}, "i", documents(200, 202)));
  ASSERT_TRUE(collections->update({}, "i", {{ids[1], {.text = a_text(101, 6)}}}));
  const std::vector<std::string> left = texts();
  EXPECT_THAT(left, ElementsAre(a_text(2, 6), a_text(4, 6), a_text(5, 6), a_text(200, 6),
                                a_text(201, 6), a_text(101, 6)));
  for (const std::string& text : left) {
    const auto hits = search(text, 10);
    EXPECT_EQ(hits.size(), left.size());
    EXPECT_EQ(hits.front().chunk.text, text);
    EXPECT_NEAR(*hits.front().dense_score, 1, 1e-4);
    EXPECT_LT(*hits[1].dense_score, 0.99);
  }
}

// With Qdrant KAITO keeps the scores of the search under way in an object that all searches share.
TEST_P(CollectionsSearchTest, SearchesAtOnceFindWhatTheyFindAlone) {
  ASSERT_TRUE(collections->add({}, "i", documents(0, 60)));
  using Found = std::vector<std::pair<std::string, float>>;
  const auto find = [&](int number) {
    Found found;
    for (const RetrievedChunk& hit : search(a_text(number, 3), 8)) {
      found.emplace_back(hit.chunk.text, *hit.dense_score);
      found.emplace_back(hit.chunk.node_id, hit.score);
    }
    return found;
  };
  std::vector<Found> alone;
  for (int i = 0; i < 8; ++i) alone.push_back(find(i));
  std::vector<std::jthread> askers;
  for (int i = 0; i < 8; ++i) {
    askers.emplace_back([&, i] {
      for (int round = 0; round < 3; ++round) {
        EXPECT_EQ(find(i), alone[static_cast<std::size_t>(i)]);
        EXPECT_FALSE(collections->retrieve({}, **collections->find("i"), "poison", 3));
      }
    });
  }
}

// KAITO answers 500 and keeps the documents before the bad one, and those after it.
TEST_P(CollectionsSearchTest, AnAppendThatFailsStoresNothing) {
  ASSERT_TRUE(collections->add({}, "i", {{.text = "before"}}));
  const auto failed =
      collections->add({}, "i", {{.text = "one"}, {.text = "poison"}, {.text = "three"}});
  EXPECT_EQ(failed.error().message, "the embedder fails");
  EXPECT_THAT(texts(), ElementsAre("before"));
  ASSERT_TRUE(collections->add({}, "i", {{.text = "beside"}}));
  EXPECT_FALSE(collections->update(
      {}, "i",
      {{document_id("before"), {.text = "changed"}}, {document_id("beside"), {.text = "poison"}}}));
  EXPECT_THAT(texts(), ElementsAre("before", "beside"));
}

INSTANTIATE_TEST_SUITE_P(Stores, CollectionsSearchTest, testing::Values("embedded", "postgres"),
                         [](const auto& store) { return store.param; });

struct CollectionsCostTest : testing::Test {
  HomeForTest home{"embedded"};
  embed::HashingEmbedder embedder{16};
  std::unique_ptr<Collections> collections = home.open(embedder);
};

// KAITO builds BM25 over all texts for each search: 0.7 s with 4,000 of them.
TEST_F(CollectionsCostTest, ASearchBuildsNoIndex) {
  ASSERT_TRUE(collections->add({}, "i", documents(0, 200, 30)));
  const auto collection = *collections->find("i");
  std::vector<Row> rows;
  collection->snapshot()->for_each_row([&](const Row& row) {
    rows.push_back(row);
    return true;
  });
  std::vector<float> vectors(rows.size() * embedder.dimension());
  const double build = processor_seconds([&] { build_segment(rows, vectors); });
  const double search = processor_seconds(
      [&] { EXPECT_TRUE(collections->retrieve({}, *collection, a_text(7, 3), 5)); });
  EXPECT_LT(search * 3, build);
}

// For each id KAITO lists all documents anew: 2.3 s for 20 deletions among 4,000.
TEST_F(CollectionsCostTest, ADeletionDoesNotListAllDocuments) {
  const auto ids = *collections->add({}, "i", documents(0, 200));
  const auto snapshot = (*collections->find("i"))->snapshot();
  const double listing = processor_seconds([&] {
    std::map<std::string, Chunk> listed;
    snapshot->for_each_row(
        [&](const Row& row) { return listed.emplace(row.chunk->doc_id, *row.chunk).second; });
    EXPECT_EQ(listed.size(), ids.size());
  });
  const std::span<const std::string> gone(ids.data(), 20);
  const double removal =
      processor_seconds([&] { EXPECT_TRUE(collections->remove_documents({}, "i", gone)); });
  EXPECT_LT(removal, listing * static_cast<double>(gone.size()) / 4);
}

}  // namespace
}  // namespace rage::rag
