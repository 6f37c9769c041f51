#include "assistant/chat_request.h"

#include <gtest/gtest.h>

#include "assistant/cors.h"

namespace rage::assistant {
namespace {

net::HttpRequest a_request(std::string body, std::string type = "application/json") {
  return {.method = "POST",
          .path = "/chat",
          .query = {},
          .headers = {{"content-type", std::move(type)}},
          .body = std::move(body)};
}

// The web front end shows these bodies; another shape is an empty banner there.
TEST(ChatRequest, ErrorsArePydantics) {
  struct Case {
    const char* body;
    const char* type;
    const char* detail;
  };
  const Case cases[] = {
      {R"({"message":""})", "application/json",
       R"([{"type":"string_too_short","loc":["body","message"],)"
       R"("msg":"String should have at least 1 character","input":"","ctx":{"min_length":1}}])"},
      {R"({"session_id":"x"})", "application/json",
       R"([{"type":"missing","loc":["body","message"],"msg":"Field required",)"
       R"("input":{"session_id":"x"}}])"},
      {R"({"message":7,"session_id":["x"]})", "application/json",
       R"([{"type":"string_type","loc":["body","message"],)"
       R"("msg":"Input should be a valid string","input":7},)"
       R"({"type":"string_type","loc":["body","session_id"],)"
       R"("msg":"Input should be a valid string","input":["x"]}])"},
      {R"({"message":"x"})", "text/plain",
       R"([{"type":"model_attributes_type","loc":["body"],)"
       R"("msg":"Input should be a valid dictionary or object to extract fields from",)"
       R"("input":"{\"message\":\"x\"}"}])"},
      {R"([1])", "application/json",
       R"([{"type":"model_attributes_type","loc":["body"],)"
       R"("msg":"Input should be a valid dictionary or object to extract fields from",)"
       R"("input":[1]}])"},
      {"", "application/json",
       R"([{"type":"missing","loc":["body"],"msg":"Field required","input":null}])"},
  };
  for (const Case& c : cases) {
    const auto request = parse_chat_request(a_request(c.body, c.type));
    ASSERT_FALSE(request) << c.body;
    EXPECT_EQ(codec::render_json(request.error()["detail"]), c.detail);
  }
  const auto broken = parse_chat_request(a_request("{\"message\": "));
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error()["detail"][0]["type"], "json_invalid");
  EXPECT_EQ(broken.error()["detail"][0]["loc"][0], "body");
  EXPECT_TRUE(broken.error()["detail"][0]["ctx"]["error"].is_string());
}

TEST(ChatRequest, AcceptsWhatTheDemoDoes) {
  const auto request = parse_chat_request(
      a_request(R"({"message":" ","agent_id":null,"session_id":null,"history":[1]})"));
  ASSERT_TRUE(request);
  EXPECT_EQ(request->message, " ");
  EXPECT_EQ(request->session_id, "");
  EXPECT_EQ(parse_chat_request(a_request(R"({"message":"x","session_id":"a b"})"))->session_id,
            "a b");
}

TEST(ChatRequest, BoundsAndRetries) {
  const codec::Json large = {{"message", std::string(kMessageCodePointsMax + 1, 'x')}};
  const auto refused = parse_chat_request(a_request(codec::render_json(large)));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error()["detail"][0]["type"], "string_too_long");
  EXPECT_TRUE(parse_chat_request(a_request(R"({"retry":true,"session_id":"s"})"))->retry);
  EXPECT_FALSE(parse_chat_request(a_request(R"({"retry":true})")));
  EXPECT_FALSE(parse_rename(a_request(R"({"title":""})")));
  EXPECT_EQ(*parse_rename(a_request(R"({"title":"a\nb"})")), "a b");
}

net::HttpRequest a_preflight(std::string origin, std::string method) {
  return {.method = "OPTIONS",
          .path = "/chat",
          .query = {},
          .headers = {{"origin", std::move(origin)},
                      {"access-control-request-method", std::move(method)},
                      {"access-control-request-headers", "content-type"}},
          .body = {}};
}

// A page of another origin that could read answers would read other people's conversations.
TEST(Cors, OnlyListedOriginsAreAllowed) {
  const CorsOptions options{.origins = parse_origins(" http://a.example , http://b.example,")};
  ASSERT_EQ(options.origins.size(), 2U);
  const auto allowed = answer_preflight(options, a_preflight("http://b.example", "POST"));
  ASSERT_TRUE(allowed);
  EXPECT_EQ(allowed->status, 200);
  EXPECT_EQ(allowed->headers.find("access-control-allow-origin"), "http://b.example");
  EXPECT_EQ(allowed->headers.find("access-control-max-age"), "600");
  EXPECT_EQ(allowed->headers.find("access-control-allow-headers"), "content-type");
  const auto refused = answer_preflight(options, a_preflight("http://c.example", "TRACE"));
  EXPECT_EQ(refused->status, 400);
  EXPECT_EQ(refused->body, "Disallowed CORS origin, method");
  EXPECT_FALSE(refused->headers.has("access-control-allow-origin"));

  net::HttpRequest get = a_preflight("http://c.example", "GET");
  get.method = "GET";
  EXPECT_FALSE(answer_preflight(options, get));
  for (const auto& [name, value] : cors_headers(options, get)) {
    EXPECT_NE(name, "access-control-allow-origin") << value;
  }
  EXPECT_TRUE(cors_headers(options, net::HttpRequest{}).empty());
}

}  // namespace
}  // namespace rage::assistant
