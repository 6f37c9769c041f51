#include "rag/snapshot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <random>

#include "rag/fusion.h"
#include "text/analyzer.h"

namespace rage::rag {
namespace {

constexpr std::size_t kDimension = 8;

std::vector<float> unit(std::uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> v(kDimension);
  float squares = 0;
  for (float& x : v) {
    x = normal(random);
    squares += x * x;
  }
  for (float& x : v) x /= std::sqrt(squares);
  return v;
}

std::shared_ptr<const Segment> a_segment(std::int64_t first,
                                         const std::vector<std::string>& texts) {
  std::vector<Row> rows;
  std::vector<float> vectors;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::int64_t sequence = first + static_cast<std::int64_t>(i);
    auto chunk = std::make_shared<Chunk>();
    chunk->doc_id = "doc-" + std::to_string(sequence);
    chunk->text = texts[i];
    chunk->metadata["even"] = sequence % 2 == 0;
    rows.push_back({.sequence = sequence, .chunk = chunk});
    const auto v = unit(static_cast<std::uint32_t>(sequence));
    vectors.insert(vectors.end(), v.begin(), v.end());
  }
  return build_segment(std::move(rows), std::move(vectors));
}

std::vector<std::int64_t> sequences(const Snapshot& snapshot) {
  std::vector<std::int64_t> all;
  snapshot.for_each_row([&](const Row& row) {
    all.push_back(row.sequence);
    return true;
  });
  return all;
}

std::vector<std::string> ids(const std::vector<RetrievedChunk>& hits) {
  std::vector<std::string> all;
  for (const auto& hit : hits) all.push_back(hit.chunk.doc_id);
  return all;
}

TEST(Snapshot, MergesSegmentsAndKeepsTheOrderOfInsertion) {
  auto snapshot =
      std::make_shared<const Snapshot>(Snapshot{.dimension = kDimension, .segments = {}});
  std::vector<std::int64_t> expected;
  for (std::int64_t i = 1; i <= 40; ++i) {
    snapshot = next_snapshot(*snapshot, {}, a_segment(i, {"text number " + std::to_string(i)}));
    expected.push_back(i);
  }
  EXPECT_EQ(sequences(*snapshot), expected);
  EXPECT_LE(snapshot->segments.size(), 6U);  // About log2(40).
}

// KAITO's FAISS store reuses ids after a deletion, so an unrelated document vanishes.
TEST(Snapshot, ADeletionRemovesItsRowsAndNoOthers) {
  auto snapshot =
      std::make_shared<const Snapshot>(Snapshot{.dimension = kDimension, .segments = {}});
  snapshot = next_snapshot(*snapshot, {}, a_segment(1, {"alpha", "beta", "gamma"}));
  const std::int64_t removed[] = {2};
  const auto before = snapshot;
  snapshot = next_snapshot(*snapshot, removed, a_segment(4, {"delta"}));
  EXPECT_THAT(sequences(*snapshot), testing::ElementsAre(1, 3, 4));
  EXPECT_THAT(sequences(*before), testing::ElementsAre(1, 2, 3));  // Readers keep what they took.
  for (const std::int64_t sequence : {1, 3, 4}) {
    const auto vector = unit(static_cast<std::uint32_t>(sequence));
    const auto hits = retrieve(*snapshot, {.vector = vector, .terms = {}, .hits_max = 1});
    EXPECT_THAT(ids(hits), testing::ElementsAre("doc-" + std::to_string(sequence)));
  }
}

// KAITO prefers the farthest vectors: a document's own text must find it first.
TEST(Snapshot, TheNearestDocumentComesFirst) {
  auto snapshot =
      next_snapshot({.dimension = kDimension, .segments = {}}, {},
                    a_segment(1, {"red apples", "green pears", "blue plums", "red wine"}));
  const auto terms = text::analyze("green pears");
  const auto hits = retrieve(*snapshot, {.vector = unit(2), .terms = terms, .hits_max = 4});
  ASSERT_EQ(hits.size(), 4U);
  EXPECT_EQ(hits[0].chunk.doc_id, "doc-2");
  EXPECT_NEAR(*hits[0].dense_score, 1.0F, 1e-5);
  EXPECT_TRUE(hits[0].sparse_score);
  EXPECT_FALSE(hits[3].sparse_score);
  for (std::size_t i = 0; i < hits.size(); ++i) {
    EXPECT_GE(hits[i].score, 0);
    EXPECT_LE(hits[i].score, 1);
    if (i > 0) {
      EXPECT_LE(hits[i].score, hits[i - 1].score);
    }
  }
}

// A filter applied after the search would return fewer results than exist.
TEST(Snapshot, TheFilterActsInsideTheSearch) {
  std::vector<std::string> texts;
  for (int i = 0; i < 600; ++i) texts.push_back("common words " + std::to_string(i));
  auto snapshot = next_snapshot({.dimension = kDimension, .segments = {}}, {}, a_segment(1, texts));
  const auto terms = text::analyze("common words");
  const auto filter = *MetadataFilter::parse({{"even", true}});
  const auto hits =
      retrieve(*snapshot, {.vector = unit(7), .terms = terms, .hits_max = 300, .filter = filter});
  EXPECT_EQ(hits.size(), 300U);
  for (const auto& hit : hits) EXPECT_EQ(hit.chunk.metadata["even"], true);
}

// 300 rows share the words and 200 are nearer in meaning: only its fields tell that it is wanted.
TEST(Snapshot, ARowThatMeetsADemandIsFoundThoughBothSidesPassItOver) {
  std::vector<std::string> texts;
  for (int i = 0; i < 600; ++i) texts.push_back(i % 2 == 0 ? "other" : "common words");
  auto snapshot = next_snapshot({.dimension = kDimension, .segments = {}}, {}, a_segment(1, texts));
  const auto terms = text::analyze("common words");
  std::vector<float> vector = unit(7);
  const std::vector<float> row = unit(301);
  const float along = std::inner_product(row.begin(), row.end(), vector.begin(), 0.0F);
  for (std::size_t i = 0; i < vector.size(); ++i) vector[i] -= along * row[i];  // Not alike at all.
  Demands demands;
  RetrieveQuery query{.vector = vector, .terms = terms, .hits_max = 3, .demands = &demands};
  const auto plain = retrieve(*snapshot, query);
  EXPECT_THAT(ids(plain), testing::Not(testing::Contains("doc-301")));
  demands.met["doc-301"] = 2;
  SearchFigures figures;
  EXPECT_EQ(ids(retrieve(*snapshot, query, &figures)).front(), "doc-301");
  EXPECT_EQ(figures.both + figures.dense_only + figures.sparse_only, 2U);  // It was of no side.
  query.filter = *MetadataFilter::parse({{"even", true}});                 // A filter rules.
  EXPECT_THAT(ids(retrieve(*snapshot, query)), testing::Not(testing::Contains("doc-301")));
}

// "Which talks are in English?": where nearly all rows meet it, the other words decide.
TEST(Snapshot, ADemandThatMostRowsMeetAddsNone) {
  std::vector<std::string> texts(600, "common words");
  auto snapshot = next_snapshot({.dimension = kDimension, .segments = {}}, {}, a_segment(1, texts));
  const auto terms = text::analyze("common words");
  Demands demands;
  const auto vector = unit(7);
  const RetrieveQuery query{.vector = vector, .terms = terms, .demands = &demands};
  const auto before = find_by_words_and_fields(*snapshot, query, {}).size();
  for (int i = 1; i <= 600; ++i) demands.met["doc-" + std::to_string(i)] = 1;
  EXPECT_EQ(find_by_words_and_fields(*snapshot, query, {}).size(), before);
}

TEST(Snapshot, AnEmptyIndexFindsNothing) {
  const Snapshot empty{.dimension = kDimension, .segments = {}};
  const auto terms = text::analyze("anything");
  EXPECT_TRUE(retrieve(empty, {.vector = unit(1), .terms = terms}).empty());
}

// A reader would miss that an answer's candidates and a search are ordered by different rules.
TEST(Snapshot, DemandsThatAreKnownAskForTheOrderOfReaders) {
  auto snapshot = next_snapshot({.dimension = kDimension, .segments = {}}, {},
                                a_segment(1, {"red apples", "green pears", "blue plums"}));
  const auto terms = text::analyze("green pears");
  const auto vector = unit(3);
  const Demands none;
  RetrieveQuery query{.vector = vector, .terms = terms};
  const auto answering = retrieve(*snapshot, query);
  query.demands = &none;
  const auto reading = retrieve(*snapshot, query);
  ASSERT_EQ(answering.size(), 3U);
  ASSERT_EQ(reading.size(), 3U);
  std::vector<FusionInput> inputs;
  for (const auto& hit : reading)
    inputs.push_back({.dense = *hit.dense_score, .sparse = hit.sparse_score.value_or(0)});
  const text::SegmentView view{.segment = &snapshot->segments[0].segment->sparse};
  const auto expected = fuse(inputs, text::bound_of_scores(std::span(&view, 1), terms));
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_FLOAT_EQ(reading[i].score, expected[i]);
  }
  inputs.clear();
  for (const auto& hit : answering)
    inputs.push_back({.dense = *hit.dense_score, .sparse = hit.sparse_score.value_or(0)});
  const auto candidates = fuse_for_answer(inputs);
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    EXPECT_FLOAT_EQ(answering[i].score, candidates[i]);
  }
}

void expect_falling(const std::vector<float>& scores) {
  for (std::size_t i = 1; i < scores.size(); ++i) EXPECT_GT(scores[i - 1], scores[i]);
  EXPECT_LT(scores.front(), 1);
  EXPECT_GT(scores.back(), 0);
}

TEST(Fusion, RisesWithEachSideAndStaysWithinBounds) {
  const FusionInput candidates[] = {{0.9F, 12}, {0.9F, 3}, {0.2F, 3}, {0.2F, 0}};
  expect_falling(fuse(candidates, 20));
  expect_falling(fuse_for_answer(candidates));
  const FusionInput demanded[] = {{0.2F, 0, 2}, {0.5F, 4, 0}, {0.2F, 0, 0.1F}, {0.2F, 0, 0}};
  expect_falling(fuse(demanded, 20));
  const FusionInput alone[] = {{0.4F, 0}};
  EXPECT_FLOAT_EQ(fuse(alone, 0)[0], 0.5F);
  EXPECT_FLOAT_EQ(fuse_for_answer(alone)[0], 0.5F);
  const FusionInput itself[] = {{1, 0}};
  EXPECT_FLOAT_EQ(fuse(itself, 1)[0], 0.5F);
  EXPECT_TRUE(fuse({}, 1).empty());
  EXPECT_TRUE(fuse_for_answer({}).empty());
}

// "wireshrk lab": what shares the word "lab" by chance must not hide what is meant.
TEST(Fusion, WordsSayLittleWhereMostOfThemAreUnknown) {
  const FusionInput candidates[] = {{0.5F, 0}, {0.2F, 2}, {0.2F, 0}, {0.1F, 0}};
  const auto known = fuse(candidates, 4);
  EXPECT_GT(known[1], known[0]);
  const auto unknown = fuse(candidates, 15);
  EXPECT_GT(unknown[0], unknown[1]);
}

// Models differ in how near to each other they see all texts; the order must not.
TEST(Fusion, AModelThatSeesAllTextsNearEachOtherOrdersThemAlike) {
  const FusionInput wide[] = {{0.5F, 1}, {0.3F, 4}, {0.1F, 6}, {0.0F, 0}};
  std::vector<FusionInput> narrow(std::begin(wide), std::end(wide));
  for (FusionInput& candidate : narrow) candidate.dense = 0.8F + 0.2F * candidate.dense;
  const auto expected = fuse(wide, 12);
  const auto scores = fuse(narrow, 12);
  for (std::size_t i = 0; i < scores.size(); ++i) EXPECT_NEAR(scores[i], expected[i], 1e-5);
}

}  // namespace
}  // namespace rage::rag
