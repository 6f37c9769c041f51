#include "rag/ingest.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "embed/hashing_embedder.h"

namespace rage::rag {
namespace {

// A model with short sequences that notes what it is given.
class NotingEmbedder final : public embed::Embedder {
 public:
  Result<embed::EmbeddingMatrix> embed(const Context& context, std::span<const std::string> texts,
                                       embed::TextKind kind) override {
    ++calls;
    for (const std::string& text : texts) longest = std::max(longest, count_tokens(text));
    return words_.embed(context, texts, kind);
  }
  std::string_view id() const override { return words_.id(); }
  std::size_t dimension() const override { return words_.dimension(); }
  std::size_t tokens_max() const override { return 64; }
  std::size_t count_tokens(std::string_view text) const override {
    return words_.count_tokens(text);
  }

  int calls = 0;
  std::size_t longest = 0;

 private:
  embed::HashingEmbedder words_{16};
};

// The original embeds one document at a time, under its only lock.
TEST(Ingest, DocumentsOfOneRequestShareBatches) {
  NotingEmbedder embedder;
  std::vector<Document> documents;
  for (int i = 0; i < 128; ++i) documents.push_back({.text = "short text " + std::to_string(i)});
  const auto prepared = prepare_documents({}, embedder, {}, std::move(documents));
  ASSERT_TRUE(prepared);
  EXPECT_EQ(prepared->size(), 128U);
  EXPECT_EQ(embedder.calls, 2);
}

// In the original the second half of a full chunk is cut off before it is embedded.
TEST(Ingest, NoPartOfADocumentIsTooLongToBeFound) {
  NotingEmbedder embedder;
  std::string text;
  for (int i = 0; i < 500; ++i) text += "Sentence number " + std::to_string(i) + " of many. ";
  const auto prepared = prepare_documents({}, embedder, {}, {{.text = text}});
  ASSERT_TRUE(prepared);
  EXPECT_LE(embedder.longest, embedder.tokens_max() - 2);
  EXPECT_TRUE(prepared->front().chunk_texts.back().contains("number 499"));
}

}  // namespace
}  // namespace rage::rag
