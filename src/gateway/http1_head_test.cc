#include "gateway/detail/http1_head.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace rage::gateway::detail {
namespace {

std::expected<ParsedRequestHead, Refusal> parse(std::string_view bytes,
                                                const HeadLimits& limits = {}) {
  HeadScanner scanner;
  const auto end = scanner.find_end(bytes);
  if (!end) return std::unexpected(end.error());
  if (!*end) return std::unexpected(Refusal{0, "incomplete"});
  EXPECT_EQ(**end, bytes.size());
  return parse_request_head(bytes, limits);
}

int status_of(std::string_view bytes) {
  const auto parsed = parse(bytes);
  return parsed ? 200 : parsed.error().status;
}

struct Case {
  const char* what;
  std::string bytes;
  int status;
};

// Each of these is read differently by some two servers; a request that hides in another would
// reach a model server as somebody else's.
TEST(RequestHead, RefusesWhatTwoServersMightReadDifferently) {
  const std::string start = "POST / HTTP/1.1\r\nHost: h\r\n";
  const std::vector<Case> cases = {
      {"length and chunked", start + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
       400},
      {"chunked and length", start + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
       400},
      {"two lengths", start + "Content-Length: 3\r\nContent-Length: 4\r\n\r\n", 400},
      {"the same length twice", start + "Content-Length: 3\r\nContent-Length: 3\r\n\r\n", 400},
      {"a list of lengths", start + "Content-Length: 3, 3\r\n\r\n", 400},
      {"a signed length", start + "Content-Length: +3\r\n\r\n", 400},
      {"a negative length", start + "Content-Length: -3\r\n\r\n", 400},
      {"a hexadecimal length", start + "Content-Length: 0x3\r\n\r\n", 400},
      {"an empty length", start + "Content-Length:\r\n\r\n", 400},
      {"a huge length", start + "Content-Length: 99999999999999999999\r\n\r\n", 400},
      {"two encodings", start + "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
      {"another encoding", start + "Transfer-Encoding: gzip\r\n\r\n", 501},
      {"chunked twice", start + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
       501},
      {"a quoted encoding", start + "Transfer-Encoding: \"chunked\"\r\n\r\n", 501},
      {"a vertical tab", start + "Transfer-Encoding: \vchunked\r\n\r\n", 400},
      {"space before the colon", start + "Transfer-Encoding : chunked\r\n\r\n", 400},
      {"space before the length's colon", start + "Content-Length : 3\r\n\r\n", 400},
      {"a folded line", start + "X: a\r\n b\r\n\r\n", 400},
      {"a folded first line", "POST / HTTP/1.1\r\n Host: h\r\n\r\n", 400},
      {"a bare line feed in the head", "POST / HTTP/1.1\r\nHost: h\nX: y\r\n\r\n", 400},
      {"a bare line feed after the request line", "POST / HTTP/1.1\nHost: h\r\n\r\n", 400},
      {"line feeds alone", "GET / HTTP/1.1\nHost: h\n\n", 400},
      {"a bare carriage return", start + "X: a\rContent-Length: 3\r\n\r\n", 400},
      {"a null in a value", start + std::string("X: a\0b\r\n\r\n", 10), 400},
      {"a null in a name", start + std::string("X\0Y: a\r\n\r\n", 10), 400},
      {"no colon", start + "X\r\n\r\n", 400},
      {"no name", start + ": x\r\n\r\n", 400},
      {"two hosts", start + "Host: other\r\n\r\n", 400},
      {"no host", "GET / HTTP/1.1\r\n\r\n", 400},
      {"a host with a path", "GET / HTTP/1.1\r\nHost: h/x\r\n\r\n", 400},
      {"a host with a user", "GET / HTTP/1.1\r\nHost: a@h\r\n\r\n", 400},
      {"chunked in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"three parts and a half", "GET / x HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"two spaces", "GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"a tab for a space", "GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"no version", "GET /\r\nHost: h\r\n\r\n", 400},
      {"another version", "GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505},
      {"lower-case version", "GET / http/1.1\r\nHost: h\r\n\r\n", 400},
      {"a method that is no token", "G(T / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"an unknown expectation", start + "Expect: 200-ok\r\nContent-Length: 1\r\n\r\n", 417},
      {"a tunnel", "CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n", 405},
      {"a path without slash", "GET x HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"a fragment", "GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"dot segments", "GET /public/../admin HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"escaped dot segments", "GET /public/%2e%2E/admin HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"a dot segment at the end", "GET /public/.. HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"a single dot", "GET /./x HTTP/1.1\r\nHost: h\r\n\r\n", 400},
  };
  for (const Case& c : cases) EXPECT_EQ(status_of(c.bytes), c.status) << c.what;
}

TEST(RequestHead, TakesWhatIsUnusualButClear) {
  for (const std::string bytes :
       {"GET /a.b/..c/...?x=/../y HTTP/1.1\r\nhOsT: h:80\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost:\r\n\r\n", "GET / HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nX:\r\n\r\n", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
        "M-SEARCH / HTTP/1.1\r\nHost: h\r\nX-Under_score: \xC3\xA9\t!\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: \t Chunked \r\n\r\n"}) {
    EXPECT_EQ(status_of(bytes), 200) << bytes;
  }
}

TEST(RequestHead, ReadsWhatItNeeds) {
  const auto parsed = parse(
      "POST /v1/completions?x=1 HTTP/1.1\r\nHost: A.example:8080\r\nContent-Length: 12\r\n"
      "X-Two:  b \r\nExpect: 100-Continue\r\nX-two: c\r\n\r\n");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->head.method, "POST");
  EXPECT_EQ(parsed->head.target, "/v1/completions?x=1");
  EXPECT_EQ(parsed->head.authority, "A.example:8080");
  EXPECT_EQ(parsed->framing, Framing::of_length(12));
  EXPECT_TRUE(parsed->keep_alive);
  EXPECT_TRUE(parsed->expects_continue);
  ASSERT_EQ(parsed->head.headers.size(), 2U);
  EXPECT_EQ(parsed->head.headers.name(1), "x-two");
  EXPECT_EQ(parsed->head.headers.find("x-two"), "b");
}

// Fields of this connection alone would frame or steer the next one.
TEST(RequestHead, KeepsHopByHopFieldsToItself) {
  const auto parsed = parse(
      "GET / HTTP/1.1\r\nHost: h\r\nConnection: close, X-Secret\r\nX-Secret: 1\r\nTE: trailers\r\n"
      "Keep-Alive: 5\r\nUpgrade: websocket\r\nProxy-Connection: x\r\nTrailer: y\r\nX-Kept: 2\r\n"
      "Connection: x-also\r\nX-Also: 3\r\n\r\n");
  ASSERT_TRUE(parsed);
  EXPECT_FALSE(parsed->keep_alive);
  ASSERT_EQ(parsed->head.headers.size(), 1U);
  EXPECT_EQ(parsed->head.headers.name(0), "x-kept");
}

TEST(RequestHead, TheAuthorityOfAProxyRequestOverrulesHost) {
  const auto parsed = parse("GET http://real.example/a?b HTTP/1.1\r\nHost: other\r\n\r\n");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->head.authority, "real.example");
  EXPECT_EQ(parsed->head.target, "/a?b");
  EXPECT_EQ(parse("GET http://real.example HTTP/1.1\r\nHost: other\r\n\r\n")->head.target, "/");
}

TEST(RequestHead, BoundsTheNumberOfFields) {
  std::string bytes = "GET / HTTP/1.1\r\nHost: h\r\n";
  for (int i = 0; i < 200; ++i) bytes += "x: y\r\n";
  EXPECT_EQ(parse(bytes + "\r\n", {.fields_max = 100}).error().status, 431);
}

TEST(HeadScanner, FindsTheEndHoweverTheBytesArrive) {
  const std::string bytes = "GET / HTTP/1.1\r\nHost: h\r\n\r\nbody";
  HeadScanner scanner;
  for (std::size_t size = 0; size < bytes.size() - 4; ++size) {
    const auto end = scanner.find_end(std::string_view(bytes).substr(0, size));
    ASSERT_TRUE(end) << size;
    EXPECT_FALSE(*end) << size;
  }
  EXPECT_EQ(scanner.find_end(bytes), bytes.size() - 4);
}

std::expected<ParsedResponseHead, std::string> parse_reply(std::string_view bytes,
                                                           ReplyTo to = ReplyTo::kOther) {
  return parse_response_head(bytes, to, {});
}

TEST(ResponseHead, KnowsHowItsBodyEnds) {
  using Kind = Framing::Kind;
  EXPECT_EQ(parse_reply("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")->framing,
            Framing::of_length(5));
  EXPECT_EQ(parse_reply("HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n")->framing.kind,
            Kind::kChunked);
  const auto until_close = parse_reply("HTTP/1.1 200 OK\r\n\r\n");
  EXPECT_EQ(until_close->framing.kind, Kind::kUntilClose);
  EXPECT_FALSE(until_close->keep_alive);
  const auto to_head = parse_reply("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", ReplyTo::kHead);
  EXPECT_EQ(to_head->framing.kind, Kind::kNone);
  EXPECT_TRUE(to_head->framing.length_known);
  EXPECT_EQ(parse_reply("HTTP/1.1 204 No Content\r\n\r\n")->framing.kind, Kind::kNone);
  EXPECT_EQ(parse_reply("HTTP/1.1 304 X\r\nContent-Length: 5\r\n\r\n")->framing.kind, Kind::kNone);
  EXPECT_FALSE(parse_reply("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n")->keep_alive);
}

TEST(ResponseHead, RefusesWhatItCannotTrust) {
  for (const std::string bytes :
       {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "HTTP/2 200\r\n\r\n",
        "HTTP/1.1 2x0 OK\r\n\r\n", "HTTP/1.1 999 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n",
        "ICY 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nX : y\r\n\r\n"}) {
    EXPECT_FALSE(parse_reply(bytes)) << bytes;
  }
}

TEST(RenderHead, WritesWhatWasRead) {
  auto parsed = parse("PUT /a?b HTTP/1.1\r\nHost: h\r\nX: y\r\nContent-Length: 3\r\n\r\n");
  std::string out;
  render_request_head(parsed->head, parsed->framing, out);
  EXPECT_EQ(out, "PUT /a?b HTTP/1.1\r\nhost: h\r\nx: y\r\ncontent-length: 3\r\n\r\n");
  out.clear();
  ResponseHead reply{.status = 404};
  reply.headers.add("X", "y");
  render_response_head(reply, Framing::chunked(), Persistence::kClose, out);
  EXPECT_EQ(out,
            "HTTP/1.1 404 Not Found\r\nx: y\r\ntransfer-encoding: chunked\r\n"
            "connection: close\r\n\r\n");
}

}  // namespace
}  // namespace rage::gateway::detail
