// The data plane with real sockets: what comes in at one end comes out at the other, whole or
// visibly not.
#include "gateway/gateway_fixture.h"

namespace rage::gateway {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

using Proxy = GatewayFixture;

TEST_F(Proxy, PassesRequestAndReplyOn) {
  TestUpstream upstream(echoing());
  serve({upstream.address()});
  start();
  const std::string reply = ask(post("/a?b=c", "hello",
                                     "X-Mine: 1\r\nConnection: x-mine2\r\n"
                                     "X-Mine2: secret\r\n"));
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(reply, HasSubstr("POST /a?b=c HTTP/1.1\r\nhost: h\r\n"));
  EXPECT_THAT(reply, HasSubstr("x-mine: 1\r\n"));
  EXPECT_THAT(reply, HasSubstr("x-forwarded-for: 127.0.0.1\r\n"));
  EXPECT_THAT(reply, HasSubstr("x-forwarded-proto: http\r\n"));
  EXPECT_THAT(reply, HasSubstr("x-request-id: "));
  EXPECT_THAT(reply, AllOf(Not(HasSubstr("secret")), EndsWith("\r\n\r\nhello")));
}

TEST_F(Proxy, AppendsToForwardedForAndKeepsTheRequestId) {
  TestUpstream upstream(echoing());
  serve({upstream.address()});
  start();
  const std::string reply =
      ask("GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 1.2.3.4\r\nX-Forwarded-For: 5.6.7.8\r\n"
          "X-Request-Id: abc\r\n\r\n");
  EXPECT_THAT(reply, HasSubstr("x-forwarded-for: 1.2.3.4, 5.6.7.8, 127.0.0.1\r\n"));
  EXPECT_THAT(reply, HasSubstr("x-request-id: abc\r\n"));
}

// Connections are what costs; a client that pipelines must get its answers in order.
TEST_F(Proxy, KeepsConnectionsAtBothEnds) {
  TestUpstream upstream(echoing());
  serve({upstream.address()});
  start();
  const auto stream = client();
  for (int i = 0; i < 5; ++i) {
    stream->send(post("/" + std::to_string(i), "x"));
    EXPECT_THAT(stream->read_message(), HasSubstr("POST /" + std::to_string(i)));
  }
  stream->send(post("/a", "1") + post("/b", "2") + kGet);
  EXPECT_THAT(stream->read_message(), HasSubstr("POST /a"));
  EXPECT_THAT(stream->read_message(), HasSubstr("POST /b"));
  EXPECT_THAT(stream->read_message(), HasSubstr("GET /x"));
  EXPECT_EQ(upstream.connections(), 1);
}

TEST_F(Proxy, StreamsEachPieceAsItComes) {
  TestUpstream upstream([](RawStream& stream) {
    stream.read_message();
    stream.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nfirst\n\r\n");
    EXPECT_EQ(stream.read_past("go"), "");  // Nothing more comes: the client waits as well.
  });
  serve({upstream.address()});
  start();
  const auto stream = client();
  stream->send(kGet);
  EXPECT_THAT(stream->read_past("first\n\r\n"), HasSubstr("transfer-encoding: chunked"));
}

TEST_F(Proxy, ChunkedRequestsArriveChunkedAndWithoutTrailers) {
  TestUpstream upstream([](RawStream& stream) {
    std::string seen = stream.read_past("\r\n0\r\n\r\n");
    stream.send(ok(seen));
  });
  serve({upstream.address()});
  start();
  const std::string reply =
      ask("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
          "5;ext=1\r\nhello\r\n1\r\n!\r\n0\r\nX-Trailer: smuggled\r\n\r\n");
  EXPECT_THAT(reply, HasSubstr("transfer-encoding: chunked\r\n"));
  EXPECT_THAT(reply, HasSubstr("hello"));
  EXPECT_THAT(reply, Not(HasSubstr("smuggled")));
}

TEST_F(Proxy, LargeBodiesPassWholeInBothDirections) {
  TestUpstream upstream(echoing());
  serve({upstream.address()});
  start();
  std::string body(5 << 20, 'x');
  for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>('a' + i % 23);
  const auto stream = client();
  std::jthread sender([&] { stream->send(post("/", body)); });
  const std::string reply = stream->read_message();
  EXPECT_TRUE(reply.ends_with(body));
}

// A client that reads nothing must stop its upstream, not fill our memory.
TEST_F(Proxy, ASlowClientHoldsItsUpstreamBack) {
  std::atomic<std::size_t> sent = 0;
  std::atomic<bool> stuck = false;
  TestUpstream upstream([&](RawStream& stream) {
    stream.read_message();
    stream.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    const std::string chunk = "10000\r\n" + std::string(65536, 'x') + "\r\n";
    timeval limit{.tv_sec = 0, .tv_usec = 300'000};
    ::setsockopt(stream.fd(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    while (sent < (std::size_t{200} << 20)) {
      if (::send(stream.fd(), chunk.data(), chunk.size(), MSG_NOSIGNAL) <= 0) break;
      sent += chunk.size();
    }
    stuck = true;
  });
  serve({upstream.address()});
  start();
  const auto stream = client();
  stream->send(kGet);
  EXPECT_THAT(stream->read_past("\r\n\r\n"), HasSubstr("200 OK"));
  while (!stuck) std::this_thread::yield();
  EXPECT_LT(sent, std::size_t{64} << 20);  // The kernel's buffers at four ends, and little more.
}

TEST_F(Proxy, BodilessRepliesStayBodiless) {
  TestUpstream upstream(answering([](const std::string& request) -> std::string {
    if (request.starts_with("HEAD")) return "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n";
    if (request.starts_with("GET /204")) return "HTTP/1.1 204 No Content\r\n\r\n";
    if (request.starts_with("GET /304")) {
      return "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n";
    }
    return ok("end");
  }));
  serve({upstream.address()});
  start();
  const auto stream = client();
  stream->send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(stream->read_past("\r\n\r\n"), HasSubstr("content-length: 99\r\n"));
  stream->send("GET /204 HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(stream->read_past("\r\n\r\n"),
              AllOf(HasSubstr(" 204 "), Not(HasSubstr("content-length"))));
  stream->send("GET /304 HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(stream->read_past("\r\n\r\n"), HasSubstr("content-length: 7\r\n"));
  stream->send(kGet);
  EXPECT_THAT(stream->read_message(), EndsWith("end"));
  EXPECT_EQ(upstream.connections(), 1);
}

TEST_F(Proxy, RepliesThatEndWithTheConnectionAreChunked) {
  TestUpstream upstream([](RawStream& stream) {
    stream.read_message();
    stream.send("HTTP/1.0 200 OK\r\n\r\nall of it");
  });
  serve({upstream.address()});
  start();
  EXPECT_THAT(ask(kGet), AllOf(HasSubstr("transfer-encoding: chunked"), EndsWith("all of it")));
}

TEST_F(Proxy, InterimRepliesAreNotTheReply) {
  TestUpstream upstream(answering([](const std::string&) {
    return "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ok("done");
  }));
  serve({upstream.address()});
  start();
  EXPECT_THAT(ask(kGet), AllOf(StartsWith("HTTP/1.1 200"), EndsWith("done")));
}

TEST_F(Proxy, HttpOneZeroClientsGetWhatTheyUnderstand) {
  TestUpstream upstream(answering([](const std::string&) {
    return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
  }));
  serve({upstream.address()});
  start();
  const auto stream = client();
  stream->send("GET / HTTP/1.0\r\n\r\n");
  EXPECT_THAT(stream->read_to_end(),
              AllOf(Not(HasSubstr("chunked")), HasSubstr("close"), EndsWith("\r\n\r\nabc")));
}

TEST_F(Proxy, AsksForTheBodyOnlyWhenItIsWanted) {
  TestUpstream upstream(echoing());
  serve({upstream.address()});
  start();
  const auto stream = client();
  stream->send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(stream->read_past("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  stream->send("hello");
  EXPECT_THAT(stream->read_message(), AllOf(Not(HasSubstr("expect:")), EndsWith("hello")));
}

TEST_F(Proxy, ARefusedBodyIsNotAskedFor) {
  start();  // No routes.
  const auto stream = client();
  stream->send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_THAT(stream->read_message(), AllOf(StartsWith("HTTP/1.1 404"), HasSubstr("close")));
  EXPECT_TRUE(stream->ended());
}

// A truncated answer that looks whole would be taken for the model's.
TEST_F(Proxy, ACutOffReplyIsSeenToBeCutOff) {
  const auto cut = [](std::string sent) {
    return [sent](RawStream& stream) {
      stream.read_message();
      stream.send(sent);
    };
  };
  TestUpstream chunked(cut("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"));
  TestUpstream length(cut("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"));
  TestUpstream garbage(cut("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcX"));
  for (const auto& [name, upstream] :
       {std::pair{"/chunked", &chunked}, {"/length", &length}, {"/garbage", &garbage}}) {
    route(name, to_service(name));
    service(name, {upstream->address()});
  }
  start();
  for (const std::string name : {"chunked", "garbage"}) {
    const auto stream = client();
    stream->send("GET /" + name + " HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_THAT(stream->read_to_end(), EndsWith("3\r\nabc\r\n")) << name;
  }
  const auto stream = client();
  stream->send("GET /length HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(stream->read_to_end(), EndsWith("\r\n\r\nabc"));
  const auto old = client();
  old->send("GET /chunked HTTP/1.0\r\nHost: h\r\n\r\n");
  old->read_to_end();
  EXPECT_TRUE(old->was_reset());  // Its bodies end with the connection.
  EXPECT_EQ(metrics_.aborted.value(), 4);
}

TEST_F(Proxy, AClientThatLeavesEndsTheUpstreamRequest) {
  std::atomic<bool> seen_gone = false;
  TestUpstream upstream([&](RawStream& stream) {
    stream.read_message();
    stream.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");
    seen_gone = stream.ended();
  });
  serve({upstream.address()});
  start();
  auto stream = client();
  stream->send(kGet);
  stream->read_past("x\r\n");
  stream->reset();
  while (!seen_gone) std::this_thread::yield();
  EXPECT_TRUE(seen_gone);
}

TEST_F(Proxy, AReplyBeforeTheEndOfTheRequestIsPassedOn) {
  TestUpstream upstream([](RawStream& stream) {
    stream.read_past("\r\n\r\n");
    stream.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig");
    stream.read_to_end();
  });
  serve({upstream.address()});
  start();
  const auto stream = client();
  stream->send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\nhello");
  EXPECT_THAT(stream->read_message(), AllOf(HasSubstr(" 413 "), EndsWith("big")));
}

TEST_F(Proxy, SmallUnwantedBodiesDoNotCostTheConnection) {
  start();
  const auto stream = client();
  stream->send(post("/none", "1234567890") + post("/none", "12345"));
  EXPECT_THAT(stream->read_message(), StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(stream->read_message(), StartsWith("HTTP/1.1 404"));
}

TEST_F(Proxy, RefusesSmuggledRequestsAndSaysSo) {
  TestUpstream upstream(echoing());
  serve({upstream.address()});
  start();
  for (const auto& [bytes, status] : std::vector<std::pair<std::string, std::string>>{
           {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
            "0\r\n\r\nGET /admin HTTP/1.1\r\nHost: h\r\n\r\n",
            "400"},
           {"GET / HTTP/1.1\nHost: h\n\nGET /admin HTTP/1.1\r\nHost: h\r\n\r\n", "400"},
           {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n", "501"}}) {
    const auto stream = client();
    stream->send(bytes);
    const std::string reply = stream->read_to_end();
    EXPECT_THAT(reply, StartsWith("HTTP/1.1 " + status + " ")) << bytes;
    EXPECT_THAT(reply, Not(HasSubstr("admin")));
  }
  EXPECT_EQ(upstream.connections(), 0);
}

TEST_F(Proxy, LimitsHaveTheirStatuses) {
  TestUpstream upstream(echoing());
  serve({upstream.address()});
  options_.header_bytes_max = 2048;
  options_.body_bytes_max = 1000;
  options_.head_timeout = 50ms;
  options_.body_timeout = 50ms;
  start();
  EXPECT_THAT(ask("GET / HTTP/1.1\r\nHost: h\r\nX: " + std::string(3000, 'x')),
              StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(ask(post("/", std::string(1001, 'x'))), StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(ask("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" +
                  std::string(1001, 'x') + "\r\n"),
              StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(ask("GET / HTTP/1.1\r\nHost:"), StartsWith("HTTP/1.1 408 "));
  EXPECT_THAT(ask("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhel"),
              StartsWith("HTTP/1.1 408 "));
}

TEST_F(Proxy, TooManyConnectionsAreToldSo) {
  options_.connections_max = 1;
  start();
  const auto first = client();
  first->send(kGet);
  EXPECT_THAT(first->read_message(), StartsWith("HTTP/1.1 404"));
  const auto second = client();
  EXPECT_THAT(second->read_to_end(), StartsWith("HTTP/1.1 503 "));
}

TEST_F(Proxy, IdleConnectionsAreClosed) {
  options_.idle_timeout = 30ms;
  start();
  EXPECT_TRUE(client()->ended());
}

// The server closed its idle connection: the client must not pay for that.
TEST_F(Proxy, AStaleUpstreamConnectionIsReplaced) {
  std::atomic<int> served = 0;
  TestUpstream upstream([&](RawStream& stream) {
    stream.read_message();
    stream.send(ok("one"));
    stream.read_message();
    if (++served == 1) return;  // Takes the second request, and leaves.
    stream.send(ok("two"));
  });
  serve({upstream.address()});
  start();
  const auto stream = client();
  stream->send(kGet);
  EXPECT_THAT(stream->read_message(), EndsWith("one"));
  stream->send(kGet);
  EXPECT_THAT(stream->read_message(), EndsWith("one"));  // On a fresh connection.
  EXPECT_EQ(upstream.connections(), 2);
}

TEST_F(Proxy, UpstreamsThatFailHaveTheirStatuses) {
  TestUpstream closing([](RawStream& stream) { stream.read_message(); });
  TestUpstream babbling([](RawStream& stream) {
    stream.read_message();
    stream.send("220 smtp ready\r\n\r\n");
    stream.read_to_end();
  });
  const auto refusing = std::make_unique<TestUpstream>(echoing())->address();
  for (const auto& [name, address] :
       std::vector<std::pair<std::string, net::Address>>{{"closing", closing.address()},
                                                         {"babbling", babbling.address()},
                                                         {"refusing", refusing}}) {
    route("/" + name, to_service(name));
    service(name, {address});
  }
  route("/nobody", to_service("nobody"));
  service("nobody", {});
  start();
  const auto get = [&](const std::string& path) {
    return ask("GET " + path + " HTTP/1.1\r\nHost: h\r\n\r\n");
  };
  EXPECT_THAT(get("/closing"), AllOf(StartsWith("HTTP/1.1 502 "), HasSubstr("without a reply")));
  EXPECT_THAT(get("/babbling"), AllOf(StartsWith("HTTP/1.1 502 "), HasSubstr("no valid HTTP")));
  EXPECT_THAT(get("/refusing"), AllOf(StartsWith("HTTP/1.1 503 "), HasSubstr("refused")));
  EXPECT_THAT(get("/nobody"), AllOf(StartsWith("HTTP/1.1 503 "), HasSubstr("ns/nobody:80")));
  EXPECT_THAT(get("/else"), AllOf(StartsWith("HTTP/1.1 404 "), HasSubstr("no HTTPRoute matches")));
}

}  // namespace
}  // namespace rage::gateway
