#include "net/http_server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <latch>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "net/upgrade.h"

namespace rage::net {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

const std::string kGet = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

// Resource. A client that sends exactly what it is told; reads give up after
// five seconds.
class RawClient final {
 public:
  explicit RawClient(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  }
  ~RawClient() { close(); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  bool connected() const { return connected_; }
  int fd() const { return fd_; }

  void send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  // Up to and with `mark`, or what came before the end of the stream.
  std::string read_past(std::string_view mark) {
    while (true) {
      const std::size_t at = buffer_.find(mark);
      if (at != std::string::npos) return take(at + mark.size());
      if (!fill()) return take(buffer_.size());
    }
  }

  // Head and body of a response with a content-length.
  std::string read_response() {
    std::string response = read_past("\r\n\r\n");
    const std::string mark = "content-length: ";
    const std::size_t at = response.find(mark);
    if (at == std::string::npos) return response;
    const std::size_t length = std::stoul(response.substr(at + mark.size()));
    while (buffer_.size() < length && fill()) {
    }
    return response + take(length);
  }

  std::string read_to_end() {
    while (fill()) {
    }
    return take(buffer_.size());
  }

  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  bool fill() {
    pollfd waited{.fd = fd_, .events = POLLIN, .revents = 0};
    if (::poll(&waited, 1, 5000) <= 0) return false;
    std::array<char, 65536> bytes;
    const ssize_t n = ::recv(fd_, bytes.data(), bytes.size(), 0);
    if (n > 0) buffer_.append(bytes.data(), static_cast<std::size_t>(n));
    return n > 0;
  }
  std::string take(std::size_t bytes) {
    std::string taken = buffer_.substr(0, bytes);
    buffer_.erase(0, bytes);
    return taken;
  }

  int fd_;
  bool connected_ = false;
  std::string buffer_;
};

std::unique_ptr<HttpServer> serve(HttpHandler handler, HttpServerOptions options = {}) {
  options.workers = std::min<std::size_t>(options.workers, 4);
  auto server = HttpServer::create(options, std::move(handler));
  if (!server) ADD_FAILURE() << server.error().message;
  return server ? *std::move(server) : nullptr;
}

void echo(const Context&, const HttpRequest& request, ResponseWriter& writer) {
  (void)writer.send(
      {.body = request.method + " " + request.path + "?" + request.query + " " + request.body});
}

TEST(HttpServer, AnswersAndKeepsTheConnection) {
  const auto server = serve(echo);
  RawClient client(server->port());
  for (int i = 0; i < 3; ++i) {
    client.send("POST /a%20b?c=d HTTP/1.1\r\nHost: h\r\ncontent-length: 2\r\n\r\nhi");
    EXPECT_THAT(client.read_response(),
                AllOf(StartsWith("HTTP/1.1 200 OK\r\ncontent-length: 18\r\n"),
                      EndsWith("\r\n\r\nPOST /a%20b?c=d hi")));
  }
  client.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(client.read_to_end(), HasSubstr("connection: close\r\n"));
  client.close();
}

TEST(HttpServer, AnswersPipelinedRequestsInOrder) {
  const auto server = serve(echo);
  RawClient client(server->port());
  std::string all;
  for (int i = 0; i < 20; ++i) {
    all += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: h\r\n\r\n";
  }
  client.send(all);
  for (int i = 0; i < 20; ++i) {
    EXPECT_THAT(client.read_response(), EndsWith("GET /" + std::to_string(i) + "? "));
  }
}

// More than fits in the input buffer comes while the first request is still
// being handled.
TEST(HttpServer, KeepsPipelinedRequestsThatComeWhileAHandlerRuns) {
  std::binary_semaphore gate(0);
  std::atomic<bool> first = true;
  const auto server = serve([&](const Context& context, const HttpRequest& request, auto& writer) {
    if (first.exchange(false)) gate.acquire();
    echo(context, request, writer);
  });
  RawClient client(server->port());
  client.send(kGet);
  const std::string body(100'000, 'b');
  std::jthread sender([&] {
    for (int i = 0; i < 3; ++i) {
      client.send("POST / HTTP/1.1\r\nHost: h\r\ncontent-length: 100000\r\n\r\n" + body);
    }
  });
  gate.release();
  EXPECT_THAT(client.read_response(), EndsWith("GET /? "));
  for (int i = 0; i < 3; ++i) EXPECT_THAT(client.read_response(), EndsWith("POST /? " + body));
}

TEST(HttpServer, TakesChunkedBodiesAndSaysContinue) {
  const auto server = serve(echo);
  RawClient client(server->port());
  client.send(
      "POST / HTTP/1.1\r\nHost: h\r\ntransfer-encoding: "
      "chunked\r\nexpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.read_past("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n");
  EXPECT_THAT(client.read_response(), EndsWith("POST /? hello!"));
}

TEST(HttpServer, SuppressesTheBodyOfHead) {
  const auto server = serve(echo);
  RawClient client(server->port());
  client.send("HEAD /x HTTP/1.1\r\nHost: h\r\n\r\n" + kGet);
  EXPECT_THAT(client.read_past("\r\n\r\n"), HasSubstr("content-length: 9\r\n"));
  EXPECT_THAT(client.read_response(), EndsWith("GET /? "));
}

TEST(HttpServer, SpeaksHttp10) {
  const auto server = serve([](const Context&, const HttpRequest&, ResponseWriter& writer) {
    (void)writer.begin(200, {{"date", "d"}});
    (void)writer.write("plain");
  });
  RawClient client(server->port());
  client.send("GET / HTTP/1.0\r\n\r\n");
  EXPECT_EQ(client.read_to_end(), "HTTP/1.1 200 OK\r\nconnection: close\r\ndate: d\r\n\r\nplain");
}

TEST(HttpServer, RefusesMalformedRequestsAndCloses) {
  const auto server = serve(echo);
  for (const char* bad :
       {"nonsense\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x02\x01\xfc"}) {
    RawClient client(server->port());
    client.send(bad);
    EXPECT_THAT(client.read_to_end(),
                AllOf(StartsWith("HTTP/1.1 400 Bad Request\r\n"), HasSubstr("connection: close"),
                      HasSubstr("{\"detail\":\"")));
  }
}

TEST(HttpServer, RefusesALargeBodyWithoutReadingIt) {
  const auto server = serve(echo);
  RawClient client(server->port());
  client.send("POST / HTTP/1.1\r\nHost: h\r\ncontent-length: 104857600\r\n\r\n" +
              std::string(200'000, 'x'));
  EXPECT_THAT(client.read_to_end(),
              AllOf(StartsWith("HTTP/1.1 413 Content Too Large\r\n"),
                    EndsWith(R"({"detail":"the request body is too large"})")));
}

TEST(HttpServer, RefusesALargeHeader) {
  const auto server = serve(echo);
  RawClient client(server->port());
  client.send("GET / HTTP/1.1\r\nHost: h\r\nx: " + std::string(70'000, 'x') + "\r\n\r\n");
  EXPECT_THAT(client.read_to_end(), StartsWith("HTTP/1.1 431 "));
}

// Clients that open connections and then dawdle must not hold them for ever.
TEST(HttpServer, GivesUpOnSlowRequestsAndIdleConnections) {
  const auto server = serve(echo, {.idle_timeout = 30ms, .read_timeout = 60ms});
  RawClient idle(server->port());
  RawClient slow(server->port());
  slow.send("GET / HTT");
  EXPECT_EQ(idle.read_to_end(), "");
  EXPECT_THAT(slow.read_to_end(), StartsWith("HTTP/1.1 408 Request Timeout\r\n"));
}

TEST(HttpServer, ClosesConnectionsPastTheLimit) {
  const auto server = serve(echo, {.connections_max = 1});
  RawClient first(server->port());
  first.send(kGet);
  EXPECT_THAT(first.read_response(), StartsWith("HTTP/1.1 200"));
  RawClient second(server->port());
  EXPECT_EQ(second.read_to_end(), "");
  first.send(kGet);
  EXPECT_THAT(first.read_response(), StartsWith("HTTP/1.1 200"));
}

TEST(HttpServer, Answers429WhenTheWorkersAreBusy) {
  std::latch running(1);
  std::counting_semaphore<8> gate(0);
  std::atomic<bool> first = true;
  const auto server = serve(
      [&](const Context& context, const HttpRequest& request, ResponseWriter& writer) {
        if (first.exchange(false)) {
          running.count_down();
          gate.acquire();
        }
        echo(context, request, writer);
      },
      {.workers = 1, .queue_max = 1});
  RawClient a(server->port());
  RawClient b(server->port());
  RawClient c(server->port());
  a.send(kGet);
  running.wait();
  b.send(kGet);
  c.send(kGet);
  // One of the two waits, the other is told so.
  std::array<pollfd, 2> waited{{{.fd = b.fd(), .events = POLLIN, .revents = 0},
                                {.fd = c.fd(), .events = POLLIN, .revents = 0}}};
  ASSERT_EQ(::poll(waited.data(), waited.size(), 5000), 1);
  RawClient& refused = waited[0].revents != 0 ? b : c;
  RawClient& queued = waited[0].revents != 0 ? c : b;
  EXPECT_THAT(refused.read_response(),
              AllOf(StartsWith("HTTP/1.1 429 Too Many Requests\r\n"),
                    HasSubstr("retry-after: 1\r\n"), HasSubstr("{\"detail\":\"")));
  gate.release();
  EXPECT_THAT(a.read_response(), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(queued.read_response(), StartsWith("HTTP/1.1 200"));
  refused.send(kGet);  // The connection of a refused request stays good.
  EXPECT_THAT(refused.read_response(), StartsWith("HTTP/1.1 200"));
}

// Tokens must reach the reader as they are made, not when the answer is
// complete.
TEST(HttpServer, StreamsWhileTheHandlerRuns) {
  std::binary_semaphore seen(0);
  const auto server = serve([&](const Context&, const HttpRequest&, ResponseWriter& writer) {
    (void)writer.begin(200, {{"content-type", "text/event-stream"}});
    (void)writer.write("data: 1\n\n");
    (void)writer.write("");
    seen.acquire();
    (void)writer.write("data: 2\n\n");
  });
  RawClient client(server->port());
  client.send(kGet + kGet);
  EXPECT_THAT(client.read_past("9\r\ndata: 1\n\n\r\n"), HasSubstr("transfer-encoding: chunked"));
  seen.release();
  EXPECT_EQ(client.read_past("0\r\n\r\n"), "9\r\ndata: 2\n\n\r\n0\r\n\r\n");
  seen.release();
  EXPECT_THAT(client.read_past("0\r\n\r\n"), StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST(HttpServer, AbortAndExceptionsCutTheStreamOff) {
  const auto server = serve([](const Context&, const HttpRequest& request, ResponseWriter& writer) {
    if (request.path == "/early") throw std::runtime_error("broken");
    (void)writer.begin(200, {});
    (void)writer.write("half");
    if (request.path == "/abort") return writer.abort();
    throw std::runtime_error("broken");
  });
  for (const char* path : {"/abort", "/throw"}) {
    RawClient client(server->port());
    client.send("GET " + std::string(path) + " HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_THAT(client.read_to_end(), EndsWith("\r\n\r\n4\r\nhalf\r\n"));
  }
  RawClient client(server->port());
  client.send("GET /early HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(client.read_response(), StartsWith("HTTP/1.1 500 Internal Server Error\r\n"));
}

TEST(HttpServer, AnswersForAHandlerThatDoesNot) {
  const auto server = serve([](const Context&, const HttpRequest&, ResponseWriter&) {});
  RawClient client(server->port());
  client.send(kGet);
  EXPECT_THAT(client.read_response(), StartsWith("HTTP/1.1 500 "));
}

// Somebody who closes the page must not keep the model busy.
TEST(HttpServer, TellsTheHandlerThatThePeerHasGone) {
  std::latch running(1);
  std::latch stopped(1);
  std::atomic<bool> writes_cancelled = false;
  const auto server = serve([&](const Context& context, const HttpRequest&, auto& writer) {
    (void)writer.begin(200, {});
    std::stop_callback on_stop(context.stop, [&] { stopped.count_down(); });
    running.count_down();
    stopped.wait();
    const Result<void> written = writer.write("late");
    writes_cancelled = !written && written.error().code == ErrorCode::kCancelled;
  });
  RawClient client(server->port());
  client.send(kGet);
  running.wait();
  client.close();
  stopped.wait();
  server->drain(5s);
  EXPECT_TRUE(writes_cancelled);
}

// A reader that takes nothing blocks its handler, and then loses it; memory
// does not grow.
TEST(HttpServer, GivesUpOnAPeerThatDoesNotRead) {
  std::latch done(1);
  const auto server = serve(
      [&](const Context&, const HttpRequest&, ResponseWriter& writer) {
        const std::string chunk(1 << 20, 'x');
        (void)writer.begin(200, {});
        Result<void> written;
        for (int i = 0; i < 1000 && written; ++i) written = writer.write(chunk);
        EXPECT_TRUE(!written && written.error().code == ErrorCode::kCancelled);
        done.count_down();
      },
      {.write_timeout = 30ms});
  RawClient client(server->port());
  client.send(kGet);
  done.wait();
}

TEST(HttpServer, DrainLetsRunningRequestsEnd) {
  std::latch running(1);
  std::binary_semaphore gate(0);
  const auto server = serve([&](const Context& context, const HttpRequest& request, auto& writer) {
    running.count_down();
    gate.acquire();
    EXPECT_FALSE(context.stop.stop_requested());
    echo(context, request, writer);
  });
  RawClient idle(server->port());
  RawClient client(server->port());
  client.send(kGet);
  running.wait();
  std::jthread drainer([&] { server->drain(5s); });
  EXPECT_EQ(idle.read_to_end(), "");  // Draining has begun.
  EXPECT_FALSE(RawClient(server->port()).connected());
  gate.release();
  EXPECT_THAT(client.read_to_end(), AllOf(StartsWith("HTTP/1.1 200"), EndsWith("GET /? ")));
  client.close();
  drainer.join();
  server->drain(5s);
}

TEST(HttpServer, DrainCancelsPastItsLimit) {
  std::latch running(1);
  std::latch stopped(1);
  auto server = serve([&](const Context& context, const HttpRequest&, ResponseWriter&) {
    std::stop_callback on_stop(context.stop, [&] { stopped.count_down(); });
    running.count_down();
    stopped.wait();
  });
  RawClient client(server->port());
  client.send(kGet);
  running.wait();
  server->drain(10ms);
  stopped.wait();
  server.reset();
  client.read_to_end();
}

TEST(HttpServer, PassesADeadlineAndARequestId) {
  const auto server = serve(
      [](const Context& context, const HttpRequest&, ResponseWriter& writer) {
        EXPECT_LE(context.remaining(1h), 5s);
        EXPECT_GT(context.remaining(1h), 1s);
        (void)writer.send({.body = context.request_id});
      },
      {.request_timeout = 5s});
  RawClient client(server->port());
  client.send("GET / HTTP/1.1\r\nHost: h\r\nX-Request-Id: abc\r\n\r\n");
  EXPECT_THAT(client.read_response(), EndsWith("\r\n\r\nabc"));
  client.send("GET / HTTP/1.1\r\nHost: h\r\nX-Request-Id: a b\r\n\r\n");
  EXPECT_THAT(client.read_response(), EndsWith("-2"));
}

// `kubectl port-forward` speaks another protocol after its request: bytes must pass as they are,
// both ways, however many are waiting, and the end must be seen.
TEST(HttpServer, AnUpgradedConnectionCarriesBytesBothWays) {
  const auto server = serve([](const Context&, const HttpRequest& request, ResponseWriter& writer) {
    EXPECT_EQ(request.headers.find("upgrade"), "echo/1");
    Upgrade& tunnel = *upgrade_of(writer);
    EXPECT_EQ(tunnel.read().error().code, ErrorCode::kFailedPrecondition);
    EXPECT_TRUE(tunnel.upgrade("echo/1", {{"x-more", "yes"}}));
    while (true) {
      const auto bytes = tunnel.read();
      EXPECT_TRUE(bytes);
      if (!bytes || bytes->empty()) return;
      if (!tunnel.write(*bytes)) return;
      if (bytes->ends_with("!")) return;
    }
  });
  RawClient client(server->port());
  client.send("POST / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: echo/1\r\n\r\nearly ");
  const std::string many(300'000, 'x');
  std::jthread sender([&] { client.send(many + "!"); });
  const std::string all = client.read_to_end();
  EXPECT_THAT(all, StartsWith("HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\n"));
  EXPECT_THAT(all, HasSubstr("x-more: yes\r\nupgrade: echo/1\r\n\r\nearly xxx"));
  EXPECT_THAT(all, EndsWith("x!"));
  EXPECT_GT(all.size(), many.size());
}

TEST(HttpServer, DrainEndsAnUpgradedConnection) {
  std::latch waiting(1);
  std::latch ended(1);
  auto server = serve([&](const Context&, const HttpRequest&, ResponseWriter& writer) {
    Upgrade& tunnel = *upgrade_of(writer);
    EXPECT_TRUE(tunnel.upgrade("echo/1", {}));
    waiting.count_down();
    EXPECT_EQ(tunnel.read().value_or("none"), "");
    ended.count_down();
  });
  RawClient client(server->port());
  client.send(kGet);
  waiting.wait();
  server->drain(10ms);
  ended.wait();
}

TEST(HttpServer, SaysThatAPortIsTaken) {
  const auto server = serve(echo);
  const auto second = HttpServer::create({.port = server->port()}, echo);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_EQ(second.error().message,
            "port " + std::to_string(server->port()) + " on 127.0.0.1 is already in use");
  EXPECT_EQ(HttpServer::create({.address = "nowhere"}, echo).error().code,
            ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace rage::net
