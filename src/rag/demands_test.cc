#include "rag/demands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rag/collection.h"
#include "rag/grounding_corpus_for_test.h"

namespace rage::rag {
namespace {

using testing::ElementsAre;
using testing::Pair;
using testing::UnorderedElementsAre;

Demands asked(std::string_view question) {
  return read_demands(question, &for_test::talks());
}

// "What is in Room 12?" is near in meaning to nothing: only the fields tell which talks those are.
TEST(Demands, TellWhichRecordsMeetThem) {
  EXPECT_THAT(asked("What takes place in Room 12?").met,
              UnorderedElementsAre(Pair("talk-1", 1), Pair("talk-3", 1), Pair("talk-4", 1)));
  EXPECT_THAT(asked("Which talks does Mei Tanaka give?").met,
              UnorderedElementsAre(Pair("talk-1", 1), Pair("talk-2", 1)));
  EXPECT_THAT(asked("Which sessions start on Thursday at 10:30?").met,
              UnorderedElementsAre(Pair("talk-1", 1), Pair("talk-2", 1)));
  EXPECT_THAT(asked("Which Hardware talks are on Friday?").met,
              UnorderedElementsAre(Pair("talk-4", 1), Pair("talk-5", 1)));
}

TEST(Demands, ATitleIsADemandToo) {
  const auto met = asked("Is Rust on Lighthouses on Friday?").met;
  EXPECT_FLOAT_EQ(met.at("talk-5"), 2);  // Its day and its title,
  EXPECT_FLOAT_EQ(met.at("talk-4"), 1);  // and another of that day.
  EXPECT_FALSE(met.contains("talk-1"));
}

// What no field explains is for words and meaning to find; the fields are a part of it then.
TEST(Demands, ShareWithTheWordsThatNoFieldExplains) {
  const auto met = asked("Who speaks about maintenance in Hall A?").met;
  EXPECT_THAT(
      met, UnorderedElementsAre(Pair("talk-0", 0.5F), Pair("talk-6", 0.5F), Pair("talk-8", 0.5F)));
}

// "for data people" happens to have the name of a track; most of that track is not meant.
TEST(Demands, ACategoryInPassingIsAWord) {
  EXPECT_TRUE(asked("Who explains data about weather with lamps?").met.empty());
}

TEST(Demands, AWordWithATypingErrorIsSearchedAsItIsMeant) {
  EXPECT_THAT(asked("who speaks about lighthuoses").terms, ElementsAre("lighthous"));
  EXPECT_TRUE(asked("who speaks about lighthouses").terms.empty());
}

TEST(Demands, ThereAreNoneWithoutRecordsOrWithoutAQuestion) {
  for (const Demands& none :
       {read_demands("What is in Room 12?", nullptr),
        read_demands("What is in Room 12?", &for_test::prose()), asked(""),
        asked("What is in Room 12? " + std::string(kDemandingCodePointsMax, 'x'))}) {
    EXPECT_TRUE(none.met.empty());
    EXPECT_TRUE(none.terms.empty());
  }
}

std::shared_ptr<const Snapshot> snapshot_of(std::vector<Chunk> chunks) {
  std::vector<Row> rows;
  for (Chunk& chunk : chunks) {
    rows.push_back({.sequence = static_cast<std::int64_t>(rows.size()) + 1,
                    .chunk = std::make_shared<const Chunk>(std::move(chunk))});
  }
  std::vector<float> vectors(rows.size(), 1);
  return next_snapshot({.dimension = 1, .segments = {}}, {},
                       build_segment(std::move(rows), std::move(vectors)));
}

// A search must not wait until a large index is read anew after each change, and one without
// fields pays nothing.
TEST(Fields, AreReadOnceOfASmallIndexOfRecords) {
  CorpusCache cache;
  const auto talks = snapshot_of(for_test::talk_chunks());
  const auto fields = cache.fields(talks);
  ASSERT_NE(fields, nullptr);
  EXPECT_EQ(cache.fields(talks), fields);
  EXPECT_EQ(cache.of(talks), fields);  // Answers use the same.
  const std::int64_t removed[] = {1};
  EXPECT_NE(cache.fields(next_snapshot(*talks, removed, nullptr)), fields);
  EXPECT_EQ(cache.fields(snapshot_of(for_test::prose_chunks())), nullptr);
  std::vector<Chunk> many(kFieldChunksMax + 1, for_test::talk_chunks().front());
  EXPECT_EQ(cache.fields(snapshot_of(std::move(many))), nullptr);
}

}  // namespace
}  // namespace rage::rag
