#include "net/http.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "net/detail/request_parser.h"
#include "net/detail/response_stream.h"

namespace rage::net {
namespace {

using detail::Framing;
using detail::ParsedRequest;
using detail::Refusal;
using detail::render_response_head;
using detail::RequestLimits;
using detail::RequestParser;

TEST(Headers, CompareWithoutCaseAndKeepDuplicates) {
  Headers headers{{"Accept", "a"}, {"accept", "b"}, {"X", "1"}};
  EXPECT_EQ(headers.find("ACCEPT"), "a");
  EXPECT_TRUE(headers.has("x"));
  EXPECT_EQ(headers.find("y"), "");
  headers.set("accept", headers.find("X"));
  headers.add("x", "2");
  EXPECT_THAT(headers.entries(),
              testing::ElementsAre(testing::Pair("X", "1"), testing::Pair("accept", "1"),
                                   testing::Pair("x", "2")));
}

// Status of the refusal, 200 for a whole request, 0 if more is needed.
int outcome_of(std::string_view text, const RequestLimits& limits = {}) {
  RequestParser parser(limits);
  const auto used = parser.feed(text);
  if (!used) return used.error().status;
  return parser.done() ? 200 : 0;
}

TEST(RequestParser, ReadsARequestAndLeavesTheNext) {
  const std::string first =
      "POST /indexes/a%2Fb?limit=2&x=%20 HTTP/1.1\r\nHost: h\r\nX-A: 1\r\n"
      "content-length: 4\r\n\r\nbody";
  RequestParser parser({});
  EXPECT_EQ(parser.feed(first + "GET"), first.size());
  ASSERT_TRUE(parser.done());
  const ParsedRequest parsed = parser.take();
  EXPECT_EQ(parsed.request.method, "POST");
  EXPECT_EQ(parsed.request.path, "/indexes/a%2Fb");
  EXPECT_EQ(parsed.request.query, "limit=2&x=%20");
  EXPECT_EQ(parsed.request.headers.find("x-a"), "1");
  EXPECT_EQ(parsed.request.body, "body");
  EXPECT_TRUE(parsed.keep_alive);
  EXPECT_FALSE(parser.started());
}

TEST(RequestParser, JoinsChunksAndDropsTrailers) {
  RequestParser parser({});
  ASSERT_TRUE(
      parser.feed("\r\nPUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nAuthorization: evil\r\n\r\n"));
  ASSERT_TRUE(parser.done());
  const ParsedRequest parsed = parser.take();
  EXPECT_EQ(parsed.request.body, "abcde");
  EXPECT_FALSE(parsed.request.headers.has("authorization"));
}

// Beast's assertion would end the process when the end of an empty chunked body
// came in two pieces.
TEST(RequestParser, TakesAnEmptyChunkedBodyByteByByte) {
  const std::string text =
      "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
      "chunked\r\n\r\n0\r\n\r\n";
  RequestParser parser({});
  std::string buffered;
  for (const char c : text) {
    buffered += c;
    const auto used = parser.feed(buffered);
    ASSERT_TRUE(used) << used.error().detail;
    buffered.erase(0, *used);
  }
  EXPECT_TRUE(parser.done());
}

TEST(RequestParser, TakesTheFormThatGoesThroughProxies) {
  RequestParser parser({});
  ASSERT_TRUE(parser.feed("GET http://host:80?q=1 HTTP/1.1\r\nHost: h\r\n\r\n"));
  const ParsedRequest parsed = parser.take();
  EXPECT_EQ(parsed.request.path, "/");
  EXPECT_EQ(parsed.request.query, "q=1");
}

// Each of these lets two servers in a row disagree about where a request ends,
// or is plainly broken.
TEST(RequestParser, RefusesWhatIsAmbiguousOrBroken) {
  const std::string start = "POST / HTTP/1.1\r\nHost: h\r\n";
  EXPECT_EQ(outcome_of(start + "content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n"), 400);
  EXPECT_EQ(outcome_of(start + "transfer-encoding: chunked\r\ncontent-length: 1\r\n\r\n"), 400);
  EXPECT_EQ(outcome_of(start + "content-length: 1\r\ncontent-length: 2\r\n\r\n"), 400);
  EXPECT_EQ(outcome_of(start + "content-length: -1\r\n\r\n"), 400);
  EXPECT_EQ(outcome_of(start + "content-length: 99999999999999999999\r\n\r\n"), 400);
  EXPECT_EQ(outcome_of(start + "transfer-encoding: chunked, gzip\r\n\r\n"), 501);
  EXPECT_EQ(outcome_of(start + "transfer-encoding: gzip\r\n\r\n"), 501);
  EXPECT_EQ(outcome_of(start + "transfer-encoding: chunked\r\n\r\nzz\r\n"), 400);
  EXPECT_EQ(outcome_of(start + "x : 1\r\n\r\n"), 400);
  EXPECT_EQ(outcome_of(start + "Host: other\r\n\r\n"), 400);
  EXPECT_EQ(outcome_of(start + "expect: miracles\r\n\r\n"), 417);
  EXPECT_EQ(outcome_of("GET / HTTP/1.1\r\n\r\n"), 400);  // No Host.
  EXPECT_EQ(outcome_of("GET / HTTP/1.0\r\n\r\n"), 200);
  EXPECT_EQ(outcome_of("GET / HTTP/9.9\r\nHost: h\r\n\r\n"), 400);
  EXPECT_EQ(outcome_of("GET  / HTTP/1.1\r\nHost: h\r\n\r\n"), 400);
  EXPECT_EQ(outcome_of("GET x HTTP/1.1\r\nHost: h\r\n\r\n"), 400);
  EXPECT_EQ(outcome_of("\x16\x03\x01\x02\x00\x01"),
            400);  // A TLS client at the wrong port.
  EXPECT_EQ(outcome_of(start + "x: a" + std::string(1, '\0') + "\r\n\r\n"), 400);
}

TEST(RequestParser, BoundsHeadAndBody) {
  const RequestLimits limits{.header_bytes_max = 100, .body_bytes_max = 10};
  const std::string start = "POST / HTTP/1.1\r\nHost: h\r\n";
  EXPECT_EQ(outcome_of(start + "x: " + std::string(200, 'x'), limits), 431);
  std::string many = start;
  for (int i = 0; i < 50; ++i) many += "a: b\r\n";
  EXPECT_EQ(outcome_of(many, limits), 431);
  EXPECT_EQ(outcome_of("GET /" + std::string(200, 'x'), limits), 431);
  EXPECT_EQ(outcome_of(start + "content-length: 11\r\n\r\n", limits), 413);
  EXPECT_EQ(outcome_of(start + "transfer-encoding: chunked\r\n\r\n6\r\n123456\r\n6\r\n", limits),
            413);
  EXPECT_EQ(outcome_of(start + "content-length: 10\r\n\r\n0123456789", limits), 200);
}

// A document's title copied into a header must not become a second response.
TEST(ResponseHead, CannotBeSplitByItsValues) {
  const Headers headers{{"x-title", "a\r\nset-cookie: evil\r\n\r\nHTTP/1.1 200 OK"},
                        {"bad\r\nname", "1"},
                        {"content-length", "5"},
                        {"Transfer-Encoding", "chunked"},
                        {"date", "today"}};
  EXPECT_EQ(render_response_head(404, headers, {.length = 2}),
            "HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n"
            "x-title: a  set-cookie: evil    HTTP/1.1 200 OK\r\ndate: today\r\n\r\n");
}

TEST(ResponseHead, SaysHowTheBodyEnds) {
  const Headers headers{{"date", "d"}};
  EXPECT_EQ(render_response_head(200, headers, {.body = Framing::Body::kChunked}),
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ndate: d\r\n\r\n");
  EXPECT_EQ(
      render_response_head(200, headers, {.body = Framing::Body::kUntilClose, .keep_alive = false}),
      "HTTP/1.1 200 OK\r\nconnection: close\r\ndate: d\r\n\r\n");
  EXPECT_EQ(render_response_head(200, headers, {.length = 1, .http_1_1 = false}),
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\nconnection: keep-alive\r\ndate: "
            "d\r\n\r\n");
}

}  // namespace
}  // namespace rage::net
