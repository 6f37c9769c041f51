#include "rag/splitting.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "embed/hashing_embedder.h"
#include "rag/collections.h"
#include "text/structured_chunks.h"

namespace rage::rag {
namespace {

using codec::Json;
using testing::HasSubstr;

constexpr text::ChunkOptions kOptions{.tokens_max = 24, .tokens_overlap = 6};

std::size_t count_tokens(std::string_view text) {
  return embed::HashingEmbedder(16).count_tokens(text);
}

std::string python_source() {
  std::string text = "import os\n\n\nclass Pool:\n";
  for (int i = 0; i < 30; ++i) {
    text += "    # Number " + std::to_string(i) + ".\n    def take" + std::to_string(i) +
            "(self, first, second):\n        self.used += first\n        return second\n\n";
  }
  return text;
}

std::vector<std::string> texts_of(const Document& document) {
  std::vector<std::string> texts;
  const auto chunks = split_document(document, kOptions, count_tokens);
  EXPECT_TRUE(chunks);
  for (const DocumentChunk& chunk : *chunks) texts.push_back(chunk.text);
  return texts;
}

// Every index there is was cut that way; another cut would embed all of them anew.
TEST(Splitting, TextIsCutAsItAlwaysWas) {
  const std::string text = python_source() + "\n# Heading\n\nMore words, and more.\n";
  std::vector<std::string> expected;
  for (const text::TextSpan& span : text::split_into_chunks(text, kOptions, count_tokens)) {
    expected.emplace_back(span.of(text));
  }
  for (const char* metadata :
       {"{}", R"({"file_path":"a/b.txt"})", R"({"language":"python"})", R"({"split_type":1})",
        R"({"split_type":"sentence","file_path":"a.md"})", R"({"split_type":"Code"})"}) {
    const Document document{.text = text, .metadata = *codec::parse_json(metadata)};
    EXPECT_EQ(texts_of(document), expected) << metadata;
    const auto chunks = split_document(document, kOptions, count_tokens);
    ASSERT_TRUE(chunks);
    for (const DocumentChunk& chunk : *chunks) {
      EXPECT_EQ(chunk.context, "");
    }
  }
}

TEST(Splitting, TheMetadataDecides) {
  const auto kind = [](const char* metadata) { return plan_split(*codec::parse_json(metadata)); };
  EXPECT_EQ(kind(R"({"file_path":"docs/README.MD"})")->kind, SplitKind::kMarkdown);
  EXPECT_EQ(kind(R"({"split_type":"markdown"})")->kind, SplitKind::kMarkdown);
  EXPECT_EQ(kind(R"({"split_type":"code","language":"go"})")->language, "go");
}

// Clients of the original look for these words.
TEST(Splitting, ErrorsAreTheOriginals) {
  const auto error = [](const char* metadata) {
    const auto plan = plan_split(*codec::parse_json(metadata));
    EXPECT_FALSE(plan);
    return plan.error();
  };
  for (const char* missing : {R"({"split_type":"code"})", R"({"split_type":"code","language":""})",
                              R"({"split_type":"code","language":null})"}) {
    EXPECT_EQ(error(missing).message, "Language not specified in node metadata.");
    EXPECT_EQ(error(missing).code, ErrorCode::kInternal);
  }
  EXPECT_EQ(error(R"({"split_type":"code","language":"py"})").message,
            "Could not find language library for py");
  EXPECT_EQ(error(R"({"split_type":"code","language":"py"})").code, ErrorCode::kInternal);
}

// One bad document of an append must not leave the others half stored (as in the original).
TEST(Splitting, ABadLanguageStoresNothing) {
  const auto folder = *TemporaryDirectory::create("rage-split-");
  embed::HashingEmbedder embedder(16);
  const auto collections = *Collections::open(folder->path(), embedder, {});
  const auto added = collections->add(
      {}, "code",
      {{.text = "good"},
       {.text = "bad", .metadata = {{"split_type", "code"}, {"language", "klingon"}}}});
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().message, "Could not find language library for klingon");
  EXPECT_FALSE(collections->find("code"));
}

// The original forgets its splitter when an index is loaded, and cuts code as sentences.
TEST(Splitting, CodeIsCutTheSameWayAfterARestart) {
  const auto folder = *TemporaryDirectory::create("rage-split-");
  embed::HashingEmbedder embedder(16);
  const IngestOptions options{.chunk_tokens_max = 64};
  const Json metadata = {{"split_type", "code"}, {"language", "python"}};
  const auto rows_of = [&](Collections& collections, const std::string& doc_id) {
    std::vector<std::string> rows;
    (*collections.find("code"))->snapshot()->for_each_row([&](const Row& row) {
      if (row.chunk->doc_id == doc_id) rows.push_back(row.chunk->text);
      return true;
    });
    return rows;
  };
  std::vector<std::string> before;
  std::string id;
  {
    const auto collections = *Collections::open(folder->path(), embedder, options);
    id = (*collections->add({}, "code", {{.text = python_source(), .metadata = metadata}}))[0];
    before = rows_of(*collections, id);
    ASSERT_TRUE(collections->persist("code", "kept"));
  }
  ASSERT_GT(before.size(), 5U);
  EXPECT_THAT(before[1], HasSubstr("# Number"));
  const auto collections = *Collections::open(folder->path(), embedder, options);
  EXPECT_EQ(rows_of(*collections, id), before);
  // What is stored from now on is cut by the same rules: an update to another text and back ...
  const Document other{.text = "x = 1", .metadata = metadata};
  const Document same{.text = python_source(), .metadata = metadata};
  ASSERT_TRUE(collections->update({}, "code", {{.doc_id = id, .document = other}}));
  EXPECT_EQ(rows_of(*collections, id), std::vector<std::string>{"x = 1"});
  ASSERT_TRUE(collections->update({}, "code", {{.doc_id = id, .document = same}}));
  EXPECT_EQ(rows_of(*collections, id), before);
  // ... and what is loaded from a persisted copy.
  ASSERT_TRUE(collections->load_persisted({}, "code", "kept", true));
  EXPECT_EQ(rows_of(*collections, id), before);
}

}  // namespace
}  // namespace rage::rag
