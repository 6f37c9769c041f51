#include "simulator/api_reply.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "codec/json.h"

namespace rage::simulator {
namespace {

using codec::Json;
using testing::HasSubstr;
using testing::StartsWith;

const ReplyHead kHead{.api = Api::kChat, .id = "chatcmpl-1", .model = "m\"x", .created = 5};

Json parse(std::string_view text) {
  auto json = codec::parse_json(text);
  EXPECT_TRUE(json) << text;
  return json ? *json : Json();
}

Json data_of(std::string_view event) {
  EXPECT_TRUE(event.starts_with("data: ") && event.ends_with("\n\n")) << event;
  return parse(event.substr(6, event.size() - 8));
}

// A test of a proxy compares what arrived with what must have been sent: in pieces or whole.
TEST(FillerText, IsTheSameInPiecesAndWhole) {
  const std::string whole = filler_text("m", "id-7", 0, 50);
  EXPECT_THAT(whole, StartsWith("[m id-7]"));
  std::string pieces;
  for (const auto& [begin, end] : {std::pair{0, 1}, {1, 20}, {20, 20}, {20, 50}}) {
    pieces += filler_text("m", "id-7", begin, end);
  }
  EXPECT_EQ(pieces, whole);
  EXPECT_NE(filler_text("m", "id-8", 1, 50), filler_text("m", "id-7", 1, 50));
}

TEST(Reply, HasWhatClientsRead) {
  const std::vector<Choice> choices = {{.text = "hello", .finish_reason = "stop"}};
  const Json reply = parse(render_reply(
      kHead, choices, {.prompt_tokens = 20, .completion_tokens = 3, .cached_tokens = 16}));
  EXPECT_EQ(reply["object"], "chat.completion");
  EXPECT_EQ(reply["model"], "m\"x");
  EXPECT_EQ(reply["choices"][0]["message"]["content"], "hello");
  EXPECT_EQ(reply["choices"][0]["finish_reason"], "stop");
  EXPECT_EQ(reply["usage"]["total_tokens"], 23);
  EXPECT_EQ(reply["usage"]["prompt_tokens_details"]["cached_tokens"], 16);
}

TEST(Reply, SaysWhereAnotherServerFindsTheKv) {
  ReplyHead head = kHead;
  head.handover = {.engine = "p", .host = "10.0.0.1", .port = 8000, .blocks = 2};
  const Json params = parse(render_reply(head, {}, {}))["kv_transfer_params"];
  EXPECT_EQ(params["do_remote_prefill"], true);
  EXPECT_EQ(params["remote_engine_id"], "p");
  EXPECT_EQ(params["remote_block_ids"].size(), 2u);
}

TEST(ChunkRenderer, EachPieceIsAnEventOfJson) {
  const ChunkRenderer renderer(kHead);
  EXPECT_EQ(data_of(renderer.role(0))["choices"][0]["delta"]["role"], "assistant");
  const Json text = data_of(renderer.text(1, "a\"b\n"));
  EXPECT_EQ(text["choices"][0]["delta"]["content"], "a\"b\n");
  EXPECT_EQ(text["choices"][0]["index"], 1);
  EXPECT_EQ(text["id"], "chatcmpl-1");
  EXPECT_EQ(data_of(renderer.finish(0, "length"))["choices"][0]["finish_reason"], "length");
  const Json usage = data_of(renderer.usage({.prompt_tokens = 2, .completion_tokens = 1}));
  EXPECT_TRUE(usage["choices"].empty());
  EXPECT_EQ(usage["usage"]["total_tokens"], 3);
}

TEST(ChunkRenderer, CompletionsHaveText) {
  const ChunkRenderer renderer({.api = Api::kCompletions, .id = "cmpl-1", .model = "m"});
  EXPECT_EQ(data_of(renderer.text(0, "a"))["choices"][0]["text"], "a");
  EXPECT_EQ(data_of(renderer.finish(0, "stop"))["choices"][0]["finish_reason"], "stop");
}

TEST(Embedding, IsAUnitVectorOfItsText) {
  const Input input = std::string("hello");
  const auto vector = embedding_of(input, 64);
  double square = 0;
  for (const float value : vector) square += double{value} * value;
  EXPECT_NEAR(square, 1.0, 1e-5);
  EXPECT_EQ(vector, embedding_of(input, 64));
  EXPECT_NE(vector, embedding_of(Input(std::string("hallo")), 64));
}

TEST(Embedding, Base64IsLittleEndianFloats) {
  const std::vector<std::vector<float>> vectors = {{1.0F}, {1.0F, -2.0F}, {0.0F, 0.5F, 3.0F}};
  const Json reply = parse(render_embeddings(kHead, vectors, true, {}));
  EXPECT_EQ(reply["data"][0]["embedding"], "AACAPw==");
  EXPECT_EQ(reply["data"][1]["embedding"], "AACAPwAAAMA=");
  EXPECT_EQ(reply["data"][2]["embedding"], "AAAAAAAAAD8AAEBA");
  EXPECT_EQ(reply["data"][2]["index"], 2);
}

TEST(Models, AdaptersNameTheirParent) {
  const std::vector<ModelCard> cards = {{.id = "base", .parent = "", .tokens_max = 10},
                                        {.id = "sql", .parent = "base", .tokens_max = 10}};
  const Json reply = parse(render_models(cards, 1));
  EXPECT_TRUE(reply["data"][0]["parent"].is_null());
  EXPECT_EQ(reply["data"][1]["parent"], "base");
  EXPECT_EQ(reply["data"][1]["max_model_len"], 10);
}

TEST(Errors, SayTheirCode) {
  EXPECT_EQ(parse(render_error(404, "The model `x` does not exist."))["error"]["code"], 404);
  EXPECT_THAT(render_error(503, "a"), HasSubstr("ServiceUnavailableError"));
}

}  // namespace
}  // namespace rage::simulator
