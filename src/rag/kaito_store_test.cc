#include "rag/kaito_store.h"

#include <gtest/gtest.h>

#include "base/files.h"
#include "rag/hashes.h"
#include "test_paths.h"

namespace rage::rag {
namespace {

// Somebody who comes from KAITO keeps every document, whole, under its id. The file was written by
// llama-index 0.14.18 as KAITO's service calls it: a document in four overlapping chunks, code, and
// one that was updated.
TEST(KaitoStore, DocumentsComeBackWhole) {
  const auto bytes =
      read_file(test::source_dir() / "src/rag/testdata/kaito_docstore.json", kDocstoreBytesMax);
  ASSERT_TRUE(bytes);
  const auto stored = parse_kaito_docstore(*bytes);
  ASSERT_TRUE(stored) << stored.error().message;
  ASSERT_EQ(stored->size(), 3U);
  const StoredDocument& handbook = stored->at(0);
  EXPECT_EQ(document_id(handbook.document.text), handbook.doc_id);  // To the last space.
  EXPECT_EQ(handbook.document.metadata, (codec::Json{{"title", "Handbook"}, {"year", 2026}}));
  EXPECT_EQ(stored->at(1).document.text, "def f():\n    return 1");
  const StoredDocument& updated = stored->at(2);
  EXPECT_EQ(updated.document.text, "First document, changed");
  EXPECT_EQ(updated.doc_id, document_id("First document in index1"));
}

std::string docstore(const codec::Json& nodes) {
  codec::Json data = codec::Json::object();
  for (const codec::Json& node : nodes)
    data["node" + std::to_string(data.size())] = {{"__type__", "1"}, {"__data__", node}};
  return codec::render_json({{"docstore/data", data}});
}

TEST(KaitoStore, ChunksWithoutOffsetsAreJoinedByLineBreaks) {
  const auto stored = parse_kaito_docstore(
      docstore({{{"text", "one"}, {"relationships", {{"1", {{"node_id", "d"}}}}}},
                {{"text", "two"}, {"relationships", {{"1", {{"node_id", "d"}}}}}}}));
  ASSERT_TRUE(stored);
  ASSERT_EQ(stored->size(), 1U);
  EXPECT_EQ(stored->at(0).document.text, "one\ntwo");
}

// A wrong offset must not make a document of gigabytes.
TEST(KaitoStore, AbsurdOffsetsAreBounded) {
  const auto stored = parse_kaito_docstore(docstore(
      {{{"text", "one"}, {"start_char_idx", 0}, {"relationships", {{"1", {{"node_id", "d"}}}}}},
       {{"text", "two"},
        {"start_char_idx", 9'000'000'000'000},
        {"relationships", {{"1", {{"node_id", "d"}}}}}}}));
  ASSERT_TRUE(stored);
  EXPECT_LT(stored->at(0).document.text.size(), 5000U);
}

TEST(KaitoStore, WhatIsNoDocstoreIsSaid) {
  for (const char* bad : {"", "[]", "{\"a\":1}", R"({"docstore/data":{"n":{}}})",
                          R"({"docstore/data":{"n":{"__data__":{"text":5}}}})"}) {
    const auto stored = parse_kaito_docstore(bad);
    ASSERT_FALSE(stored) << bad;
    EXPECT_EQ(stored.error().code, ErrorCode::kDataLoss);
  }
  EXPECT_TRUE(parse_kaito_docstore("{}"));
}

}  // namespace
}  // namespace rage::rag
