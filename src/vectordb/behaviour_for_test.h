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

inline std::vector<std::string> doc_ids(const std::vector<StoreHit>& hits) {
  std::vector<std::string> ids;
  for (const StoreHit& hit : hits) ids.push_back(hit.chunk.doc_id);
  return ids;
}

class StoreBehaviour {
 public:
  explicit StoreBehaviour(VectorStore& store) : store_(store) {}

  void run() {
    indexes_come_and_go();
    what_is_stored_comes_back();
    the_nearest_comes_first();
    words_count_as_well();
    filters_act_inside();
    documents_are_replaced_and_removed();
    hostile_names_are_only_names();
  }

 private:
  Context context() const { return Context::with_timeout(std::chrono::seconds(30)); }

  void fill(const std::string& index, const std::vector<StoredChunk>& chunks) {
    ASSERT_TRUE(store_.ensure_index(context(), index, kTestDimension));
    const auto stored = store_.replace(context(), index, chunks);
    ASSERT_TRUE(stored) << stored.error().message << " " << stored.error().detail;
  }

  std::vector<StoreHit> ask(const std::string& index, const StoreQuery& query) {
    const auto hits = store_.search(context(), index, query);
    EXPECT_TRUE(hits) << hits.error().message << " " << hits.error().detail;
    return hits.value_or(std::vector<StoreHit>{});
  }

  // KAITO forgets an index and keeps its data: the same name gets the old documents back.
  void indexes_come_and_go() {
    EXPECT_EQ(store_.drop_index(context(), "talks").error().code, ErrorCode::kNotFound);
    fill("talks", {a_chunk(1, "one")});
    EXPECT_TRUE(store_.ensure_index(context(), "talks", kTestDimension));
    EXPECT_EQ(store_.ensure_index(context(), "talks", 9).error().code,
              ErrorCode::kFailedPrecondition);
    EXPECT_THAT(*store_.indexes(context()), testing::Contains("talks"));
    ASSERT_TRUE(store_.drop_index(context(), "talks"));
    EXPECT_THAT(*store_.indexes(context()), testing::Not(testing::Contains("talks")));
    EXPECT_EQ(store_.count(context(), "talks", nullptr).error().code, ErrorCode::kNotFound);
    ASSERT_TRUE(store_.ensure_index(context(), "talks", kTestDimension));
    EXPECT_EQ(*store_.count(context(), "talks", nullptr), 0U);
    ASSERT_TRUE(store_.drop_index(context(), "talks"));
  }

  void what_is_stored_comes_back() {
    const codec::Json metadata = {{"z", 1}, {"a", {{"deep", {1, 2.5, nullptr}}}}, {"m", "ü\"\\"}};
    fill("kept", {a_chunk(1, "first \"quoted\" \\ {text}\n with ü", metadata), a_chunk(2, "second"),
                  a_chunk(3, "third")});
    const auto all = store_.list(context(), "kept", {});
    ASSERT_TRUE(all) << all.error().message << " " << all.error().detail;
    ASSERT_EQ(all->size(), 3U);
    EXPECT_EQ((*all)[0].text, "first \"quoted\" \\ {text}\n with ü");
    EXPECT_EQ(codec::render_json((*all)[0].metadata), codec::render_json(metadata));
    EXPECT_EQ((*all)[0].node_id, "00000000-0000-4000-8000-000000000001");
    const auto page = store_.list(context(), "kept", {.offset = 1, .limit = 1});
    ASSERT_TRUE(page);
    ASSERT_EQ(page->size(), 1U);
    EXPECT_EQ((*page)[0].doc_id, "doc-2");
  }

  // KAITO's Qdrant and FAISS stores disagree on which end of a score is good.
  void the_nearest_comes_first() {
    std::vector<StoredChunk> chunks;
    for (std::uint32_t i = 1; i <= 60; ++i) chunks.push_back(a_chunk(i, "text"));
    fill("near", chunks);
    for (const std::uint32_t wanted : {1U, 17U, 60U}) {
      const auto vector = unit_vector(wanted);
      const auto hits = ask("near", {.vector = vector, .hits_max = 5});
      ASSERT_EQ(hits.size(), 5U);
      EXPECT_EQ(hits[0].chunk.doc_id, "doc-" + std::to_string(wanted));
      EXPECT_NEAR(hits[0].score, 1, 1e-4);
      for (std::size_t i = 1; i < hits.size(); ++i) EXPECT_LE(hits[i].score, hits[i - 1].score);
    }
  }

  void words_count_as_well() {
    fill("words", {a_chunk(1, "apples are red"), a_chunk(2, "pears are green"),
                   a_chunk(3, "kubernetes schedules pods"), a_chunk(4, "plums are blue")});
    const auto vector = unit_vector(900);  // Near nothing in particular.
    const auto hits =
        ask("words", {.vector = vector, .text = "how are pods scheduled?", .hits_max = 4});
    ASSERT_EQ(hits.size(), 4U);
    EXPECT_THAT(doc_ids({hits.begin(), hits.begin() + 2}), testing::Contains("doc-3"));
  }

  // A filter after the search returns fewer results than exist.
  void filters_act_inside() {
    std::vector<StoredChunk> chunks;
    for (std::uint32_t i = 1; i <= 300; ++i) {
      codec::Json metadata = {{"day", i % 3},
                              {"price", i + 0.5},
                              {"even", i % 2 == 0},
                              {"name", "n" + std::to_string(i)},
                              {"tags", {"t" + std::to_string(i % 5)}}};
      metadata["date"] = "2026-03-" + std::to_string(10 + i % 20);
      if (i % 10 == 0) metadata["rare"] = "yes it's \"rare\"";
      chunks.push_back(a_chunk(i, "common words", metadata));
    }
    fill("filtered", chunks);
    struct Case {
      const char* filter;
      std::size_t matching;
    };
    const Case cases[] = {
        {"{}", 300},
        {R"({"day": 1})", 100},
        {R"({"day": 1.0, "even": true})", 50},
        {R"({"rare": "yes it's \"rare\""})", 30},
        {R"({"rare": null})", 270},
        {R"({"rare": {"$exists": true}})", 30},
        {R"({"name": "n7"})", 1},
        {R"({"name": {"$in": ["n1", "n2", "absent"]}})", 2},
        {R"({"name": {"$nin": ["n1", "n2"]}})", 298},
        {R"({"day": {"$ne": 0}})", 200},
        {R"({"price": {"$gt": 10.5, "$lte": 20.5}})", 10},
        {R"({"date": {"$lt": "2026-03-12"}})", 30},
        {R"({"tags": {"$contains": "t3"}})", 60},
        {R"({"rare": {"$contains": "it's"}})", 30},
        {R"({"$or": [{"day": 1}, {"day": 2}], "$not": {"even": true}})", 100},
        {R"({"name": {"$gt": 5}})", 0},
        {R"({"absent": {"$lt": 5}})", 0},
        {R"({"$or": []})", 0},
    };
    const auto vector = unit_vector(5);
    for (const Case& one : cases) {
      const auto filter = codec::parse_json(one.filter);
      ASSERT_TRUE(filter);
      EXPECT_EQ(store_.count(context(), "filtered", &*filter).value_or(9999), one.matching)
          << one.filter;
      for (const char* text : {"", "common words"}) {
        const auto hits =
            ask("filtered", {.vector = vector, .text = text, .hits_max = 40, .filter = &*filter});
        EXPECT_EQ(hits.size(), std::min<std::size_t>(40, one.matching)) << one.filter << text;
      }
      const auto listed = store_.list(context(), "filtered", {.limit = 1000, .filter = &*filter});
      ASSERT_TRUE(listed);
      EXPECT_EQ(listed->size(), one.matching) << one.filter;
    }
    const codec::Json wrong = {{"a", {{"$like", "x"}}}};
    EXPECT_EQ(store_.count(context(), "filtered", &wrong).error().code,
              ErrorCode::kInvalidArgument);
  }

  // A deleted document that still answers is the worst kind of leak.
  void documents_are_replaced_and_removed() {
    StoredChunk second = a_chunk(2, "old second half");
    second.doc_id = "doc-1";
    fill("changing", {a_chunk(1, "old first half"), second, a_chunk(3, "another")});
    StoredChunk fresh = a_chunk(4, "new text");
    fresh.doc_id = "doc-1";
    ASSERT_TRUE(store_.replace(context(), "changing", std::vector{fresh}));
    EXPECT_EQ(*store_.count(context(), "changing", nullptr), 2U);
    const auto vector = unit_vector(1);
    for (const auto& hit :
         ask("changing", {.vector = vector, .text = "old half", .hits_max = 10})) {
      EXPECT_EQ(hit.chunk.text.find("old"), std::string::npos);
    }
    const std::vector<std::string> gone = {"doc-1", "absent", "a\"b\\c', $1"};
    EXPECT_EQ(*store_.remove(context(), "changing", gone), 1U);
    EXPECT_EQ(*store_.remove(context(), "changing", gone), 0U);
    EXPECT_THAT(doc_ids(ask("changing", {.vector = vector, .hits_max = 10})),
                testing::ElementsAre("doc-3"));
  }

  void hostile_names_are_only_names() {
    for (const std::string name :
         {"a/b?c=%20", "'; DROP SCHEMA rage CASCADE; --", "..", "ü \"x\""}) {
      fill(name, {a_chunk(1, "text")});
      EXPECT_EQ(*store_.count(context(), name, nullptr), 1U);
      EXPECT_THAT(*store_.indexes(context()), testing::Contains(name));
      ASSERT_TRUE(store_.drop_index(context(), name));
    }
  }

  VectorStore& store_;
};

}  // namespace rage::vectordb
