// Metrics pages come from servers nobody here has written: whatever the framing, the same bytes
// must come out, and what is no reply must not become a healthy endpoint.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "net/detail/scrape_decoder.h"
#include "net/detail/scrape_timing.h"

namespace rage::net::detail {
namespace {

using namespace std::chrono_literals;

struct Read {
  std::string body;
  bool done = false;
  bool keep_alive = false;
  int status = 0;
  std::optional<ErrorCode> error;
};

Read read_reply(std::string_view reply, std::size_t step, bool closes) {
  ScrapeDecoder decoder(512, 64);
  Read read;
  const auto note = [&](const auto& result) {
    if (!result) read.error = result.error().code;
    return result.has_value();
  };
  while (!reply.empty() && !decoder.done()) {
    std::string_view input = reply.substr(0, step);
    reply.remove_prefix(std::min(step, reply.size()));
    while (true) {
      const Result<std::string_view> piece = decoder.next(input);
      if (!note(piece)) return read;
      if (piece->empty()) break;
      read.body += *piece;
    }
  }
  if (!decoder.done() && closes && !note(decoder.finish())) return read;
  read.done = decoder.done();
  read.keep_alive = decoder.keep_alive();
  read.status = decoder.status();
  return read;
}

struct Case {
  const char* name;
  std::string_view reply;
  std::string_view body;
  bool keep_alive = true;
  int status = 200;
  std::optional<ErrorCode> error = std::nullopt;
};

const Case kCases[] = {
    {"counted", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", "hello"},
    {"line feeds alone", "HTTP/1.1 200 OK\nContent-Length:5\n\nhello", "hello"},
    {"no reason", "HTTP/1.1 503 \r\ncontent-length: 2\r\n\r\nno", "no", true, 503},
    {"empty", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", ""},
    {"no content", "HTTP/1.1 204 No Content\r\n\r\n", "", true, 204},
    {"chunked",
     "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\na: b\r\n"
     "\r\n",
     "hello"},
    {"until close", "HTTP/1.1 200 OK\r\n\r\nhello", "hello", false},
    {"asks to close", "HTTP/1.1 200 OK\r\nconnection: foo, Close\r\ncontent-length: 1\r\n\r\nx",
     "x", false},
    {"HTTP/1.0", "HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\nx", "x", false},
    {"HTTP/1.0 kept", "HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 1\r\n\r\nx",
     "x", true},
    {"both framings",
     "HTTP/1.1 200 OK\r\ncontent-length: 9\r\ntransfer-encoding: "
     "chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
     "x", false},
    {"cut off", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello", "hello", true, 200,
     ErrorCode::kDataLoss},
    {"cut off in its head", "HTTP/1.1 200 OK\r\ncontent-le", "", true, 200, ErrorCode::kDataLoss},
    {"nothing", "", "", true, 200, ErrorCode::kDataLoss},
    {"another protocol", "SSH-2.0-OpenSSH_9.2p1\r\n", "", true, 200, ErrorCode::kDataLoss},
    {"HTTP/2", "HTTP/2 200 OK\r\n\r\n", "", true, 200, ErrorCode::kDataLoss},
    {"two lengths", "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx", "", true,
     200, ErrorCode::kDataLoss},
    {"compressed", "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 1\r\n\r\nx", "",
     true, 200, ErrorCode::kDataLoss},
    {"endless chunk size",
     "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n", "", true, 200,
     ErrorCode::kDataLoss},
    {"long chunk", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nxy\r\n", "x", true,
     200, ErrorCode::kDataLoss},
    {"large body", "HTTP/1.1 200 OK\r\ncontent-length: 65\r\n\r\n", "", true, 200,
     ErrorCode::kResourceExhausted},
    {"large chunks",
     "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n41\r\n"
     "0123456789012345678901234567890123456789012345678901234567890123456789\r\n",
     "0123456789012345678901234567890123456789012345678901234567890123", true, 200,
     ErrorCode::kResourceExhausted},
};

TEST(ScrapeDecoder, ReadsAReplyHoweverItIsCut) {
  for (const Case& c : kCases) {
    for (const std::size_t step : {std::size_t{1}, std::size_t{3}, std::size_t{4096}}) {
      SCOPED_TRACE(::testing::Message() << c.name << " in steps of " << step);
      const Read read = read_reply(c.reply, step, true);
      EXPECT_EQ(read.error, c.error);
      if (c.error) {
        EXPECT_TRUE(c.body.starts_with(read.body)) << read.body;
        continue;
      }
      EXPECT_EQ(read.body, c.body);
      EXPECT_TRUE(read.done);
      EXPECT_EQ(read.keep_alive, c.keep_alive);
      EXPECT_EQ(read.status, c.status);
    }
  }
}

TEST(ScrapeDecoder, LimitsItsHead) {
  std::string reply = "HTTP/1.1 200 OK\r\nx: " + std::string(600, 'a');
  EXPECT_EQ(read_reply(reply, 7, true).error, ErrorCode::kResourceExhausted);
}

// All targets in one burst would be felt by every request that is picked in that moment.
TEST(ScrapeTiming, SpreadsTargetsOverTheirInterval) {
  const SteadyTime epoch(1h);
  const SteadyTime now = epoch + 123456us;
  std::vector<SteadyTime> due;
  for (std::uint64_t i = 0; i < 100; ++i) due.push_back(first_due(epoch, now, 50ms, i));
  std::ranges::sort(due);
  EXPECT_GT(due.front(), now);
  EXPECT_LE(due.back(), now + 50ms);
  for (std::size_t i = 1; i < due.size(); ++i) EXPECT_LE(due[i] - due[i - 1], 1ms) << i;
}

TEST(ScrapeTiming, LeavesOutWhatWasMissedAndKeepsThePhase) {
  const SteadyTime due(1h);
  EXPECT_EQ(next_due(due, due + 3ms, 50ms), due + 50ms);
  EXPECT_EQ(next_due(due, due + 50ms, 50ms), due + 100ms);
  EXPECT_EQ(next_due(due, due + 170ms, 50ms), due + 200ms);
}

TEST(ScrapeTiming, BacksOff) {
  EXPECT_EQ(backoff_delay(50ms, 1, 3s, 0.5), 100ms);
  EXPECT_EQ(backoff_delay(50ms, 3, 3s, 0.5), 400ms);
  EXPECT_EQ(backoff_delay(50ms, 1000, 3s, 0.5), 3s);
  EXPECT_EQ(backoff_delay(50ms, 1000, 3s, 0.0), 2250ms);
  EXPECT_EQ(backoff_delay(10s, 5, 3s, 0.5), 10s)
      << "a target is never asked more often for failing";
}

}  // namespace
}  // namespace rage::net::detail
