// Of a remote embedder a user would lose: vectors that belong to their texts, errors that say what
// to do, and a service that is asked again only when that may help.
#include "embed/remote_protocol.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace rage::embed {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using namespace std::chrono_literals;

TEST(RemoteProtocol, TheAddressSaysWhichApi) {
  EXPECT_EQ(parse_remote_api("auto", "https://api/v1/embeddings?v=1"), RemoteApi::kOpenAi);
  EXPECT_EQ(parse_remote_api("auto", "http://localhost:5000/embedding"), RemoteApi::kKaito);
  EXPECT_EQ(parse_remote_api("openai", "http://x/y"), RemoteApi::kOpenAi);
  EXPECT_EQ(parse_remote_api("other", "http://x/y"), std::nullopt);
}

TEST(RemoteProtocol, AsksAsTheOriginalsDo) {
  const std::vector<std::string> one = {"a"};
  const std::vector<std::string> two = {"a", "b"};
  EXPECT_EQ(render_openai_request("m", two, TextKind::kQuery, false),
            R"({"model":"m","input":["a","b"],"encoding_format":"float"})");
  EXPECT_EQ(render_openai_request("", one, TextKind::kQuery, true),
            R"({"input":["a"],"encoding_format":"float","input_type":"query"})");
  EXPECT_EQ(render_kaito_request(one), R"({"inputs":"a"})");
  EXPECT_EQ(render_kaito_request(two), R"({"inputs":["a","b"]})");
}

TEST(RemoteProtocol, RowsComeInTheOrderOfTheTextsAndHaveLengthOne) {
  const auto reply = parse_openai_reply(
      R"({"model":"m","data":[{"index":1,"embedding":[0,2]},{"index":0,"embedding":[3,4]}]})", 2);
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->model, "m");
  EXPECT_THAT(reply->vectors.row(0), ElementsAre(0.6F, 0.8F));
  EXPECT_THAT(reply->vectors.row(1), ElementsAre(0.0F, 1.0F));
  EXPECT_THAT(parse_kaito_reply("[3, 4]", 1)->vectors.row(0), ElementsAre(0.6F, 0.8F));
  EXPECT_THAT(parse_kaito_reply("[[3, 4]]", 1)->vectors.row(0), ElementsAre(0.6F, 0.8F));
  EXPECT_EQ(parse_kaito_reply("[[3, 4], [1, 0]]", 2)->vectors.rows, 2U);
}

// A vector that is stored for another text, or has no direction, would be found for nothing.
TEST(RemoteProtocol, WhatIsNoAnswerIsRefused) {
  for (const char* body : {"", "{}", R"({"data":[]})", R"({"data":[{"embedding":[1]}]})",
                           R"({"data":[{"index":0,"embedding":[1]},{"index":0,"embedding":[1]}]})",
                           R"({"data":[{"embedding":[1]},{"embedding":[1,2]}]})",
                           R"({"data":[{"embedding":[0]},{"embedding":[1]}]})",
                           R"({"data":[{"embedding":["1"]},{"embedding":[1]}]})",
                           R"({"data":[{"index":7,"embedding":[1]},{"embedding":[1]}]})"}) {
    const auto reply = parse_openai_reply(body, 2);
    ASSERT_FALSE(reply) << body;
    EXPECT_EQ(reply.error().code, ErrorCode::kDataLoss);
  }
  for (const char* body : {"", "{}", "[]", "[[1],[2]]", "[0]", "[\"a\"]", "[[[1]]]"}) {
    EXPECT_FALSE(parse_kaito_reply(body, 1)) << body;
  }
}

TEST(RemoteProtocol, ErrorsSayWhoseTheyAre) {
  const Error denied = remote_error(401, R"({"detail":"no such key"})", "");
  EXPECT_EQ(denied.code, ErrorCode::kUnavailable);  // Ours to mend, not our client's.
  EXPECT_THAT(denied.message, HasSubstr("no such key"));
  EXPECT_THAT(denied.message, HasSubstr("REMOTE_EMBEDDING_ACCESS_SECRET"));
  const Error long_text = remote_error(400, R"({"error":{"message":"too long"}})", "");
  EXPECT_EQ(long_text.code, ErrorCode::kInvalidArgument);
  const Error busy = remote_error(429, "", "3");
  EXPECT_EQ(busy.code, ErrorCode::kResourceExhausted);
  EXPECT_EQ(busy.retry_after, 3'000ms);
  EXPECT_TRUE(is_worth_retrying(busy, 429));
  EXPECT_TRUE(is_worth_retrying(remote_error(503, "", ""), 503));
  EXPECT_TRUE(is_worth_retrying({.code = ErrorCode::kUnavailable, .message = ""}, 0));
  EXPECT_FALSE(is_worth_retrying(denied, 401));
  EXPECT_FALSE(is_worth_retrying(long_text, 400));
  EXPECT_FALSE(is_worth_retrying({.code = ErrorCode::kCancelled, .message = ""}, 0));
}

TEST(RemoteProtocol, WaitsLongerEachTimeAndAsLongAsAsked) {
  EXPECT_EQ(backoff_before(2, {}, 0), 250ms);
  EXPECT_EQ(backoff_before(4, {}, 0), 1'000ms);
  EXPECT_EQ(backoff_before(4, {}, 1), 500ms);
  EXPECT_EQ(backoff_before(40, {}, 0), 8'000ms);
  EXPECT_EQ(backoff_before(2, 3'000ms, 1), 3'000ms);
  EXPECT_EQ(backoff_before(2, 600'000ms, 1), 10'000ms);
}

TEST(RemoteProtocol, CountsRatherTooManyTokens) {
  EXPECT_EQ(estimate_tokens(""), 0U);
  EXPECT_EQ(estimate_tokens("the cat"), 2U);
  EXPECT_EQ(estimate_tokens("containers."), 4U);
  EXPECT_EQ(estimate_tokens("日本"), 2U);
  EXPECT_EQ(cut_at_tokens("one two three", 2), "one two ");
  EXPECT_EQ(cut_at_tokens("日本", 1), "日");
  EXPECT_EQ(cut_at_tokens("short", 100), "short");
}

TEST(RemoteProtocol, AShownAddressHasNoSecrets) {
  EXPECT_EQ(shown_url("https://user:word@host:1/v1/embeddings?key=secret"),
            "https://host:1/v1/embeddings");
}

}  // namespace
}  // namespace rage::embed
