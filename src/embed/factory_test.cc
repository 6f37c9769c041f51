#include "embed/factory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace rage::embed {
namespace {

using ::testing::HasSubstr;

TEST(MakeEmbedder, HashingNeedsNoModel) {
  const auto embedder = make_embedder({.model = "hashing"});
  ASSERT_TRUE(embedder) << embedder.error().message;
  EXPECT_EQ((*embedder)->id(), "hashing-384");
}

TEST(MakeEmbedder, RefusesOptionsThatMakeNoSense) {
  EXPECT_FALSE(make_embedder({}));
  EXPECT_FALSE(make_embedder({.model = "hashing", .texts_waiting_max = 0}));
  EXPECT_FALSE(make_embedder({.model = "hashing", .threads = 100000}));
}

TEST(MakeEmbedder, NamesTheFolderItCannotUse) {
  const auto embedder = make_embedder({.model = "/nonexistent/model"});
  ASSERT_FALSE(embedder);
  EXPECT_THAT(embedder.error().message, HasSubstr("/nonexistent/model"));
#if RAGE_EMBED_OPENVINO
  EXPECT_EQ(embedder.error().code, ErrorCode::kNotFound);
#else
  EXPECT_EQ(embedder.error().code, ErrorCode::kUnimplemented);
  EXPECT_THAT(embedder.error().message, HasSubstr("hashing"));
#endif
}

}  // namespace
}  // namespace rage::embed
