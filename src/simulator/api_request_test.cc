#include "simulator/api_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rage::simulator {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;
using Tokens = std::vector<std::uint32_t>;

TEST(ApiRequest, ChatIsReadWhole) {
  const auto request = parse_api_request(Api::kChat, R"({
    "model": "m", "stream": true, "stream_options": {"include_usage": true}, "max_tokens": 5,
    "max_completion_tokens": 7, "min_tokens": 2, "ignore_eos": true, "cache_salt": "s",
    "user": null, "tools": [{"type": "function"}],
    "messages": [{"role": "system", "content": "Be brief."},
                 {"role": "user", "content": [{"type": "text", "text": "Hi"},
                                              {"type": "image_url"}]},
                 {"role": "assistant", "content": null}]})");
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->model, "m");
  EXPECT_TRUE(request->stream && request->include_usage && request->ignore_eos);
  EXPECT_EQ(request->output_tokens_max, 7u);
  EXPECT_EQ(request->output_tokens_min, 2u);
  EXPECT_EQ(request->cache_salt, "s");
  EXPECT_THAT(request->inputs,
              ElementsAre(Input(std::string("[{\"type\":\"function\"}]system\nBe brief.\nuser\nHi"
                                            "{\"type\":\"image_url\"}\nassistant\n\n"))));
}

TEST(ApiRequest, PromptsComeInFourShapes) {
  const auto inputs = [](std::string_view prompt) {
    return parse_api_request(Api::kCompletions, fmt::format(R"({{"prompt": {}}})", prompt))->inputs;
  };
  EXPECT_THAT(inputs(R"("a")"), ElementsAre(Input(std::string("a"))));
  EXPECT_THAT(inputs(R"(["a", "b"])"), SizeIs(2));
  EXPECT_THAT(inputs("[1, 2]"), ElementsAre(Input(Tokens{1, 2})));
  EXPECT_THAT(inputs("[[1], [2]]"), ElementsAre(Input(Tokens{1}), Input(Tokens{2})));
}

TEST(ApiRequest, WhatIsWrongIsSaid) {
  const std::vector<std::tuple<Api, std::string_view, std::string_view>> cases = {
      {Api::kChat, "", ""},
      {Api::kChat, "[]", "object"},
      {Api::kChat, "{}", "messages"},
      {Api::kChat, R"({"messages": []})", "messages"},
      {Api::kChat, R"({"messages": [{"content": "a"}]})", "role"},
      {Api::kChat, R"({"messages": [{"role": "user", "content": 5}]})", "content"},
      {Api::kChat, R"({"model": 5, "messages": [{"role": "user"}]})", "model"},
      {Api::kChat, R"({"n": 2, "messages": [{"role": "user"}]})", "n must be 1"},
      {Api::kChat, R"({"stream": 1, "messages": [{"role": "user"}]})", "stream"},
      {Api::kChat, R"({"max_tokens": 0, "messages": [{"role": "user"}]})", "max_tokens"},
      {Api::kChat, R"({"max_tokens": -1, "messages": [{"role": "user"}]})", "max_tokens"},
      {Api::kCompletions, R"({"prompt": []})", "prompt"},
      {Api::kCompletions, R"({"prompt": [[]]})", "prompt"},
      {Api::kCompletions, R"({"prompt": [1, "a"]})", "prompt"},
      {Api::kCompletions, R"({"prompt": [99999999999]})", "prompt"},
      {Api::kEmbeddings, R"({"prompt": "a"})", "input"},
      {Api::kEmbeddings, R"({"input": "a", "encoding_format": "hex"})", "encoding_format"},
      {Api::kEmbeddings, R"({"input": "a", "dimensions": 0})", "dimensions"},
  };
  for (const auto& [api, body, reason] : cases) {
    const auto request = parse_api_request(api, body);
    ASSERT_FALSE(request) << body;
    EXPECT_THAT(request.error().message, HasSubstr(reason)) << body;
  }
}

TEST(ApiRequest, CompletionsStopAfterSixteenTokensUnlessTold) {
  EXPECT_EQ(parse_api_request(Api::kCompletions, R"({"prompt": "a"})")->output_tokens_max, 16u);
}

TEST(PlanOutput, LimitsAndWishes) {
  struct Case {
    std::optional<std::uint64_t> most;
    std::uint64_t least;
    bool ignore_eos;
    std::uint64_t tokens;
    std::string_view reason;
  };
  const std::vector<Case> cases = {
      {std::nullopt, 0, false, 40, "stop"}, {std::nullopt, 0, true, 100, "length"},
      {10, 0, false, 10, "length"},         {10, 0, true, 10, "length"},
      {70, 60, false, 60, "stop"},          {500, 0, true, 100, "length"},
      {40, 0, false, 40, "length"},         {50, 60, false, 50, "length"},
  };
  for (const Case& c : cases) {
    const ApiRequest request{.inputs = {},
                             .ignore_eos = c.ignore_eos,
                             .output_tokens_max = c.most,
                             .output_tokens_min = c.least};
    const OutputPlan plan = plan_output(request, 100, 40);
    EXPECT_EQ(plan.tokens, c.tokens);
    EXPECT_EQ(plan.finish_reason, c.reason);
  }
}

TEST(ApiRequest, KvTransferParamsSayWhoPrefills) {
  const auto with = [](std::string_view params) {
    return parse_api_request(Api::kCompletions,
                             fmt::format(R"({{"prompt": "a", "kv_transfer_params": {}}})", params));
  };
  EXPECT_TRUE(with(R"({"do_remote_decode": true, "remote_engine_id": null})")->for_remote_decode);
  const auto decode =
      with(R"({"do_remote_prefill": true, "remote_engine_id": "p", "remote_block_ids": [0]})");
  EXPECT_EQ(decode->prefilled_by, "p");
  EXPECT_FALSE(with("null")->prefilled_by || with("null")->for_remote_decode);
  EXPECT_FALSE(with(R"({"do_remote_prefill": true})"));
  EXPECT_FALSE(with("7"));
}

}  // namespace
}  // namespace rage::simulator
