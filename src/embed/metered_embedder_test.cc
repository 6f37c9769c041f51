// Without true counts nobody can see that a second ingestion embeds nothing, or that an embedding
// service fails.
#include "embed/metered_embedder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "embed/hashing_embedder.h"

namespace rage::embed {
namespace {

using testing::HasSubstr;

class Failing final : public Embedder {
 public:
  Result<EmbeddingMatrix> embed(const Context&, std::span<const std::string>, TextKind) override {
    return fail(ErrorCode::kUnavailable, "down");
  }
  std::string_view id() const override { return "failing"; }
  std::size_t dimension() const override { return 2; }
  std::size_t tokens_max() const override { return 16; }
  std::size_t count_tokens(std::string_view) const override { return 0; }
};

TEST(MeteredEmbedder, CountsTextsAndCallsByWhatBecameOfThem) {
  HashingEmbedder hashing;
  MeteredEmbedder metered(hashing, "local");
  const std::vector<std::string> texts = {"a", "b", "c"};
  EXPECT_THAT(metered.render_metrics(), HasSubstr("rage_embeddings_total{kind=\"passage\"} 0"));
  ASSERT_TRUE(metered.embed({}, texts, TextKind::kPassage));
  ASSERT_TRUE(metered.embed({}, std::span(texts).first(1), TextKind::kQuery));
  const std::string text = metered.render_metrics();
  EXPECT_THAT(text, HasSubstr("rage_embeddings_total{kind=\"passage\"} 3"));
  EXPECT_THAT(text, HasSubstr("rage_embeddings_total{kind=\"query\"} 1"));
  EXPECT_THAT(text, HasSubstr("rag_embedding_requests_total{status=\"success\",mode=\"local\"} 2"));
}

TEST(MeteredEmbedder, AFailureIsNoSuccess) {
  Failing failing;
  MeteredEmbedder metered(failing, "remote");
  const std::vector<std::string> texts = {"a"};
  ASSERT_FALSE(metered.embed({}, texts, TextKind::kPassage));
  const std::string text = metered.render_metrics();
  EXPECT_THAT(text,
              HasSubstr("rag_embedding_requests_total{status=\"failure\",mode=\"remote\"} 1"));
  EXPECT_THAT(text, HasSubstr("rage_embeddings_total{kind=\"passage\"} 0"));
}

}  // namespace
}  // namespace rage::embed
