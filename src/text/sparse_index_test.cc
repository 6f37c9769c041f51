#include "text/sparse_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>

#include "text/detail/impacts.h"

namespace rage::text {
namespace {

using Rows = std::vector<std::vector<std::string>>;

// BM25 as the header writes it, one row at a time.
std::vector<SparseHit> naive_search(const Rows& rows, const std::vector<std::string>& query,
                                    std::size_t hits_max) {
  double total = 0;
  for (const auto& row : rows) total += static_cast<double>(row.size());
  const double average = total / static_cast<double>(rows.size());
  std::vector<SparseHit> hits;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    double score = 0;
    for (const std::string& term : query) {
      const double f = static_cast<double>(std::ranges::count(rows[r], term));
      const double df = static_cast<double>(std::ranges::count_if(
          rows, [&](const auto& row) { return std::ranges::find(row, term) != row.end(); }));
      const double idf = std::log(1 + (static_cast<double>(rows.size()) - df + 0.5) / (df + 0.5));
      score +=
          idf * f / (f + 1.5 * (1 - 0.75 + 0.75 * static_cast<double>(rows[r].size()) / average));
    }
    if (score > 0) hits.push_back({0, static_cast<RowId>(r), static_cast<float>(score)});
  }
  std::ranges::sort(hits, [](const auto& a, const auto& b) {
    return a.score != b.score ? a.score > b.score : a.row < b.row;
  });
  hits.resize(std::min(hits.size(), hits_max));
  return hits;
}

Rows random_rows(std::mt19937& random, std::size_t count) {
  Rows rows(count);
  for (auto& row : rows) {
    const std::size_t length = 1 + random() % 12;
    for (std::size_t i = 0; i < length; ++i) row.push_back("t" + std::to_string(random() % 30));
  }
  return rows;
}

TEST(SparseIndex, ScoresAsTheFormulaSays) {
  std::mt19937 random(5);
  for (int round = 0; round < 20; ++round) {
    const Rows rows = random_rows(random, 40);
    const SparseSegment segment = SparseSegment::build(rows);
    const std::vector<std::string> query = {"t1", "t2", "t7", "absent"};
    const SegmentView view{.segment = &segment};
    const auto hits = search_sparse(std::span(&view, 1), query, 10);
    const auto expected = naive_search(rows, query, 10);
    ASSERT_EQ(hits.size(), expected.size());
    for (std::size_t i = 0; i < hits.size(); ++i) {
      EXPECT_NEAR(hits[i].score, expected[i].score, 1e-5);
    }
  }
}

TEST(SparseIndex, ABoundIsTheIdfOfAllTermsUnknownOnesIncluded) {
  const Rows rows = {{"a", "b"}, {"a"}, {"c", "c", "c"}};
  const SparseSegment segment = SparseSegment::build(rows);
  const SegmentView view{.segment = &segment};
  const std::vector<std::string> query = {"a", "c", "c", "absent"};
  const double bound = bound_of_scores(std::span(&view, 1), query);
  EXPECT_NEAR(
      bound, std::log(1 + 1.5 / 2.5) + 2 * std::log(1 + 2.5 / 1.5) + std::log(1 + 3.5 / 0.5), 1e-9);
  EXPECT_LT(search_sparse(std::span(&view, 1), query, 1)[0].score, bound);
  EXPECT_EQ(bound_of_scores(std::span(&view, 1), {}), 0);
}

// An index that grew by small writes must rank like one that was built at once.
TEST(SparseIndex, MergedSegmentsEqualOneBuiltAtOnce) {
  std::mt19937 random(6);
  const Rows first = random_rows(random, 30);
  const Rows second = random_rows(random, 50);
  Rows both = first;
  both.insert(both.end(), second.begin(), second.end());
  const SparseSegment a = SparseSegment::build(first);
  const SparseSegment b = SparseSegment::build(second);
  const SparseSegment* parts[] = {&a, &b};
  const RowSet* none[] = {nullptr, nullptr};
  const SparseSegment merged = SparseSegment::merge(parts, none);
  const SparseSegment whole = SparseSegment::build(both);
  const std::vector<std::string> query = {"t3", "t4", "t5"};
  const SegmentView merged_view{.segment = &merged};
  const SegmentView whole_view{.segment = &whole};
  EXPECT_EQ(search_sparse(std::span(&merged_view, 1), query, 80),
            search_sparse(std::span(&whole_view, 1), query, 80));
  const SegmentView split[] = {{.segment = &a}, {.segment = &b}};
  std::multimap<float, int> split_scores, whole_scores;
  for (const auto& hit : search_sparse(split, query, 80)) split_scores.emplace(hit.score, 0);
  for (const auto& hit : search_sparse(std::span(&whole_view, 1), query, 80))
    whole_scores.emplace(hit.score, 0);
  EXPECT_EQ(split_scores, whole_scores);
}

TEST(SparseIndex, DeletedRowsVanishAndAMergeForgetsThem) {
  const SparseSegment segment =
      SparseSegment::build(Rows{{"red", "apple"}, {"red"}, {"green", "red"}});
  RowSet deleted(3);
  deleted.insert(1);
  const std::vector<std::string> query = {"red"};
  const SegmentView view{.segment = &segment, .deleted = &deleted};
  for (const auto& hit : search_sparse(std::span(&view, 1), query, 5)) EXPECT_NE(hit.row, 1U);
  const SparseSegment* parts[] = {&segment};
  const RowSet* removed[] = {&deleted};
  const SparseSegment merged = SparseSegment::merge(parts, removed);
  EXPECT_EQ(merged.rows(), 2U);
  EXPECT_EQ(merged.document_frequency("red"), 2U);
  EXPECT_EQ(merged.document_frequency("apple"), 1U);
  EXPECT_EQ(merged.terms_total(), 4U);
}

TEST(SparseIndex, TheFilterAndTheLimitAreKept) {
  const SparseSegment segment = SparseSegment::build(Rows{{"a"}, {"a"}, {"a"}, {"a", "b"}});
  RowSet allowed(4);
  allowed.insert(1);
  allowed.insert(2);
  const std::vector<std::string> query = {"a"};
  const SegmentView view{.segment = &segment, .deleted = nullptr, .allowed = &allowed};
  const auto hits = search_sparse(std::span(&view, 1), query, 1);
  ASSERT_EQ(hits.size(), 1U);
  EXPECT_EQ(hits[0].row, 1U);  // Ties go by row.
  EXPECT_TRUE(search_sparse(std::span(&view, 1), query, 0).empty());
  EXPECT_TRUE(search_sparse({}, query, 3).empty());
  EXPECT_TRUE(search_sparse(std::span(&view, 1), {}, 3).empty());
}

// More rows than one window of the search, long gaps and high frequencies.
TEST(SparseIndex, SearchesManyRows) {
  constexpr std::size_t kRows = 40000;
  Rows rows(kRows, {"common"});
  rows[0].push_back("rare");
  rows[16383].push_back("rare");
  rows[16384] = {"rare", "rare"};
  rows[kRows - 1].assign(1000, "rare");
  const SparseSegment segment = SparseSegment::build(rows);
  const SegmentView view{.segment = &segment};
  const std::vector<std::string> query = {"rare", "common"};
  const auto hits = search_sparse(std::span(&view, 1), query, 5);
  std::vector<RowId> found;
  for (const auto& hit : hits) found.push_back(hit.row);
  EXPECT_THAT(found, testing::ElementsAre(kRows - 1, 16384, 0, 16383, 1));
  EXPECT_EQ(hits[2].score, hits[3].score);
  EXPECT_LT(segment.bytes(), kRows * 8);
}

// Rows of uneven length whose words are as common as in texts: a few everywhere, most seldom.
Rows textlike_rows(std::mt19937& random, std::size_t count) {
  Rows rows(count);
  for (auto& row : rows) {
    const std::size_t length = random() % 20 == 0 ? 0 : 1 + random() % 30;
    for (std::size_t i = 0; i < length; ++i) {
      const std::size_t rank = std::size_t{1} << (random() % 9);
      row.push_back("t" + std::to_string(rank + random() % rank));
    }
  }
  return rows;
}

// Skipping what cannot win must not change who wins, nor any score, nor how ties fall.
TEST(SparseIndex, PruningFindsWhatAnExhaustiveSearchFinds) {
  std::mt19937 random(11);
  for (int round = 0; round < 6; ++round) {
    std::vector<SparseSegment> segments;
    std::vector<RowSet> deleted;
    std::vector<RowSet> allowed;
    for (const std::size_t count : {1500U, 700U, 90U}) {
      segments.push_back(SparseSegment::build(textlike_rows(random, count)));
      deleted.emplace_back(count);
      allowed.emplace_back(count);
      for (RowId row = 0; row < count; ++row) {
        if (random() % 5 == 0) deleted.back().insert(row);
        if (random() % 3 != 0) allowed.back().insert(row);
      }
    }
    const RowPredicate odd = [](RowId row) { return row % 2 == 1; };
    std::vector<SegmentView> views;
    for (std::size_t i = 0; i < segments.size(); ++i) {
      views.push_back({.segment = &segments[i],
                       .deleted = round % 2 == 0 ? nullptr : &deleted[i],
                       .allowed = round % 3 == 0 ? nullptr : &allowed[i],
                       .passes = round < 4 ? nullptr : &odd});
    }
    for (int q = 0; q < 8; ++q) {
      std::vector<std::string> query;
      for (std::size_t i = 0; i < 1 + random() % 9; ++i) {
        query.push_back("t" + std::to_string((std::size_t{1} << (random() % 9)) + random() % 4));
      }
      for (const std::size_t hits_max : {1U, 10U, 200U, 5000U}) {
        EXPECT_EQ(search_sparse(views, query, hits_max, SparseSearch::kPruned),
                  search_sparse(views, query, hits_max, SparseSearch::kExhaustive));
      }
    }
  }
}

TEST(Impacts, BoundEveryPartWhateverTheMeanLength) {
  std::mt19937 random(12);
  for (int round = 0; round < 50; ++round) {
    detail::Impacts impacts;
    std::vector<std::pair<std::uint32_t, std::uint32_t>> all;
    for (std::size_t i = 0; i < 1 + random() % 60; ++i) {
      const std::uint32_t scale = random() % 10 == 0 ? 100000 : 30;
      all.emplace_back(1 + random() % scale, 1 + random() % (3 * scale));
      impacts.add(all.back().first, all.back().second);
    }
    for (const double mean : {1.0, 17.0, 400.0, 90000.0}) {
      const detail::Saturation saturation(1.5F, 0.75F, mean);
      const float bound = impacts.bound(2.5F, saturation);
      for (const auto& [frequency, length] : all) {
        EXPECT_LE(saturation(2.5F, frequency, length), bound * 1.00001F);
      }
    }
  }
}

TEST(SparseIndex, TheOrderOfTheQuestionDoesNotMatter) {
  std::mt19937 random(9);
  const SparseSegment segment = SparseSegment::build(random_rows(random, 200));
  const SegmentView view{.segment = &segment};
  const std::vector<std::string> query = {"t1", "t2", "t3", "t2", "t9"};
  const std::vector<std::string> reversed(query.rbegin(), query.rend());
  EXPECT_EQ(search_sparse(std::span(&view, 1), query, 50),
            search_sparse(std::span(&view, 1), reversed, 50));
}

TEST(SparseIndex, AnEmptySegmentIsASegment) {
  const SparseSegment empty;
  EXPECT_EQ(empty.rows(), 0U);
  EXPECT_EQ(empty.document_frequency("a"), 0U);
  const SparseSegment of_empty_rows = SparseSegment::build(Rows{{}, {}});
  EXPECT_EQ(of_empty_rows.rows(), 2U);
  const SegmentView views[] = {{.segment = &empty}, {.segment = &of_empty_rows}};
  const std::vector<std::string> query = {"a"};
  EXPECT_TRUE(search_sparse(views, query, 5).empty());
  EXPECT_EQ(SparseSegment::merge({}, {}).rows(), 0U);
}

TEST(RowSet, KnowsItsRows) {
  RowSet set(130);
  for (const RowId row : {0U, 63U, 64U, 129U}) set.insert(row);
  EXPECT_EQ(set.count(), 4U);
  EXPECT_TRUE(set.contains(129));
  EXPECT_FALSE(set.contains(128));
  EXPECT_FALSE(set.contains(100000));
}

}  // namespace
}  // namespace rage::text
