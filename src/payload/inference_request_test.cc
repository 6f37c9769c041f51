#include "payload/inference_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

namespace rage::payload {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kChat = "/v1/chat/completions";

InferenceRequest parse(std::string_view path, std::string_view body,
                       std::string_view type = kJson) {
  auto request = parse_inference_request(path, type, body);
  EXPECT_TRUE(request) << request.error().message << "\n" << body;
  return request ? *std::move(request) : InferenceRequest{};
}

std::string refusal(std::string_view path, std::string_view body, std::string_view type = kJson) {
  const auto request = parse_inference_request(path, type, body);
  EXPECT_FALSE(request) << body;
  if (request) return "";
  EXPECT_EQ(request.error().code, ErrorCode::kInvalidArgument);
  return request.error().message;
}

std::string model_text(std::string_view body, const InferenceRequest& request) {
  return std::string(body.substr(request.model_range->begin,
                                 request.model_range->end - request.model_range->begin));
}

TEST(ApiOf, TakesTheLongestSuffix) {
  for (const auto& [path, api] : {
           std::pair("/v1/chat/completions", Api::kChatCompletions),
           std::pair("/openai/v1/chat/completions?x=/embeddings", Api::kChatCompletions),
           std::pair("/v1/chat/completions/render", Api::kChatCompletions),
           std::pair("/v1/completions", Api::kCompletions),
           std::pair("/v1/completions/render", Api::kCompletions),
           std::pair("/v1/embeddings", Api::kEmbeddings),
           std::pair("/v1/responses", Api::kResponses),
           std::pair("/v1/conversations", Api::kConversations),
           std::pair("/v1/images/generations", Api::kImages),
           std::pair("/v1/audio/transcriptions", Api::kAudio),
           std::pair("/v1/messages", Api::kAnthropicMessages),
           std::pair("/v1/messages/count_tokens", Api::kAnthropicMessages),
           std::pair("/inference/v1/generate", Api::kVllmGenerate),
           std::pair("/generate", Api::kSglangGenerate),
           std::pair("/vllm.grpc.engine.VllmEngine/Generate", Api::kVllmGenerate),
           std::pair("/v1/models", Api::kUnknown),
           std::pair("/xcompletions", Api::kUnknown),
           std::pair("/v1/completions/", Api::kUnknown),
           std::pair("/?/v1/completions", Api::kUnknown),
           std::pair("", Api::kUnknown),
       }) {
    EXPECT_EQ(api_of(path), api) << path;
  }
}

TEST(ParseInferenceRequest, ReadsAChat) {
  const std::string body =
      R"({"messages":[{"role":"user","content":"Hi\n\u00e9"}], "model" : "llama" ,"stream":true,)"
      R"("max_tokens":5,"max_completion_tokens":7,"cache_salt":"s","temperature":0.5,"n":null})";
  const auto request = parse(kChat, body);
  EXPECT_EQ(request.api, Api::kChatCompletions);
  EXPECT_EQ(request.model, "llama");
  EXPECT_EQ(model_text(body, request), "\"llama\"");
  EXPECT_TRUE(request.stream);
  EXPECT_EQ(request.output_tokens_max, 7U);
  EXPECT_EQ(request.cache_salt, "s");
  EXPECT_FALSE(request.multimodal);
  EXPECT_THAT(request.prompts, ElementsAre("userHi\né"));
  EXPECT_THAT(request.token_prompts, IsEmpty());
}

TEST(ParseInferenceRequest, ReadsThePromptsOfEveryApi) {
  struct Case {
    std::string_view path;
    std::string_view body;
    std::vector<std::string> prompts;
    std::vector<std::vector<std::uint32_t>> ids = {};
    std::optional<std::uint64_t> output_max = {};
  };
  const Case cases[] = {
      {"/v1/completions", R"({"prompt":"a","max_tokens":3})", {"a"}, {}, 3},
      {"/v1/completions", R"({"prompt":["a","b\u0021"],"max_tokens":null})", {"a", "b!"}},
      {"/v1/completions",
       R"({"prompt":[1, 22 ,4294967295],"max_tokens":-1})",
       {},
       {{1, 22, 4294967295}}},
      {"/v1/completions",
       R"({"prompt":[[0],[7,1234567,12345678]],"max_tokens":16.0})",
       {},
       {{0}, {7, 1234567, 12345678}},
       16},
      {"/v1/completions", R"({"prompt":[],"suffix":"x"})", {}},
      {"/v1/embeddings", R"({"input":["x","y"]})", {"x", "y"}},
      {"/v1/embeddings", R"({"input":[[1,2],[3]]})", {}, {{1, 2}, {3}}},
      {"/v1/responses",
       R"({"input":"q","instructions":"be brief","max_output_tokens":9})",
       {"be briefq"},
       {},
       9},
      {"/v1/responses",
       R"({"input":[{"role":"user","content":[{"type":"input_text","text":"q"}]},)"
       R"({"type":"function_call","name":"f","arguments":"{}","call_id":"1"},)"
       R"({"type":"function_call_output","output":"42"}]})",
       {"userq{}42"}},
      {"/v1/conversations", R"({"items":[{"role":"user","content":"q"}]})", {"userq"}},
      {"/v1/images/generations", R"({"prompt":"a cat"})", {"a cat"}},
      {"/v1/messages",
       R"({"messages":[{"role":"user","content":"q"}],"system":[{"type":"text","text":"s"}],)"
       R"("max_tokens":4})",
       {"suserq"},
       {},
       4},
      {"/inference/v1/generate",
       R"({"token_ids":[5,6],"sampling_params":{"max_tokens":8}})",
       {},
       {{5, 6}},
       8},
      {"/generate",
       R"({"input_ids":[[5],[6]],"sampling_params":{"max_new_tokens":2,"max_tokens":1}})",
       {},
       {{5}, {6}},
       2},
      {"/generate",
       R"({"text":"t","input_ids":[5],"sampling_params":[{"max_new_tokens":2}]})",
       {},
       {{5}}},
      {"/generate", R"({"text":["t","u"]})", {"t", "u"}},
      {"/v1/audio/speech", R"({"model":"m","input":"not cached"})", {}},
  };
  for (const Case& one : cases) {
    const auto request = parse(one.path, one.body);
    EXPECT_EQ(request.prompts, one.prompts) << one.body;
    EXPECT_EQ(request.token_prompts, one.ids) << one.body;
    EXPECT_EQ(request.output_tokens_max, one.output_max) << one.body;
  }
  EXPECT_EQ(parse("/generate", R"({"extra_key":"k"})").cache_salt, "k");
  EXPECT_TRUE(parse("/inference/v1/generate", R"({"features":{"mm_hashes":{}}})").multimodal);
}

// Many ids of every length, spelled with and without spaces: each must arrive as it is.
TEST(ParseInferenceRequest, ReadsManyTokenIds) {
  std::vector<std::uint32_t> ids;
  std::string body = R"({"model":"m","prompt":[)";
  for (std::uint32_t i = 0; i < 20000; ++i) {
    ids.push_back(i * 2654435761U >> (i % 32));
    body += (i == 0       ? ""
             : i % 3 == 0 ? ", "
             : i % 3 == 1 ? ","
                          : "\n\t,\r\n") +
            std::to_string(ids[i]);
  }
  EXPECT_THAT(parse("/v1/completions", body + "]}").token_prompts, ElementsAre(ids));
}

// A request that names its model twice could go to one model's servers and be run as the other.
TEST(ParseInferenceRequest, RefusesAMemberThatStandsTwice) {
  EXPECT_EQ(refusal(kChat, R"({"model":"a","model":"a"})"), "\"model\" stands twice in the body");
  EXPECT_EQ(refusal(kChat, R"({"model":"a","mod\u0065l":"b"})"),
            "\"model\" stands twice in the body");
  EXPECT_EQ(refusal(kChat, R"({"stream":true,"stream":false})"),
            "\"stream\" stands twice in the body");
  EXPECT_EQ(refusal(kChat, R"({"model":"a","MODEL":"b"})"),
            "\"MODEL\" could be taken for \"model\"");
  EXPECT_EQ(parse(kChat, R"({"\u006dodel":"b"})").model, "b");
  EXPECT_EQ(parse(kChat, R"({"x":{"model":"a"},"model":"b","x":1})").model, "b");
}

TEST(ParseInferenceRequest, LeavesAMissingModelToTheCaller) {
  for (const std::string_view body : {R"({"prompt":"x"})", R"({"model":"","prompt":"x"})",
                                      R"({"model":null,"prompt":"x"})", "{}", " { } "}) {
    const auto request = parse("/v1/completions", body);
    EXPECT_EQ(request.model, "");
    const std::string changed = replace_model(body, request.model_range.value(), "m\"1");
    EXPECT_EQ(parse("/v1/completions", changed).model, "m\"1") << changed;
    EXPECT_EQ(parse("/v1/completions", changed).prompts, request.prompts) << changed;
  }
}

TEST(ParseInferenceRequest, RefusesWhatIsNotJson) {
  EXPECT_EQ(refusal(kChat, ""), "body is empty");
  EXPECT_EQ(refusal(kChat, "[]"), "body is not a JSON object");
  EXPECT_EQ(refusal(kChat, "\"x\""), "body is not a JSON object");
  const std::string deep65 = "{\"a\":" + std::string(64, '[') + std::string(64, ']') + "}";
  for (const std::string& body : {std::string("no healthy upstream"),
                                  std::string("{"),
                                  std::string("{}{}"),
                                  std::string("{} x"),
                                  std::string("{\"a\":1,}"),
                                  std::string("{\"a\":[1,]}"),
                                  std::string("{\"a\":[[1}"),
                                  std::string("{\"a\":{}"),
                                  std::string("{\"a\":01}"),
                                  std::string("{\"a\":.5}"),
                                  std::string("{\"a\":NaN}"),
                                  std::string("{\"a\":tru}"),
                                  std::string("{\"a\":nullx}"),
                                  std::string("{a:1}"),
                                  std::string("{\"a\" 1}"),
                                  std::string("{\"a\":\"\\x\"}"),
                                  std::string("{\"\\q\":1}"),
                                  std::string("{\"a\":\"\n\"}"),
                                  std::string("{\"a\":\"\xFF\"}"),
                                  std::string("{\"a\":[}]}"),
                                  std::string("{\"a\":[1 2]}"),
                                  std::string("{\"a\":\"b\"c}"),
                                  std::string("{\"prompt\":[1,2}"),
                                  std::string("{\"prompt\":[1,02]}"),
                                  std::string("\xEF\xBB\xBF{}"),
                                  deep65}) {
    EXPECT_THAT(refusal("/v1/completions", body), StartsWith("body is not ")) << body;
  }
  parse(kChat, "{\"a\":" + std::string(63, '[') + std::string(63, ']') + "}");
  parse(kChat, R"({"a":123456789012345678901234567890,"b":1e999,"c":"\ud800"})");
}

TEST(ParseInferenceRequest, RefusesWrongTypes) {
  for (const auto& [path, body] : {
           std::pair("/v1/completions", R"({"model":7})"),
           std::pair("/v1/completions", R"({"model":["m"]})"),
           std::pair("/v1/completions", R"({"model":"a\nb"})"),
           std::pair("/v1/completions", R"({"stream":"yes"})"),
           std::pair("/v1/completions", R"({"max_tokens":"7"})"),
           std::pair("/v1/completions", R"({"cache_salt":7})"),
           std::pair("/v1/completions", R"({"prompt":7})"),
           std::pair("/v1/completions", R"({"prompt":[1,"a"]})"),
           std::pair("/v1/completions", R"({"prompt":["a",1]})"),
           std::pair("/v1/completions", R"({"prompt":[[1],2]})"),
           std::pair("/v1/completions", R"({"prompt":[[1],["a"]]})"),
           std::pair("/v1/completions", R"({"prompt":[-1]})"),
           std::pair("/v1/completions", R"({"prompt":[1.5]})"),
           std::pair("/v1/completions", R"({"prompt":[4294967296]})"),
           std::pair("/v1/completions", R"({"prompt":[{}]})"),
           std::pair("/v1/chat/completions", R"({"messages":{}})"),
           std::pair("/v1/chat/completions", R"({"messages":["hi"]})"),
           std::pair("/v1/chat/completions", R"({"messages":[{"content":7}]})"),
           std::pair("/v1/chat/completions", R"({"messages":[{"role":[]}]})"),
       }) {
    EXPECT_NE(refusal(path, body), "");
  }
  EXPECT_NE(refusal(kChat, "{\"model\":\"" + std::string(1025, 'm') + "\"}"), "");
}

// Clients say all sorts of things about a JSON body, or nothing.
TEST(ParseInferenceRequest, GoesByThePathWhenTheContentTypeIsVague) {
  for (const std::string_view type :
       {"", "application/json; charset=utf-8", "Application/JSON;charset=\"UTF-8\"", "text/plain",
        "application/x-www-form-urlencoded"}) {
    EXPECT_EQ(parse(kChat, R"({"model":"m"})", type).model, "m") << type;
  }
  EXPECT_NE(refusal(kChat, R"({"model":"m"})", "application/json; charset=utf-7"), "");
  EXPECT_EQ(parse("/v1/models", "not JSON").api, Api::kUnknown);
}

TEST(ParseInferenceRequest, ReadsForms) {
  constexpr std::string_view kType = "multipart/form-data; boundary=xyz";
  const auto field = [](std::string_view name, std::string_view text) {
    return fmt::format("--xyz\r\nContent-Disposition: form-data; name=\"{}\"\r\n\r\n{}\r\n", name,
                       text);
  };
  const std::string path = "/v1/audio/transcriptions";
  const std::string file = field("file\"; filename=\"a.wav", "RIFF{\"model\":\"x\"}");
  const std::string body =
      file + field("model", "whisper-1") + field("stream", "True") + "--xyz--\r\n";
  const auto request = parse(path, body, kType);
  EXPECT_EQ(request.api, Api::kAudio);
  EXPECT_EQ(request.model, "whisper-1");
  EXPECT_TRUE(request.stream);
  EXPECT_EQ(replace_model(body, *request.model_range, "base"),
            file + field("model", "base") + field("stream", "True") + "--xyz--\r\n");

  const std::string without = file + "--xyz--\r\n";
  const auto nameless = parse(path, without, kType);
  EXPECT_EQ(nameless.model, "");
  EXPECT_EQ(replace_model(without, *nameless.model_range, "base"),
            field("model", "base") + without);

  const std::string empty = field("model", "") + "--xyz--";
  EXPECT_EQ(replace_model(empty, *parse(path, empty, kType).model_range, "base"),
            field("model", "base") + "--xyz--");

  EXPECT_EQ(refusal(path, field("model", "a") + body, kType), "\"model\" stands twice in the body");
  EXPECT_NE(refusal(path, field("model\"; filename=\"m", "a") + "--xyz--", kType), "");
  EXPECT_NE(refusal(path, field("model", "a\r\nb") + "--xyz--", kType), "");
  EXPECT_NE(refusal(path, field("model", "\xFF") + "--xyz--", kType), "");
  EXPECT_NE(refusal(path, body, "multipart/form-data"), "");
}

// Numbers, key order and spaces of the client's body reach the server as they were.
TEST(ReplaceModel, ChangesNothingElse) {
  const std::string body = "{ \"b\":1.00, \"model\" :\t\"old\\u0021\" , \"a\":1e400,\"c\":[ ] }";
  const auto request = parse(kChat, body);
  EXPECT_EQ(request.model, "old!");
  EXPECT_EQ(replace_model(body, *request.model_range, "né\"w\\"),
            "{ \"b\":1.00, \"model\" :\t\"né\\\"w\\\\\" , \"a\":1e400,\"c\":[ ] }");
}

// Bytes behind the body belong to somebody else: they must not change what is read.
TEST(ParseInferenceRequest, IgnoresWhatStandsBehindTheBody) {
  for (const std::string& body :
       {std::string(R"({"model":"m","prompt":[1,2]})"), std::string(R"({"prompt":[[1,2])"),
        std::string("{\"a\":{}"), std::string("{\"prompt\":1"), std::string("{\"model\":\"m")}) {
    const auto expected = parse_inference_request("/v1/completions", kJson, body);
    for (const std::string_view behind : {"}", "]}", ",2]}", "\"}", "1}"}) {
      const std::string longer = body + std::string(behind);
      const auto read = parse_inference_request("/v1/completions", kJson,
                                                std::string_view(longer).substr(0, body.size()));
      ASSERT_EQ(read.has_value(), expected.has_value()) << body << behind;
      if (!read) continue;
      EXPECT_EQ(*read, *expected);
    }
  }
}

// The parser is kept once a thread: a large or a bad body must not spoil the next one.
TEST(ParseInferenceRequest, StartsAfreshEachTime) {
  const std::string large = R"({"model":"m","prompt":")" + std::string(17 << 20, 'x') + "\"}";
  std::vector<std::jthread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&large] {
      EXPECT_NE(refusal(kChat, R"({"model":"a)"), "");
      EXPECT_EQ(parse("/v1/completions", large).prompts.at(0).size(), std::size_t{17 << 20});
      EXPECT_EQ(parse(kChat, R"({"model":"b"})").model, "b");
    });
  }
}

}  // namespace
}  // namespace rage::payload
