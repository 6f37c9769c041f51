#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "llm/chunk_reader.h"
#include "llm/openai_client.h"
#include "llm/upstream_error.h"

namespace rage::llm {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(OpenAiUrls, EverySpellingLeadsToTheSameEndpoints) {
  const OpenAiUrls expected{.chat_completions = "http://host:8000/v1/chat/completions",
                            .models = "http://host:8000/v1/models"};
  for (const char* url :
       {"http://host:8000", "http://host:8000/", "http://host:8000/v1", "http://host:8000/v1/",
        "http://host:8000/v1/chat/completions", " http://host:8000/v1/chat/completions/ "}) {
    const auto urls = plan_openai_urls(url);
    ASSERT_TRUE(urls) << url;
    EXPECT_EQ(urls.value(), expected) << url;
  }
}

TEST(OpenAiUrls, PrefixesAndQueriesStay) {
  const auto azure = plan_openai_urls("https://x.test/openai/v1?api-version=2").value();
  EXPECT_EQ(azure.chat_completions, "https://x.test/openai/v1/chat/completions?api-version=2");
  EXPECT_EQ(azure.models, "https://x.test/openai/v1/models?api-version=2");
  const auto plain = plan_openai_urls("http://host/v1/completions").value();
  EXPECT_EQ(plain.chat_completions, "http://host/v1/completions");
  EXPECT_EQ(plain.models, "http://host/v1/models");
}

TEST(OpenAiUrls, WhatIsNoUrlIsRefused) {
  for (const char* url : {"", "host:8000", "ftp://host", "http://", "http:///v1", "http://a b/v1",
                          "http://host/v1\r\nx: y"}) {
    EXPECT_EQ(plan_openai_urls(url).error().code, ErrorCode::kInvalidArgument) << url;
  }
}

TEST(ModelList, ReadsEveryServersWayToStateTheContext) {
  const auto models = parse_model_list(R"({"data":[
      {"id":"vllm","max_model_len":4096},
      {"id":"llama","meta":{"n_ctx":512,"n_ctx_train":8192}},
      {"id":"older","meta":{"n_ctx_train":2048}},
      {"id":"router","context_length":1e5},
      {"id":"silent","tags":["fast","rage.dev/substituted-model=phi-4 -> packaged:small"]},
      {"id":"odd","max_model_len":"x","meta":[],"context_length":-3},
      {"name":"no id"}, {"id":7}, null]})");
  ASSERT_TRUE(models) << models.error().message;
  std::vector<std::pair<std::string, std::int64_t>> seen;
  for (const ModelInfo& model : *models) {
    seen.emplace_back(model.id, model.context_tokens_max.value_or(-1));
  }
  using Pair = std::pair<std::string, std::int64_t>;
  EXPECT_THAT(seen, ElementsAre(Pair("vllm", 4096), Pair("llama", 512), Pair("older", 2048),
                                Pair("router", 100'000), Pair("silent", -1), Pair("odd", -1)));
  EXPECT_EQ(models->at(4).stand_in, "phi-4 -> packaged:small");
  EXPECT_EQ(models->at(5).stand_in, "");
}

// Who serves the model decides what may be asked of it beyond OpenAI's fields.
TEST(ModelList, SaysWhichRuntimeServesTheModel) {
  const auto models = parse_model_list(
      R"({"data":[{"id":"a","owned_by":"llamacpp"},{"id":"b","owned_by":"vllm"},
                  {"id":"c"},{"id":"d","owned_by":7}]})");
  ASSERT_TRUE(models) << models.error().message;
  std::vector<std::string> runtimes;
  for (const ModelInfo& model : *models) runtimes.push_back(model.runtime);
  EXPECT_THAT(runtimes, ElementsAre("llamacpp", "vllm", "", ""));
}

TEST(ModelList, WhatIsNoListIsDataLoss) {
  for (const char* text : {"", "<html>", "{}", R"({"data":7})", "7"}) {
    EXPECT_EQ(parse_model_list(text).error().code, ErrorCode::kDataLoss) << text;
  }
  EXPECT_TRUE(parse_model_list(R"({"data":[]})")->empty());
}

TEST(ErrorText, IsWhatTheUpstreamSaid) {
  EXPECT_EQ(extract_error_text(400, R"({"error":{"message":"too long","type":"x"}})"), "too long");
  EXPECT_EQ(extract_error_text(400, R"({"error":"plain"})"), "plain");
  EXPECT_EQ(extract_error_text(422, R"({"detail":"Not Found"})"), "Not Found");
  EXPECT_EQ(extract_error_text(422, R"({"detail":[{"loc":["body"]}]})"), R"([{"loc":["body"]}])");
  EXPECT_EQ(extract_error_text(502, "  <h1>Bad</h1>\n"), "<h1>Bad</h1>");
  EXPECT_EQ(extract_error_text(502, ""), "HTTP 502 Bad Gateway");
  EXPECT_EQ(extract_error_text(502, R"({"error":null})"), R"({"error":null})");
}

// The text goes into our own JSON replies: it must be bounded and valid UTF-8.
TEST(ErrorText, IsBoundedAndValidUtf8) {
  EXPECT_EQ(extract_error_text(500, "bad \xff byte"), "bad \xef\xbf\xbd byte");
  std::string accents;
  for (int i = 0; i < 5'000; ++i) accents += "é";
  const std::string text = extract_error_text(500, "x" + accents);
  EXPECT_LE(text.size(), 2'000u);
  EXPECT_GE(text.size(), 1'990u);
  EXPECT_TRUE(text.ends_with("é"));
}

struct ReadStream {
  std::vector<std::string> chunks;
  bool is_done = false;
  Result<void> result;
};

ReadStream read_stream(std::string_view text) {
  ReadStream read;
  const ChunkReader::OnChunk on_chunk = [&](const codec::Json& chunk) {
    read.chunks.push_back(codec::render_json(chunk));
    return true;
  };
  ChunkReader reader(on_chunk);
  reader.feed(text);
  read.is_done = reader.is_done();
  read.result = reader.is_done() ? reader.result() : reader.finish();
  return read;
}

TEST(ChunkReader, DeliversChunksUntilDone) {
  const auto read = read_stream(
      ": keep-alive\n\ndata: {\"choices\":[]}\n\n: ping\n\ndata: {\"usage\":{}}\n\n"
      "data: [DONE]\n\ndata: {\"late\":1}\n\n");
  EXPECT_TRUE(read.result);
  EXPECT_THAT(read.chunks, ElementsAre(R"({"choices":[]})", R"({"usage":{}})"));
}

// Half an answer that looks whole is the worst answer.
TEST(ChunkReader, StreamThatEndsEarlyIsDataLoss) {
  const std::string half = "data: {\"choices\":[{\"finish_reason\":null}]}\n\n";
  EXPECT_EQ(read_stream(half).result.error().code, ErrorCode::kDataLoss);
  EXPECT_EQ(read_stream("").result.error().code, ErrorCode::kDataLoss);
  // Servers that send no [DONE] still say when they are finished.
  EXPECT_TRUE(read_stream(half + "data: {\"choices\":[{\"finish_reason\":\"stop\"}]}\n\n").result);
}

TEST(ChunkReader, ErrorsInsideTheStreamAreErrors) {
  const auto limited =
      read_stream("data: {\"error\":{\"message\":\"slow down\",\"code\":429}}\n\n");
  EXPECT_EQ(limited.result.error().code, ErrorCode::kResourceExhausted);
  EXPECT_EQ(limited.result.error().message, "slow down");
  const auto event = read_stream("event: error\ndata: {\"detail\":\"out of memory\"}\n\n");
  EXPECT_EQ(event.result.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(event.result.error().message, HasSubstr("out of memory"));
  EXPECT_EQ(read_stream("data: nonsense\n\n").result.error().code, ErrorCode::kDataLoss);
  EXPECT_EQ(read_stream("data: [1]\n\n").result.error().code, ErrorCode::kDataLoss);
}

}  // namespace
}  // namespace rage::llm
