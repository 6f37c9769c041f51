#include "gateway/pd_exchange.h"

#include <gmock/gmock.h>

namespace rage::gateway {
namespace {

using codec::Json;
using net::HttpResponse;
using testing::HasSubstr;

constexpr const char* kChat = "/v1/chat/completions";
constexpr const char* kStreamingBody =
    R"({"model":"m","messages":[],"stream":true,"stream_options":{"include_usage":true},)"
    R"("max_tokens":100,"min_tokens":3})";

Json json_of(std::string_view text) {
  return *codec::parse_json(text);
}

class PdExchangeTest : public testing::Test {
 protected:
  PdExchange exchange(std::string body = kStreamingBody, std::string path = kChat) {
    return PdExchange(options_, {.path = std::move(path),
                                 .body = std::move(body),
                                 .prefill_host = "10.0.0.7",
                                 .random_room = 42});
  }
  PdOptions options_;
};

HttpResponse prefill_reply() {
  return HttpResponse::json(
      200, R"({"kv_transfer_params":{"do_remote_prefill":true,"remote_host":"10.0.0.7",)"
           R"("remote_port":5600,"remote_block_ids":[1,2]},)"
           R"("usage":{"prompt_tokens_details":{"cached_tokens":32}}})");
}

// The prefill server must compute one token and keep its blocks; with the client's own limits it
// would write the whole answer first.
TEST_F(PdExchangeTest, NixlAsksPrefillForOneTokenAndItsBlocks) {
  auto split = exchange();
  const PdStep step = split.start();
  const Json body = json_of(std::get<AskPrefill>(step).body);
  EXPECT_EQ(body["max_tokens"], 1);
  EXPECT_EQ(body["max_completion_tokens"], 1);
  EXPECT_EQ(body["stream"], false);
  EXPECT_FALSE(body.contains("stream_options"));
  EXPECT_FALSE(body.contains("min_tokens"));
  EXPECT_EQ(body["model"], "m");
  EXPECT_EQ(body["kv_transfer_params"],
            json_of(R"({"do_remote_decode":true,"do_remote_prefill":false,)"
                    R"("remote_engine_id":null,"remote_block_ids":null,"remote_host":null,)"
                    R"("remote_port":null})"));
}

TEST_F(PdExchangeTest, NixlGivesDecodeTheClientsLimitsAndPrefillsBlocks) {
  auto split = exchange();
  (void)split.start();
  const PdStep step = split.on_prefill(prefill_reply());
  const auto& decode = std::get<AskDecode>(step);
  Json expected = json_of(kStreamingBody);
  expected["kv_transfer_params"] = json_of(prefill_reply().body)["kv_transfer_params"];
  EXPECT_EQ(decode.body, codec::render_json(expected));
  EXPECT_EQ(decode.cached_tokens, 32U);
  EXPECT_EQ(decode.why_alone, "");
}

TEST_F(PdExchangeTest, KnowsTheLimitsOfEveryApi) {
  const auto prefill = [&](std::string body, std::string path) {
    auto split = exchange(std::move(body), std::move(path));
    return json_of(std::get<AskPrefill>(split.start()).body);
  };
  EXPECT_EQ(prefill(R"({"max_output_tokens":9})", "/v1/responses")["max_output_tokens"], 1);
  EXPECT_EQ(prefill(R"({"max_tokens":9})", "/v1/messages")["max_tokens"], 1);
  const Json completion = prefill("{}", "/v1/completions");
  EXPECT_EQ(completion["max_tokens"], 1);
  EXPECT_FALSE(completion.contains("max_completion_tokens"));
  const Json generate = prefill(R"({"token_ids":[1],"sampling_params":{"max_tokens":9,"seed":1}})",
                                "/inference/v1/generate");
  EXPECT_EQ(generate["sampling_params"], json_of(R"({"max_tokens":1,"seed":1})"));
}

// One sick prefill server must not take its decode servers down with it.
TEST_F(PdExchangeTest, DecodesAloneWhenPrefillFails) {
  const Result<HttpResponse> kFailures[] = {
      HttpResponse{.status = 500},
      HttpResponse{.status = 503},
      HttpResponse{.status = 302},
      HttpResponse{.status = 200, .headers = {}, .body = "no JSON"},
      HttpResponse{.status = 200, .headers = {}, .body = R"({"kv_transfer_params":null})"},
      fail(ErrorCode::kUnavailable, "connection refused"),
      fail(ErrorCode::kDeadlineExceeded, "slow"),
      fail(ErrorCode::kDataLoss, "cut off")};
  for (const auto& failure : kFailures) {
    auto split = exchange();
    (void)split.start();
    const PdStep step = split.on_prefill(failure);
    ASSERT_TRUE(std::holds_alternative<AskDecode>(step));
    EXPECT_EQ(std::get<AskDecode>(step).body, kStreamingBody);  // Byte for byte.
    EXPECT_FALSE(std::get<AskDecode>(step).cached_tokens);
    EXPECT_NE(std::get<AskDecode>(step).why_alone, "");
  }
}

TEST_F(PdExchangeTest, PassesPrefillsFailureOnWhenToldTo) {
  options_.on_failure = PrefillFailure::kAnswered;
  auto split = exchange();
  (void)split.start();
  const PdStep step = split.on_prefill(fail(ErrorCode::kUnavailable, "connection refused"));
  EXPECT_EQ(std::get<Answer>(step).response.status, 503);
  EXPECT_THAT(std::get<Answer>(step).response.body, HasSubstr("connection refused"));
}

// What is wrong with a request is wrong at the decode server, too; and 429 asks to slow down.
TEST_F(PdExchangeTest, AnswersWhatIsTheClientsFault) {
  auto split = exchange();
  (void)split.start();
  const PdStep step = split.on_prefill(HttpResponse{
      .status = 429, .headers = {{"retry-after", "3"}, {"x-internal", "1"}}, .body = "later"});
  const HttpResponse& answer = std::get<Answer>(step).response;
  EXPECT_EQ(answer.status, 429);
  EXPECT_EQ(answer.body, "later");
  EXPECT_EQ(answer.headers.find("retry-after"), "3");
  EXPECT_FALSE(answer.headers.has("x-internal"));
}

TEST_F(PdExchangeTest, RetriesWhatMayPassAsOftenAsAllowed) {
  options_.prefill_retries_max = 2;
  auto split = exchange();
  const std::string body = std::get<AskPrefill>(split.start()).body;
  for (int i = 0; i < 2; ++i) {
    const PdStep step = split.on_prefill(HttpResponse{.status = 503});
    ASSERT_TRUE(std::holds_alternative<AskPrefill>(step));
    EXPECT_EQ(std::get<AskPrefill>(step).body, body);
    EXPECT_EQ(std::get<AskPrefill>(step).after, std::chrono::milliseconds(200));
  }
  EXPECT_TRUE(std::holds_alternative<AskDecode>(split.on_prefill(HttpResponse{.status = 503})));
  auto hopeless = exchange();
  (void)hopeless.start();
  EXPECT_TRUE(std::holds_alternative<AskDecode>(hopeless.on_prefill(HttpResponse{.status = 500})));
}

TEST_F(PdExchangeTest, SharedStorageLeavesTheBlocksInTheStore) {
  options_.connector = KvConnector::kSharedStorage;
  auto split = exchange();
  const Json prefill = json_of(std::get<AskPrefill>(split.start()).body);
  EXPECT_EQ(prefill["max_tokens"], 1);
  EXPECT_EQ(prefill["cache_hit_threshold"], 0);
  EXPECT_FALSE(prefill.contains("kv_transfer_params"));
  const PdStep step = split.on_prefill(HttpResponse{.status = 200, .headers = {}, .body = "{}"});
  const Json decode = json_of(std::get<AskDecode>(step).body);
  EXPECT_EQ(decode["max_tokens"], 100);
  EXPECT_EQ(decode["cache_hit_threshold"], 0);
}

TEST_F(PdExchangeTest, SglangAsksBothAndTellsThemWhereToMeet) {
  options_.connector = KvConnector::kSglang;
  auto split = exchange();
  const Json body = json_of(std::get<AskBoth>(split.start()).body);
  EXPECT_EQ(body["bootstrap_host"], "10.0.0.7");
  EXPECT_EQ(body["bootstrap_port"], 8998);
  EXPECT_EQ(body["bootstrap_room"], 21);
  EXPECT_EQ(body["max_tokens"], 100);
}

TEST_F(PdExchangeTest, RefusesBodiesThatAreNoObjects) {
  for (const char* body : {"", "[]", "{", "\"a\""}) {
    auto split = exchange(body);
    EXPECT_EQ(std::get<Answer>(split.start()).response.status, 400) << body;
  }
}

// A client could otherwise make the decode server connect to a host of its choice.
TEST(RefuseClientHosts, SeesThemHoweverTheyAreWritten) {
  struct Case {
    std::string body;
    int status;  // 0: welcome.
  } const kCases[] = {
      {R"({"kv_transfer_params":{"remote_host":"10.9.9.9"}})", 403},
      {R"({"kv_transfer_params":{"remote_hosts":["10.9.9.9"]}})", 403},
      {R"({"kv_transfer_params":{"a":{"remote_bootstrap_addr":"http://x"}}})", 403},
      {R"({"kv_transfer_params":{"remote\u005fho\u0073t":"10.9.9.9"}})", 403},
      {R"({"bootstrap_host":"10.9.9.9"})", 403},
      {R"({"kv_transfer_params":{"remote_host":NaN}})", 400},
      {R"({"kv_transfer_params":{"remote_host":null}})", 0},
      {R"({"kv_transfer_params":{"lmcache.tag":"a"}})", 0},
      {R"({"prompt":"my host is at remote_host","bootstrap_host":null})", 0},
      {R"({"prompt":"no JSON, and nothing that matters)", 0},
  };
  for (const Case& test : kCases) {
    const auto refusal = refuse_client_hosts(kChat, test.body);
    EXPECT_EQ(refusal ? refusal->status : 0, test.status) << test.body;
  }
  EXPECT_FALSE(refuse_client_hosts("/other", kCases[0].body));
}

TEST(IsDisaggregable, IsWhatHasAPromptAndAnAnswer) {
  EXPECT_TRUE(is_disaggregable("/v1/completions"));
  EXPECT_FALSE(is_disaggregable("/v1/embeddings"));
  EXPECT_FALSE(is_disaggregable("/health"));
}

TEST(ParseKvConnector, NamesWhatItHas) {
  EXPECT_EQ(*parse_kv_connector("nixlv2"), KvConnector::kNixlV2);
  EXPECT_EQ(parse_kv_connector("mooncake").error().code, ErrorCode::kUnimplemented);
  EXPECT_EQ(parse_kv_connector("x").error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace rage::gateway
