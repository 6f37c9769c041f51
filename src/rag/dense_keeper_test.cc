#include "rag/dense_keeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "rag/dense_search.h"
#include "vector/random_vectors_for_test.h"

namespace rage::rag {
namespace {

constexpr std::size_t kKeeperDimension = 16;
constexpr std::size_t kRows = 200;
const DenseKeeperOptions kKeeperOptions{.rows_min = 100,
                                        .dead_share_max = 0.25,
                                        .graph = {.dimension = kKeeperDimension,
                                                  .connectivity = 8,
                                                  .expansion_add = 48,
                                                  .expansion_search = 64,
                                                  .readers_max = 2}};

// Row i has sequence i + 1.
const std::vector<float>& vectors() {
  static const auto all = vector::clustered_rows(3 * kRows, kKeeperDimension, 8, 0.7F, 3);
  return all;
}

std::span<const float> vector_at(std::int64_t sequence) {
  return std::span(vectors()).subspan(static_cast<std::size_t>(sequence - 1) * kKeeperDimension,
                                      kKeeperDimension);
}

std::shared_ptr<const Segment> a_dense_segment(std::int64_t first, std::size_t count) {
  std::vector<Row> rows;
  std::vector<float> values;
  for (std::size_t i = 0; i < count; ++i) {
    const std::int64_t sequence = first + static_cast<std::int64_t>(i);
    auto chunk = std::make_shared<Chunk>();
    chunk->doc_id = std::to_string(sequence);
    chunk->metadata["third"] = sequence % 3 == 0;
    rows.push_back({.sequence = sequence, .chunk = chunk});
    const auto vector = vector_at(sequence);
    values.insert(values.end(), vector.begin(), vector.end());
  }
  return build_segment(std::move(rows), std::move(values));
}

std::shared_ptr<const Snapshot> a_snapshot(std::size_t rows) {
  return next_snapshot({.dimension = kKeeperDimension, .segments = {}}, {},
                       a_dense_segment(1, rows));
}

class DenseKeeperTest : public testing::Test {
 protected:
  void SetUp() override {
    auto directory = TemporaryDirectory::create("dense-keeper");
    ASSERT_TRUE(directory);
    directory_ = *std::move(directory);
  }
  std::unique_ptr<DenseKeeper> a_keeper(std::string_view identity = "one") {
    return std::make_unique<DenseKeeper>(directory_->path() / "dense.graph", identity,
                                         kKeeperOptions);
  }
  static void follow(DenseKeeper& keeper, const std::shared_ptr<const Snapshot>& snapshot,
                     std::vector<std::int64_t> removed = {}) {
    keeper.follow(snapshot, removed);
    ASSERT_TRUE(keeper.wait_until_done(std::chrono::steady_clock::now() + std::chrono::minutes(1)));
  }
  std::unique_ptr<TemporaryDirectory> directory_;
};

std::vector<std::string> dense_ids(const Snapshot& snapshot, std::span<const float> vector,
                                   const vector::DenseGraph* graph,
                                   const MetadataFilter& filter = {}) {
  std::vector<std::string> all;
  for (const auto& hit : retrieve(
           snapshot,
           {.vector = vector, .terms = {}, .hits_max = 10, .filter = filter, .graph = graph})) {
    all.push_back(hit.chunk.doc_id);
  }
  return all;
}

// The switch must not show: what a large index answers is what a small one would have answered.
TEST_F(DenseKeeperTest, AnswersAreTheSameBeforeAndAfterTheGraphIsThere) {
  const auto keeper = a_keeper();
  follow(*keeper, a_snapshot(60));
  EXPECT_EQ(keeper->graph(), nullptr);  // A scan is quicker.
  auto snapshot = a_snapshot(kRows);
  follow(*keeper, snapshot);
  const auto graph = keeper->graph();
  ASSERT_NE(graph, nullptr);
  EXPECT_EQ(graph->live_rows(), kRows);
  const MetadataFilter filter = MetadataFilter::parse({{"third", true}}).value();
  for (std::int64_t query = 300; query < 310; ++query) {
    EXPECT_EQ(dense_ids(*snapshot, vector_at(query), graph.get()),
              dense_ids(*snapshot, vector_at(query), nullptr));
    EXPECT_EQ(dense_ids(*snapshot, vector_at(query), graph.get(), filter),
              dense_ids(*snapshot, vector_at(query), nullptr, filter));
  }
}

TEST_F(DenseKeeperTest, RowsThatTheGraphDoesNotHaveYetAreFound) {
  const auto keeper = a_keeper();
  const auto small = a_snapshot(kRows);
  follow(*keeper, small);
  const auto graph = keeper->graph();
  const auto grown = next_snapshot(*small, {}, a_dense_segment(kRows + 1, 70));
  for (std::int64_t added = kRows + 1; added <= std::int64_t{kRows} + 70; added += 9) {
    EXPECT_EQ(dense_ids(*grown, vector_at(added), graph.get()).front(), std::to_string(added));
  }
  follow(*keeper, grown);
  // A reader with the old snapshot sees nothing of what came since.
  for (const auto& id : dense_ids(*small, vector_at(kRows + 5), graph.get())) {
    EXPECT_LE(std::stoul(id), kRows);
  }
}

// A deleted document that still answers is the worst kind of leak.
TEST_F(DenseKeeperTest, RemovedRowsAreGoneAndTheGraphForgetsThem) {
  const auto keeper = a_keeper();
  auto snapshot = a_snapshot(kRows);
  follow(*keeper, snapshot);
  const auto first = keeper->graph();
  std::vector<std::int64_t> removed;
  for (std::int64_t sequence = 1; sequence <= std::int64_t{kRows}; sequence += 2) {
    removed.push_back(sequence);
  }
  const auto next = next_snapshot(*snapshot, removed, nullptr);
  follow(*keeper, next, removed);
  EXPECT_NE(keeper->graph(), first);  // Half of it was gone: built anew.
  EXPECT_EQ(keeper->graph()->dead_share(), 0);
  for (const std::int64_t sequence : removed) {
    for (const auto* graph : {first.get(), keeper->graph().get()}) {
      EXPECT_THAT(dense_ids(*next, vector_at(sequence), graph),
                  testing::Not(testing::Contains(std::to_string(sequence))));
    }
  }
}

// Building a large graph takes minutes: a restart that did it again would be slow for as long.
TEST_F(DenseKeeperTest, AFileSparesTheNextStartTheBuilding) {
  const auto snapshot = a_snapshot(kRows);
  const auto path = directory_->path() / "dense.graph";
  {
    const auto keeper = a_keeper();
    follow(*keeper, snapshot);
  }
  const auto written = read_file(path, 1 << 20);
  ASSERT_TRUE(written);
  const std::int64_t removed[] = {7};
  const auto without_seven = next_snapshot(*snapshot, removed, nullptr);
  {
    const auto keeper = a_keeper();
    follow(*keeper, without_seven);
    EXPECT_EQ(keeper->graph()->live_rows(), kRows - 1);
    EXPECT_GT(keeper->graph()->dead_share(), 0);  // Read, not built: row 7 is a hidden node.
    EXPECT_THAT(dense_ids(*without_seven, vector_at(7), keeper->graph().get()),
                testing::Not(testing::Contains("7")));
  }
  for (const std::string& bytes : {written->substr(0, 1000), std::string("nonsense")}) {
    ASSERT_TRUE(write_file_atomically(path, bytes));
    const auto keeper = a_keeper();
    follow(*keeper, without_seven);
    EXPECT_EQ(keeper->graph()->live_rows(), kRows - 1);
    EXPECT_EQ(keeper->graph()->dead_share(), 0);
  }
  const auto other = a_keeper("two");  // Another index under the same path.
  follow(*other, without_seven);
  EXPECT_EQ(other->graph()->dead_share(), 0);
}

}  // namespace
}  // namespace rage::rag
