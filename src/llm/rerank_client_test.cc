// A document put first by somebody else's score, or a score that is none, would mislead whoever
// trusts the order.
#include "llm/rerank_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rage::llm {
namespace {

TEST(RerankReply, TheBestComesFirst) {
  const auto ranked = parse_rerank_reply(
      R"({"results":[{"index":0,"relevance_score":0.1},{"index":2,"score":0.9}]})", 3);
  ASSERT_TRUE(ranked) << ranked.error().message;
  ASSERT_EQ(ranked->size(), 2U);
  EXPECT_EQ((*ranked)[0].index, 2U);
  EXPECT_EQ((*ranked)[1].relevance, 0.1);
}

TEST(RerankReply, WhatIsNoneIsRefused) {
  for (const char* body :
       {"", "{}", "[]", R"({"results":[{"index":3,"score":1}]})",
        R"({"results":[{"index":-1,"score":1}]})", R"({"results":[{"index":0}]})",
        R"({"results":["a"]})", R"({"results":[{"index":0,"score":1},{"index":0,"score":2}]})"}) {
    const auto ranked = parse_rerank_reply(body, 3);
    ASSERT_FALSE(ranked) << body;
    EXPECT_EQ(ranked.error().code, ErrorCode::kDataLoss);
  }
}

}  // namespace
}  // namespace rage::llm
