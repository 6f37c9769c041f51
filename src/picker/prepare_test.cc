// Whom a request is from, how important it is and which model it means, from whatever clients send.
#include "picker/detail/prepare.h"

#include <gtest/gtest.h>

#include "picker/detail/refusals.h"
#include "picker/detail/request_headers.h"

namespace rage::picker::detail {
namespace {

using namespace std::chrono_literals;

TEST(RequestHeaders, TheCanonicalNameWinsOverItsAlias) {
  EXPECT_EQ(objective_name({{"x-gateway-inference-objective", "old"}}), "old");
  EXPECT_EQ(objective_name({{"x-gateway-inference-objective", "old"},
                            {"x-llm-d-inference-objective", " new "}}),
            "new");
  EXPECT_EQ(objective_name(
                {{"x-gateway-inference-objective", "old"}, {"x-llm-d-inference-objective", ""}}),
            "old");
  EXPECT_EQ(model_rewrite({{"x-gateway-model-name-rewrite", "m"}}), "m");
}

TEST(RequestHeaders, AFlowIsTheHeadersElseTheAgentsElseTheDefault) {
  const std::vector<std::string> extra = {"x-team"};
  const net::Headers agent = {{"session_id", "s"}, {"x-claude-code-session-id", "c"}};
  EXPECT_EQ(fairness_id({}, extra, true), "default-flow");
  EXPECT_EQ(fairness_id(agent, {}, true), "c");
  EXPECT_EQ(fairness_id(agent, {}, false), "default-flow");
  EXPECT_EQ(fairness_id({{"session_id", "s"}, {"x-team", "t"}}, extra, true), "t");
  EXPECT_EQ(fairness_id({{"x-gateway-inference-fairness-id", "f"}, {"session_id", "s"}}, {}, true),
            "f");
  EXPECT_EQ(fairness_id({{"session_id", std::string(5000, 'a')}}, {}, true).size(), 128);
}

TEST(RequestHeaders, ReadsPreferencesAndTimes) {
  EXPECT_TRUE(prefers_if_available({{"prefer", "wait=10, if-available"}}));
  EXPECT_TRUE(prefers_if_available({{"prefer", "wait=10"}, {"Prefer", "If-Available; x=1"}}));
  EXPECT_FALSE(prefers_if_available({{"prefer", "not-if-available"}}));
  EXPECT_EQ(slo_ttft_ms({{"x-slo-ttft-ms", "250.5"}}), 250.5);
  for (const char* wrong : {"", "-1", "0", "nan", "1e99", "x"}) {
    EXPECT_EQ(slo_ttft_ms({{"x-llm-d-slo-ttft-ms", wrong}}), std::nullopt) << wrong;
    EXPECT_EQ(request_ttl({{"x-llm-d-inference-ttl", wrong}}), std::nullopt) << wrong;
  }
  EXPECT_EQ(request_ttl({{"x-llm-d-inference-ttl", " 1.5s "}}), 1500ms);
}

struct Case {
  const char* name;
  std::string path;
  std::string body;
  std::string rewrite;
  std::string_view target;          // Empty with `refusal`.
  std::optional<std::string> sent;  // None: the body as it is.
  std::string_view refusal = "";
};

TEST(Prepare, FindsTheTargetModel) {
  const Case cases[] = {
      {"as it is", "/v1/chat/completions?a=b", R"({"model":"m","messages":[]})", "", "m", {}},
      {"replaced", "/v1/completions", R"({"model":"m","prompt":"x"})", "n", "n",
       R"({"model":"n","prompt":"x"})"},
      {"the same", "/v1/completions", R"({"model":"m","prompt":"x"})", "m", "m", {}},
      {"supplied", "/v1/completions", R"( { "prompt":"x"})", "a\"b", "a\"b",
       R"( {"model":"a\"b", "prompt":"x"})"},
      {"missing",
       "/v1/completions",
       R"({"prompt":"x"})",
       "",
       "",
       {},
       "model not found in request body"},
      {"need not have one", "/v1/conversations", R"({"items":[]})", "", "", {}},
      {"unknown path", "/v1/load_lora_adapter", "{}", "n", "n", {}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    net::Headers headers;
    if (!c.rewrite.empty()) headers.add("x-llm-d-model-name-rewrite", c.rewrite);
    auto prepared = prepare({.method = "POST",
                             .path = c.path,
                             .headers = headers,
                             .body = std::make_shared<const std::string>(c.body)},
                            {}, {}, 0.5, SteadyTime(1h));
    if (!c.refusal.empty()) {
      ASSERT_FALSE(prepared);
      EXPECT_EQ(prepared.error().refusal.message, c.refusal);
      continue;
    }
    ASSERT_TRUE(prepared) << prepared.error().refusal.message;
    EXPECT_EQ(prepared->target_model, c.target);
    EXPECT_EQ(rewritten_body(*prepared), c.sent);
  }
}

TEST(Prepare, WithAListOfParsersOtherPathsAreRefused) {
  DirectorOptions options;
  options.apis = {payload::Api::kChatCompletions};
  options.strict_paths = true;
  const auto refused = prepare({.method = "POST",
                                .path = "/v1/completions",
                                .body = std::make_shared<const std::string>("{}")},
                               options, {}, 0.5, SteadyTime(1h));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().refusal.status, 400);
}

TEST(Refusals, FollowTheTable) {
  using routing::FlowOutcome;
  struct Row {
    FlowOutcome outcome;
    bool pool_empty;
    int status;
    std::string_view reason;
    bool retry_after;
  };
  const Row rows[] = {
      {FlowOutcome::kRejectedCapacity, false, 429, "rejected-saturated", true},
      {FlowOutcome::kRejectedNoEndpoints, true, 503, "rejected-no-endpoints", true},
      {FlowOutcome::kEvictedTtl, false, 429, "rejected-ttl-expired", true},
      {FlowOutcome::kEvictedTtl, true, 503, "rejected-ttl-expired", true},
      {FlowOutcome::kEvictedCancelled, false, 503, "rejected-context-cancelled", false},
      {FlowOutcome::kShuttingDown, false, 503, "rejected-shutting-down", false},
  };
  for (const Row& row : rows) {
    const Refusal refusal = of_flow({.outcome = row.outcome}, row.pool_empty, 3s);
    EXPECT_EQ(refusal.status, row.status);
    EXPECT_EQ(refusal.dropped_reason, row.reason);
    EXPECT_EQ(refusal.retry_after.has_value(), row.retry_after);
  }
  EXPECT_EQ(
      of_flow({.outcome = FlowOutcome::kEvictedTtl, .retry_after = 9s}, false, 3s).retry_after, 9s);
  struct Failed {
    ErrorCode code;
    int status;
    std::string_view reason;
  };
  const Failed failures[] = {{ErrorCode::kResourceExhausted, 429, "rejected-saturated"},
                             {ErrorCode::kInvalidArgument, 400, ""},
                             {ErrorCode::kUnavailable, 503, "rejected-no-endpoints"},
                             {ErrorCode::kInternal, 429, "rejected-saturated"}};
  for (const Failed& failed : failures) {
    const Refusal refusal = of_schedule({.code = failed.code, .message = "why"}, 3s);
    EXPECT_EQ(refusal.status, failed.status);
    EXPECT_EQ(refusal.dropped_reason, failed.reason);
    EXPECT_EQ(refusal.retry_after.has_value(), failed.status == 429);
  }
}

}  // namespace
}  // namespace rage::picker::detail
