#include "embed/vector_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "embed/hashing_embedder.h"

namespace rage::embed {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;

class Counting final : public Embedder {
 public:
  Result<EmbeddingMatrix> embed(const Context& context, std::span<const std::string> texts,
                                TextKind kind) override {
    asked.assign(texts.begin(), texts.end());
    return inner.embed(context, texts, kind);
  }
  std::string_view id() const override { return inner.id(); }
  std::size_t dimension() const override { return inner.dimension(); }
  std::size_t tokens_max() const override { return inner.tokens_max(); }
  std::size_t count_tokens(std::string_view text) const override {
    return inner.count_tokens(text);
  }

  HashingEmbedder inner;
  std::vector<std::string> asked;
};

// A person who asks a second question would wait for the same sentences to be embedded again.
TEST(VectorCache, AsksOnlyForWhatItDoesNotHave) {
  Counting embedder;
  VectorCache cache(embedder);
  const std::vector<std::string> first = {"a cat", "a dog"};
  const std::vector<std::string> second = {"a dog", "a bird", "a cat"};
  ASSERT_TRUE(cache.embed({}, first));
  const auto rows = cache.embed({}, second);
  ASSERT_TRUE(rows);
  EXPECT_THAT(embedder.asked, ElementsAre("a bird"));
  const auto expected = embedder.inner.embed({}, second, TextKind::kPassage);
  ASSERT_TRUE(expected);
  EXPECT_THAT(rows->values, ElementsAreArray(expected->values));
}

// A large index would fill the memory.
TEST(VectorCache, KeepsWhatWasUsedLast) {
  Counting embedder;
  VectorCache cache(embedder, 2);
  for (const char* text : {"one", "two", "one", "three"}) {
    const std::string asked = text;
    ASSERT_TRUE(cache.embed({}, std::span(&asked, 1)));
  }
  const std::vector<std::string> all = {"one", "two", "three"};
  ASSERT_TRUE(cache.embed({}, all));
  EXPECT_THAT(embedder.asked, ElementsAre("two"));
}

}  // namespace
}  // namespace rage::embed
