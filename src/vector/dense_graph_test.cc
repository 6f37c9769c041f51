#include "vector/dense_graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <thread>

#include "vector/flat_search.h"
#include "vector/random_vectors_for_test.h"

namespace rage::vector {
namespace {

constexpr std::size_t kGraphDimension = 16;
constexpr std::uint64_t kTag = 42;
const GraphOptions kOptions{.dimension = kGraphDimension,
                            .connectivity = 8,
                            .expansion_add = 48,
                            .expansion_search = 64,
                            .readers_max = 4};

std::span<const float> row_of(const std::vector<float>& values, std::int64_t key) {
  return std::span(values).subspan(static_cast<std::size_t>(key) * kGraphDimension,
                                   kGraphDimension);
}

// Row r has key r.
std::unique_ptr<DenseGraph> a_graph(const std::vector<float>& values) {
  auto graph = std::make_unique<DenseGraph>(kOptions);
  for (std::int64_t key = 0; key * std::int64_t{kGraphDimension} < std::ssize(values); ++key) {
    EXPECT_TRUE(graph->add(key, row_of(values, key)));
  }
  return graph;
}

std::vector<std::int64_t> keys(const std::vector<GraphHit>& hits) {
  std::vector<std::int64_t> all;
  for (const GraphHit& hit : hits) all.push_back(hit.key);
  return all;
}

// What an exact search among the rows that pass finds.
std::vector<std::int64_t> exact(const std::vector<float>& values, std::span<const float> query,
                                std::size_t hits_max, const KeyPredicate& allowed) {
  std::vector<std::pair<float, std::int64_t>> all;
  for (std::int64_t key = 0; key * std::int64_t{kGraphDimension} < std::ssize(values); ++key) {
    if (allowed(key)) all.emplace_back(-dot(row_of(values, key), query), key);
  }
  std::ranges::sort(all);
  std::vector<std::int64_t> best;
  for (std::size_t i = 0; i < std::min(hits_max, all.size()); ++i) best.push_back(all[i].second);
  return best;
}

double recall(const std::vector<float>& values, const DenseGraph& graph,
              const KeyPredicate& allowed) {
  const auto queries = clustered_rows(20, kGraphDimension, 10, 0.7F, 8);
  double found = 0;
  for (std::int64_t q = 0; q < 20; ++q) {
    const auto expected = exact(values, row_of(queries, q), 10, allowed);
    // As the index uses it: more candidates than wanted, of which the best are kept.
    const auto hits = keys(graph.search(row_of(queries, q), 40, allowed));
    for (const std::int64_t key : expected) {
      found += std::ranges::count(hits, key) > 0 ? 1.0 / static_cast<double>(expected.size()) : 0;
    }
  }
  return found / 20;
}

// A graph that misses neighbours answers from the wrong passages, and nobody notices.
TEST(DenseGraph, FindsWhatAnExactSearchFinds) {
  const auto values = clustered_rows(600, kGraphDimension, 10, 0.7F, 7);
  const auto graph = a_graph(values);
  EXPECT_GE(recall(values, *graph, [](std::int64_t) { return true; }), 0.95);
}

TEST(DenseGraph, AFilterLeavesNoGaps) {
  const auto values = clustered_rows(600, kGraphDimension, 10, 0.7F, 7);
  const auto graph = a_graph(values);
  for (const std::int64_t every : {2, 9, 100, 599}) {
    const auto passes = [&](std::int64_t key) { return key % every == 0; };
    const auto hits = graph->search(row_of(values, 3), 50, passes);
    const std::size_t matching = static_cast<std::size_t>((599 / every) + 1);
    EXPECT_EQ(hits.size(), std::min<std::size_t>(50, matching)) << every;
    for (const GraphHit& hit : hits) EXPECT_TRUE(passes(hit.key));
    EXPECT_GE(recall(values, *graph, passes), 0.95) << every;
  }
  // Everything that passes lies far from the question: a walk that stops early finds nothing.
  const auto far = [](std::int64_t key) { return key % 10 == 5; };
  EXPECT_EQ(graph->search(row_of(values, 0), 40, far).size(), 40U);
}

// A deleted document that still answers is the worst kind of leak.
TEST(DenseGraph, RemovedRowsAreNeverFoundAgain) {
  const auto values = clustered_rows(600, kGraphDimension, 10, 0.7F, 7);
  const auto graph = a_graph(values);
  std::vector<std::int64_t> gone;
  for (std::int64_t key = 0; key < 600; key += 3) gone.push_back(key);
  graph->remove(gone);
  graph->remove(gone);
  EXPECT_EQ(graph->live_rows(), 400U);
  EXPECT_NEAR(graph->dead_share(), 1.0 / 3, 1e-9);
  for (std::int64_t key = 0; key < 600; key += 3) {
    for (const GraphHit& hit : graph->search(row_of(values, key), 10)) EXPECT_NE(hit.key % 3, 0);
  }
  EXPECT_GE(recall(values, *graph, [](std::int64_t key) { return key % 3 != 0; }), 0.95);
  EXPECT_EQ(graph->search(row_of(values, 0), 1000).size(), 400U);
}

// Deleted while it waited for its turn: adding it then would bring it back.
TEST(DenseGraph, ARowThatWasRemovedBeforeItCameNeverAppears) {
  const auto values = clustered_rows(20, kGraphDimension, 10, 0.7F, 7);
  DenseGraph graph(kOptions);
  ASSERT_TRUE(graph.add(1, row_of(values, 1)));
  const std::int64_t gone[] = {3};
  graph.remove(gone);
  for (const std::int64_t key : {2, 3, 4}) ASSERT_TRUE(graph.add(key, row_of(values, key)));
  EXPECT_EQ(graph.last_key(), 4);
  EXPECT_THAT(keys(graph.search(row_of(values, 3), 10)), testing::UnorderedElementsAre(1, 2, 4));
}

TEST(DenseGraph, NothingFindsNothing) {
  const DenseGraph graph(kOptions);
  const auto query = random_rows(1, kGraphDimension, 1);
  EXPECT_TRUE(graph.search(query, 5).empty());
  EXPECT_EQ(graph.last_key(), DenseGraph::kNoKey);
  const auto empty = graph.serialize(kTag);
  ASSERT_TRUE(empty);
  const auto read = DenseGraph::parse(*empty, kTag, kOptions, {});
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ((*read)->live_rows(), 0U);
}

TEST(DenseGraph, ReadsWhatItWroteWithoutTheRowsThatAreGone) {
  const auto values = clustered_rows(300, kGraphDimension, 10, 0.7F, 7);
  const auto graph = a_graph(values);
  const auto bytes = graph->serialize(kTag);
  ASSERT_TRUE(bytes);
  const auto all = [&](std::int64_t key) { return row_of(values, key); };
  const auto same = DenseGraph::parse(*bytes, kTag, kOptions, all);
  ASSERT_TRUE(same) << same.error().message;
  EXPECT_EQ((*same)->last_key(), 299);
  EXPECT_EQ((*same)->search(row_of(values, 5), 20), graph->search(row_of(values, 5), 20));
  ASSERT_TRUE((*same)->add(300, row_of(values, 0)));  // It goes on from there.

  const auto without_five = DenseGraph::parse(*bytes, kTag, kOptions, [&](std::int64_t key) {
    return key == 5 ? std::span<const float>() : row_of(values, key);
  });
  ASSERT_TRUE(without_five);
  EXPECT_EQ((*without_five)->live_rows(), 299U);
  EXPECT_THAT(keys((*without_five)->search(row_of(values, 5), 20)),
              testing::Not(testing::Contains(5)));
}

// A damaged file must lead to a new graph, never to wrong answers or a crash at start.
TEST(DenseGraph, AnyDamagedByteIsNoticed) {
  const auto values = clustered_rows(40, kGraphDimension, 10, 0.7F, 7);
  const auto bytes = a_graph(values)->serialize(kTag);
  ASSERT_TRUE(bytes);
  const auto all = [&](std::int64_t key) { return row_of(values, key); };
  for (std::size_t at = 0; at < bytes->size(); at += 13) {
    std::string damaged = *bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    const auto read = DenseGraph::parse(damaged, kTag, kOptions, all);
    ASSERT_FALSE(read) << at;
    EXPECT_EQ(read.error().code, ErrorCode::kDataLoss);
  }
  for (std::size_t length = 0; length < bytes->size(); length += 97) {
    EXPECT_FALSE(DenseGraph::parse(bytes->substr(0, length), kTag, kOptions, all));
  }
  EXPECT_FALSE(DenseGraph::parse(*bytes, kTag + 1, kOptions, all));  // Of another index.
}

// Searches go on while rows come and go; each sees only rows that were there.
TEST(DenseGraph, IsSearchedWhileItGrows) {
  const auto values = clustered_rows(300, kGraphDimension, 10, 0.7F, 7);
  DenseGraph graph(kOptions);
  for (std::int64_t key = 0; key < 50; ++key) ASSERT_TRUE(graph.add(key, row_of(values, key)));
  std::atomic<bool> done = false;
  std::vector<std::jthread> readers;
  for (int reader = 0; reader < 6; ++reader) {  // More than there are slots.
    readers.emplace_back([&] {
      do {
        const auto hits = graph.search(row_of(values, 7), 10);
        EXPECT_EQ(hits.size(), 10U);
      } while (!done);
    });
  }
  for (std::int64_t key = 50; key < 300; ++key) {
    EXPECT_TRUE(graph.add(key, row_of(values, key)));
    const std::int64_t old = key - 30;
    graph.remove(std::span(&old, 1));
  }
  done = true;
  readers.clear();
  EXPECT_EQ(graph.live_rows(), 50U);
}

}  // namespace
}  // namespace rage::vector
