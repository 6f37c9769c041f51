// What every back end must do, run against each that can be had. Include it in one test file a back
// end, and call it with an empty store.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "vectordb/vector_store.h"

namespace rage::vectordb {

constexpr std::size_t kTestDimension = 8;

inline std::vector<float> unit_vector(std::uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> vector(kTestDimension);
  float squares = 0;
  for (float& value : vector) {
    value = normal(random);
    squares += value * value;
  }
  for (float& value : vector) value /= std::sqrt(squares);
  return vector;
}

inline float dot(std::span<const float> a, std::span<const float> b) {
  float sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// Chunk `number` of document "doc-<number>", with a vector of its own.
inline StoredChunk a_chunk(std::uint32_t number, std::string text,
                           codec::Json metadata = codec::Json::object()) {
  char node[40];
  std::snprintf(node, sizeof(node), "00000000-0000-4000-8000-%012x", number);
  return {.doc_id = "doc-" + std::to_string(number),
          .node_id = node,
          .text = std::move(text),
          .metadata = std::move(metadata),
          .vector = unit_vector(number)};
}

class StoreBehaviour {
 public:
  explicit StoreBehaviour(VectorStore& store) : store_(store) {}

  void run() {
    indexes_come_and_go();
    what_is_stored_comes_back();
    the_nearest_comes_first();
    only_the_asked_for_are_found();
    documents_are_replaced_and_removed();
    nothing_is_written_on_a_wrong_belief();
    every_change_shows_in_the_version();
    hostile_names_are_only_names();
  }

 private:
  using Sequences = std::vector<std::int64_t>;
  Context context() const { return Context::with_timeout(std::chrono::seconds(30)); }

  void make(const std::string& index) {
    const auto made = store_.create_index(
        context(), index, {.id = {}, .embedder = "model", .dimension = kTestDimension});
    ASSERT_TRUE(made) << made.error().message << " " << made.error().detail;
  }
  Written write(const std::string& index, const ReplaceRequest& request) {
    const auto written = store_.replace(context(), index, request);
    EXPECT_TRUE(written) << written.error().message << " " << written.error().detail;
    return written.value_or(Written{});
  }
  Sequences fill(const std::string& index, const std::vector<StoredChunk>& chunks) {
    make(index);
    const std::vector<std::string> none;
    write(index, {.doc_ids = none, .chunks = chunks});
    return sequences(index);
  }
  Sequences sequences(const std::string& index) {
    const auto all = store_.sequences(context(), index);
    EXPECT_TRUE(all) << all.error().message << " " << all.error().detail;
    return all.value_or(Sequences{});
  }
  std::vector<StoredChunk> read(const std::string& index, bool with_vectors = false) {
    const auto chunks = store_.read(context(), index, sequences(index), with_vectors);
    EXPECT_TRUE(chunks) << chunks.error().message << " " << chunks.error().detail;
    return chunks.value_or(std::vector<StoredChunk>{});
  }
  std::vector<std::string> texts(const std::string& index) {
    std::vector<std::string> all;
    for (const StoredChunk& chunk : read(index)) all.push_back(chunk.text);
    return all;
  }
  std::vector<Near> near(const std::string& index, const NearQuery& query) {
    auto found = store_.nearest(context(), index, query);
    EXPECT_TRUE(found) << found.error().message << " " << found.error().detail;
    if (!found) return {};
    std::ranges::sort(*found, [](const Near& a, const Near& b) { return a.cosine > b.cosine; });
    return *found;
  }

  // KAITO forgets an index and keeps its data: the same name gets the old documents back.
  void indexes_come_and_go() {
    EXPECT_EQ(store_.drop_index(context(), "talks").error().code, ErrorCode::kNotFound);
    EXPECT_EQ(store_.find_index(context(), "talks").error().code, ErrorCode::kNotFound);
    EXPECT_EQ(store_.set_setting(context(), "talks", "x").error().code, ErrorCode::kNotFound);
    fill("talks", {a_chunk(1, "one")});
    make("talks");  // Again.
    ASSERT_TRUE(store_.set_setting(context(), "talks", "assist"));
    const auto found = store_.find_index(context(), "talks");
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_EQ(found->embedder, "model");
    EXPECT_EQ(found->dimension, kTestDimension);
    EXPECT_EQ(found->setting, "assist");
    make("another");
    EXPECT_THAT(*store_.indexes(context()), testing::ElementsAre("talks", "another"));
    ASSERT_TRUE(store_.drop_index(context(), "talks"));
    EXPECT_THAT(*store_.indexes(context()), testing::ElementsAre("another"));
    EXPECT_EQ(store_.sequences(context(), "talks").error().code, ErrorCode::kNotFound);
    EXPECT_EQ(store_.replace(context(), "talks", {}).error().code, ErrorCode::kNotFound);
    make("talks");
    EXPECT_TRUE(sequences("talks").empty());
    EXPECT_NE(store_.find_index(context(), "talks")->id, found->id);
  }

  void what_is_stored_comes_back() {
    const codec::Json metadata = {{"z", 1}, {"a", {{"deep", {1, 2.5, nullptr}}}}, {"m", "ü\"\\"}};
    StoredChunk first = a_chunk(1, "first \"quoted\" \\ {text}\n with ü", metadata);
    first.document = first.text + " and a second part";
    StoredChunk second = a_chunk(2, "second part", metadata);
    second.doc_id = first.doc_id;
    second.begin = 31;
    fill("kept", {first, second, a_chunk(3, "third")});
    const auto all = read("kept", true);
    ASSERT_EQ(all.size(), 3U);
    EXPECT_EQ(all[0].text, first.text);
    EXPECT_EQ(all[0].document, first.document);
    EXPECT_EQ(all[1].doc_id, "doc-1");
    EXPECT_EQ(all[1].begin, 31U);
    EXPECT_EQ(all[1].document, "");
    EXPECT_EQ(codec::render_json(all[0].metadata), codec::render_json(metadata));
    EXPECT_EQ(all[0].node_id, first.node_id);
    EXPECT_LT(all[0].sequence, all[1].sequence);
    EXPECT_NEAR(dot(all[2].vector, unit_vector(3)), 1, 1e-5);
    const Sequences some = {all[2].sequence, all[2].sequence + 1000};
    const auto one = store_.read(context(), "kept", some, false);
    ASSERT_TRUE(one);
    ASSERT_EQ(one->size(), 1U);
    EXPECT_TRUE(one->front().vector.empty());
  }

  // KAITO's Qdrant and FAISS stores disagree on which end of a score is good.
  void the_nearest_comes_first() {
    std::vector<StoredChunk> chunks;
    for (std::uint32_t i = 1; i <= 60; ++i) chunks.push_back(a_chunk(i, "text"));
    const Sequences all = fill("near", chunks);
    for (const std::uint32_t wanted : {1U, 17U, 60U}) {
      const auto vector = unit_vector(wanted);
      const auto hits = near("near", {.vector = vector, .hits_max = 5});
      ASSERT_EQ(hits.size(), 5U);
      EXPECT_EQ(hits[0].sequence, all[wanted - 1]);
      EXPECT_NEAR(hits[0].cosine, 1, 1e-4);
    }
    const auto vector = unit_vector(900);
    for (const Near& hit : near("near", {.vector = vector, .hits_max = 60})) {
      const auto at = std::ranges::find(all, hit.sequence) - all.begin();
      EXPECT_NEAR(hit.cosine, dot(vector, unit_vector(static_cast<std::uint32_t>(at + 1))), 1e-4);
    }
  }

  // A filter after the search returns fewer results than exist.
  void only_the_asked_for_are_found() {
    std::vector<StoredChunk> chunks;
    for (std::uint32_t i = 1; i <= 600; ++i) chunks.push_back(a_chunk(i, "text"));
    const Sequences all = fill("filtered", chunks);
    const auto vector = unit_vector(1);
    for (const std::size_t step : {2U, 50U, 599U}) {
      Sequences among;
      for (std::size_t i = 1; i < all.size(); i += step) among.push_back(all[i]);
      const auto hits = near("filtered", {.vector = vector, .hits_max = 40, .among = &among});
      EXPECT_EQ(hits.size(), std::min<std::size_t>(40, among.size()));
      for (const Near& hit : hits) EXPECT_TRUE(std::ranges::binary_search(among, hit.sequence));
    }
    const Sequences none;
    EXPECT_TRUE(near("filtered", {.vector = vector, .among = &none}).empty());
    const Sequences also = {all[99], all[0]};
    const auto hits =
        near("filtered", {.vector = vector, .hits_max = 3, .among = &none, .also = also});
    ASSERT_EQ(hits.size(), 2U);
    EXPECT_EQ(hits[0].sequence, all[0]);
    EXPECT_NEAR(hits[1].cosine, dot(vector, unit_vector(100)), 1e-4);
  }

  // A deleted document that still answers is the worst kind of leak.
  void documents_are_replaced_and_removed() {
    StoredChunk second = a_chunk(2, "old second half");
    second.doc_id = "doc-1";
    fill("changing", {a_chunk(1, "old first half"), second, a_chunk(3, "another")});
    StoredChunk fresh = a_chunk(4, "new text");
    fresh.doc_id = "doc-1";
    const std::vector<std::string> ids = {"doc-1"};
    write("changing", {.doc_ids = ids, .chunks = std::span(&fresh, 1)});
    EXPECT_THAT(texts("changing"), testing::ElementsAre("another", "new text"));
    const auto vector = unit_vector(1);
    EXPECT_EQ(near("changing", {.vector = vector, .hits_max = 10}).size(), 2U);
    const std::vector<std::string> gone = {"doc-1", "absent", "a\"b\\c', $1"};
    write("changing", {.doc_ids = gone, .chunks = {}});
    EXPECT_THAT(texts("changing"), testing::ElementsAre("another"));
    write("changing", {.doc_ids = {}, .all = true, .chunks = std::span(&fresh, 1)});
    EXPECT_THAT(texts("changing"), testing::ElementsAre("new text"));
  }

  // Two programs that change one document at once: the later must look again.
  void nothing_is_written_on_a_wrong_belief() {
    const Sequences all = fill("believed", {a_chunk(1, "one"), a_chunk(2, "two")});
    const std::vector<std::string> ids = {"doc-1", "doc-3"};
    const std::vector<StoredChunk> chunks = {a_chunk(5, "x")};
    for (const std::vector<Expected>& wrong :
         {std::vector<Expected>{{"doc-1", 0}}, std::vector<Expected>{{"doc-1", all[1]}},
          std::vector<Expected>{{"doc-1", all[0]}, {"doc-3", 7}}}) {
      EXPECT_TRUE(
          write("believed", {.doc_ids = ids, .chunks = chunks, .expected = wrong}).conflict);
      EXPECT_THAT(texts("believed"), testing::ElementsAre("one", "two"));
    }
    const std::vector<Expected> right = {{"doc-1", all[0]}, {"doc-3", 0}};
    EXPECT_FALSE(write("believed", {.doc_ids = ids, .chunks = chunks, .expected = right}).conflict);
    EXPECT_THAT(texts("believed"), testing::ElementsAre("two", "x"));
  }

  // Another program's view is as old as the last version that it saw.
  void every_change_shows_in_the_version() {
    make("versions");
    std::vector<std::string> seen = {store_.find_index(context(), "versions")->version};
    const std::vector<std::string> ids = {"doc-1"};
    for (std::uint32_t i = 1; i <= 3; ++i) {
      const StoredChunk chunk = a_chunk(i, "text");
      const Written written = write("versions", {.doc_ids = ids, .chunks = std::span(&chunk, 1)});
      EXPECT_THAT(seen, testing::Not(testing::Contains(written.after)));
      if (!written.before.empty()) {
        EXPECT_EQ(written.before, seen.back());
        EXPECT_THAT(written.sequences, testing::ElementsAre(sequences("versions").back()));
      }
      seen.push_back(store_.find_index(context(), "versions")->version);
      EXPECT_EQ(seen.back(), written.after);
    }
  }

  void hostile_names_are_only_names() {
    for (const std::string name :
         {"a/b?c=%20", "'; DROP SCHEMA rage CASCADE; --", "..", "", "ü \"x\""}) {
      fill(name, {a_chunk(1, "text")});
      EXPECT_THAT(texts(name), testing::ElementsAre("text"));
      EXPECT_THAT(*store_.indexes(context()), testing::Contains(name));
      ASSERT_TRUE(store_.drop_index(context(), name));
    }
  }

  VectorStore& store_;
};

}  // namespace rage::vectordb
