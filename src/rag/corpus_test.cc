#include "rag/corpus.h"

#include <gtest/gtest.h>

#include "rag/grounding_corpus_for_test.h"

namespace rage::rag {
namespace {

FieldRole role_of(const CorpusIndex& corpus, std::string_view key) {
  for (const FieldSchema& field : corpus.schema()) {
    if (field.key == key) return field.role;
  }
  return FieldRole::kIgnored;
}

TEST(Corpus, LearnsWhatTheKeysOfAProgrammeMean) {
  const CorpusIndex& corpus = for_test::talks();
  EXPECT_TRUE(corpus.structured());
  EXPECT_EQ(role_of(corpus, "title"), FieldRole::kTitle);
  EXPECT_EQ(role_of(corpus, "speakers"), FieldRole::kPerson);
  EXPECT_EQ(role_of(corpus, "location"), FieldRole::kPlace);
  EXPECT_EQ(role_of(corpus, "date"), FieldRole::kDate);
  EXPECT_EQ(role_of(corpus, "start"), FieldRole::kStart);
  EXPECT_EQ(role_of(corpus, "end"), FieldRole::kEnd);
  EXPECT_EQ(role_of(corpus, "topic"), FieldRole::kCategory);
  EXPECT_EQ(role_of(corpus, "url"), FieldRole::kUrl);
  EXPECT_EQ(role_of(corpus, "description"), FieldRole::kBody);
}

// Feeds name their keys as they like; the values' shapes must do.
TEST(Corpus, LearnsAFeedWithDateTimesAndPeopleInOneString) {
  std::vector<Chunk> chunks;
  for (int i = 0; i < 6; ++i) {
    Chunk chunk{.doc_id = std::to_string(i),
                .node_id = std::to_string(i),
                .text = "text " + std::to_string(i)};
    chunk.metadata["Name"] = "Session number " + std::to_string(i);
    chunk.metadata["StartTime"] = "2026-03-07T1" + std::to_string(i) + ":30:00-08:00";
    chunk.metadata["EndTime"] = "2026-03-07T1" + std::to_string(i) + ":45:00-08:00";
    chunk.metadata["Speakers"] = "Ann Bee, Cid Dee and Eve Fay";
    chunk.metadata["Location"] = i % 2 == 0 ? "Aula" : "Cellar";
    chunk.metadata["Photo"] = "https://example.org/p.png";
    chunks.push_back(std::move(chunk));
  }
  const CorpusIndex corpus(std::move(chunks));
  const Record& record = corpus.records()[2];
  EXPECT_EQ(record.title, "Session number 2");
  EXPECT_EQ(record.date, (Date{2026, 3, 7}));
  EXPECT_EQ(record.start, 12 * 60 + 30);
  EXPECT_EQ(record.end, 12 * 60 + 45);
  EXPECT_EQ(record.persons, (std::vector<std::string>{"Ann Bee", "Cid Dee", "Eve Fay"}));
  EXPECT_EQ(record.url, "");
}

TEST(Corpus, LearnsAProductCatalogue) {
  std::vector<Chunk> chunks;
  for (int i = 0; i < 8; ++i) {
    Chunk chunk{.doc_id = std::to_string(i), .node_id = std::to_string(i), .text = "A fine thing."};
    chunk.metadata["product_name"] = "Kettle model " + std::to_string(i * 7);
    chunk.metadata["brand"] = i % 2 == 0 ? "Acme" : "Globex";
    chunk.metadata["price"] = 19.5 + i;
    chunk.metadata["sku"] = "X-" + std::to_string(i * 31);
    chunks.push_back(std::move(chunk));
  }
  const CorpusIndex corpus(std::move(chunks));
  EXPECT_TRUE(corpus.structured());
  EXPECT_EQ(role_of(corpus, "product_name"), FieldRole::kTitle);
  EXPECT_EQ(role_of(corpus, "brand"), FieldRole::kCategory);
  EXPECT_EQ(role_of(corpus, "price"), FieldRole::kOther);
}

TEST(Corpus, FilesAreProse) {
  const CorpusIndex& corpus = for_test::prose();
  EXPECT_FALSE(corpus.structured());
  EXPECT_EQ(corpus.records()[0].title, "compressor.md");
  EXPECT_TRUE(corpus.knows_stem("blade"));
}

TEST(Corpus, SurvivesMetadataOfEveryShape) {
  std::vector<Chunk> chunks(4);
  chunks[0].metadata = codec::Json::object(
      {{"title", nullptr}, {"speakers", 7}, {"date", codec::Json::array({1, {{"x", 2}}})}});
  chunks[1].doc_id = "b";
  chunks[1].metadata = codec::Json::array({1, 2});
  chunks[2].doc_id = "c";
  chunks[2].metadata = "text";
  chunks[3].doc_id = "d";
  chunks[3].text = "\xFF\xFE broken";
  EXPECT_EQ(CorpusIndex(std::move(chunks)).records().size(), 4U);
  EXPECT_EQ(CorpusIndex({}).records().size(), 0U);
}

}  // namespace
}  // namespace rage::rag
