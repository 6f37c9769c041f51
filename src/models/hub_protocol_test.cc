#include "models/hub_protocol.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/hub_transfer.h"

namespace rage::models {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::string kCommit(40, 'a');

ModelReference a_hub_reference(std::string file = "") {
  return {.source = ModelSource::kHub,
          .organization = "org",
          .repository = "model",
          .revision = "main",
          .file = std::move(file)};
}

TEST(HubListing, ReadsCommitAndFileNames) {
  const auto listing = parse_hub_listing(
      R"({"sha":")" + kCommit +
      R"(","siblings":[{"rfilename":"b.json"},{"rfilename":"a/.b"},{"rfilename":"b.json"}]})");
  ASSERT_TRUE(listing) << listing.error().message;
  EXPECT_EQ(listing->commit, kCommit);
  EXPECT_THAT(listing->files, ElementsAre("a/.b", "b.json"));
}

// A hub, or whoever stands between, must not write outside the model's folder.
TEST(HubListing, BadRepliesAreDataLossNotFiles) {
  const std::string head = R"({"sha":")" + kCommit + R"(","siblings":)";
  const std::string bad[] = {
      "",
      "<html>",
      "[]",
      "null",
      R"({"sha":"main","siblings":[]})",
      R"({"sha":7,"siblings":[]})",
      R"({"sha":")" + kCommit + R"("})",
      head + R"({}})",
      head + R"([{}]})",
      head + R"([7]})",
      head + R"([{"rfilename":"../../x"}]})",
      head + R"([{"rfilename":"/etc/passwd"}]})",
      head + R"([{"rfilename":"a/../b"}]})",
      head + R"([{"rfilename":"a\\b"}]})",
      head + R"([{"rfilename":"a\u0000b"}]})",
      head + R"([{"rfilename":"a\nb"}]})",
      head + R"([{"rfilename":""}]})",
  };
  for (const std::string& text : bad) {
    const auto listing = parse_hub_listing(text);
    ASSERT_FALSE(listing) << text;
    EXPECT_EQ(listing.error().code, ErrorCode::kDataLoss) << text;
  }
}

// Code and pickles run what their author wrote; a user who pulls an embedder never asked for that.
TEST(PlanHubFiles, TakesASentenceTransformersFolderWithoutCodeOrPickles) {
  const HubListing listing{
      .commit = kCommit,
      .files = {".gitattributes", "1_Pooling/config.json", "1_Pooling/evil.py",
                "2_Dense/model.safetensors", "README.md", "config.json", "merges.txt",
                "model.safetensors", "modeling_custom.py", "modules.json", "onnx/config.json",
                "onnx/model.onnx", "pytorch_model.bin", "sentencepiece.bpe.model", "tokenizer.json",
                "tokenizer.py", "vocab.txt"}};
  EXPECT_THAT(plan_hub_files(listing, a_hub_reference()).value(),
              ElementsAre("1_Pooling/config.json", "2_Dense/model.safetensors", "config.json",
                          "merges.txt", "model.safetensors", "modules.json",
                          "sentencepiece.bpe.model", "tokenizer.json", "vocab.txt"));
}

TEST(PlanHubFiles, TakesTheNamedFileOrTheOnlyGguf) {
  const HubListing one{.commit = kCommit, .files = {"README.md", "model.gguf", "config.json"}};
  EXPECT_THAT(plan_hub_files(one, a_hub_reference()).value(), ElementsAre("model.gguf"));
  const HubListing two{.commit = kCommit, .files = {"q4.gguf", "q8.gguf", "x.py"}};
  EXPECT_THAT(plan_hub_files(two, a_hub_reference("q8.gguf")).value(), ElementsAre("q8.gguf"));

  const auto ambiguous = plan_hub_files(two, a_hub_reference());
  EXPECT_EQ(ambiguous.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(ambiguous.error().message, HasSubstr("hf://org/model/q4.gguf"));
  EXPECT_EQ(plan_hub_files(two, a_hub_reference("q9.gguf")).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(plan_hub_files(two, a_hub_reference("x.py")).error().code,
            ErrorCode::kFailedPrecondition);
  const HubListing pickled{.commit = kCommit, .files = {"config.json", "pytorch_model.bin"}};
  EXPECT_EQ(plan_hub_files(pickled, a_hub_reference()).error().code,
            ErrorCode::kFailedPrecondition);
}

TEST(HubFileHead, LinkedHeadersDescribeTheFile) {
  const HubFileHead linked = parse_hub_file_head(
      {.status = 302,
       .headers = {
           {"etag", "\"redirect\""}, {"x-linked-etag", "\"ABCDEF\""}, {"x-linked-size", "12"}}});
  EXPECT_EQ(linked.etag, "abcdef");
  EXPECT_EQ(linked.bytes, 12u);
  const HubFileHead plain =
      parse_hub_file_head({.headers = {{"etag", "W/\"abc\""}, {"content-length", "3"}}});
  EXPECT_EQ(plain.etag, "abc");
  EXPECT_EQ(plain.bytes, 3u);
  const HubFileHead part = parse_hub_file_head(
      {.status = 206, .headers = {{"content-length", "3"}, {"content-range", "bytes 7-9/10"}}});
  EXPECT_EQ(part.bytes, 10u);
}

TEST(ContentRange, AcceptsOnlyWholeStatements) {
  EXPECT_EQ(parse_content_range("bytes 5-9/10")->first, 5u);
  for (const char* bad : {"", "bytes", "bytes */10", "bytes 5-9/*", "bytes 9-5/10", "bytes 5-10/10",
                          "items 5-9/10", "bytes 5/10-9", "bytes -9/10"}) {
    EXPECT_FALSE(parse_content_range(bad)) << bad;
  }
}

TEST(ResolveLocation, FollowsHttpAndNeverDropsTls) {
  const std::string base = "https://hub.test:8443/a/b?c";
  EXPECT_EQ(resolve_location(base, "/x?y"), "https://hub.test:8443/x?y");
  EXPECT_EQ(resolve_location(base, "//cdn.test/x"), "https://cdn.test/x");
  EXPECT_EQ(resolve_location(base, "https://cdn.test/x"), "https://cdn.test/x");
  EXPECT_EQ(resolve_location("http://hub.test/a", "https://cdn.test/x"), "https://cdn.test/x");
  for (const char* bad : {"", "x", "http://cdn.test/x", "file:///etc/passwd", "ftp://cdn.test/x"}) {
    EXPECT_FALSE(resolve_location(base, bad)) << bad;
  }
  EXPECT_EQ(origin_of("HTTP://Host.test:80/x"), "http://host.test:80");
  EXPECT_EQ(origin_of("file:///x"), "");
}

// "403" helps nobody; the message must say what to do next.
TEST(ExplainHubStatus, SaysWhatToDo) {
  const auto explain = [](int status, net::Headers headers, bool has_token) {
    return explain_hub_status({.status = status, .headers = std::move(headers)}, "org/model",
                              "https://hub.test/org/model", has_token);
  };
  const Error gated = explain(403, {{"x-error-code", "GatedRepo"}}, true);
  EXPECT_EQ(gated.code, ErrorCode::kPermissionDenied);
  EXPECT_THAT(gated.message, HasSubstr("accept the licence at https://hub.test/org/model"));
  const Error unknown = explain(401, {}, false);
  EXPECT_EQ(unknown.code, ErrorCode::kUnauthenticated);
  EXPECT_THAT(unknown.message, HasSubstr("set HF_TOKEN"));
  EXPECT_THAT(explain(401, {}, true).message, HasSubstr("token in HF_TOKEN is not valid"));
  EXPECT_EQ(explain(404, {}, false).code, ErrorCode::kNotFound);
  const Error limited = explain(429, {{"retry-after", "7"}}, false);
  EXPECT_EQ(limited.code, ErrorCode::kResourceExhausted);
  EXPECT_EQ(limited.retry_after, std::chrono::seconds(7));
  EXPECT_EQ(explain(503, {}, false).code, ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace rage::models
