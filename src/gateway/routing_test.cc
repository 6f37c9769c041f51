// Rules, filters, retries, keys and rates, seen from outside.
#include "base/sha256.h"
#include "gateway/gateway_fixture.h"

namespace rage::gateway {
namespace {

using namespace std::chrono_literals;
using gatewayapi::Filter;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

using Routing = GatewayFixture;

TEST_F(Routing, FiltersOfRuleAndBackendApplyInTurn) {
  TestUpstream upstream(echoing());
  gatewayapi::Rule rule = to_service("all");
  gatewayapi::RequestHeaderEdits request;
  request.set = {{"x-rule", "1"}};
  request.remove = {"x-secret"};
  gatewayapi::ResponseHeaderEdits reply;
  reply.set = {{"x-reply", "2"}};
  rule.filters = {
      {request},
      {reply},
      {gatewayapi::Rewrite{
          .hostname = "inner.example",
          .path = gatewayapi::PathEdit{gatewayapi::PathEdit::Kind::kReplacePrefixMatch, "/v2"}}}};
  gatewayapi::RequestHeaderEdits backend;
  backend.set = {{"x-rule", "3"}};
  rule.backends[0].filters = {{backend}};
  route("/v1", rule);
  service("all", {upstream.address()});
  start();
  EXPECT_THAT(ask("GET /v1/a?q HTTP/1.1\r\nHost: h\r\nX-Secret: s\r\n\r\n"),
              AllOf(HasSubstr("GET /v2/a?q HTTP/1.1\r\nhost: inner.example\r\n"),
                    HasSubstr("x-rule: 3\r\n"), HasSubstr("x-reply: 2\r\n"),
                    Not(HasSubstr("x-secret")), Not(HasSubstr("x-rule: 1"))));
}

TEST_F(Routing, RedirectsAreAnsweredHere) {
  gatewayapi::Rule rule = to_service("none");
  rule.filters = {{gatewayapi::Redirect{.scheme = "https", .status = 301}}};
  route("/", rule);
  start();
  EXPECT_THAT(ask("GET /a?q HTTP/1.1\r\nHost: h.example:81\r\n\r\n"),
              AllOf(StartsWith("HTTP/1.1 301 "), HasSubstr("location: https://h.example/a?q\r\n")));
}

TEST_F(Routing, AMirrorGetsACopyAndTheClientNoneOfIt) {
  std::atomic<int> copies = 0;
  TestUpstream mirror(answering([&](const std::string& request) {
    if (request.ends_with("hello")) ++copies;
    return ok("nobody reads this");
  }));
  TestUpstream upstream(echoing());
  gatewayapi::Rule rule = to_service("all");
  rule.filters = {{gatewayapi::Mirror{.backend = to_service("mirror").backends[0]}}};
  route("/", rule);
  service("all", {upstream.address()});
  service("mirror", {mirror.address()});
  start();
  const auto stream = client();
  stream->send(post("/", "hello"));
  EXPECT_THAT(stream->read_message(), AllOf(EndsWith("hello"), Not(HasSubstr("nobody"))));
  while (copies == 0) std::this_thread::yield();
  stream->send(post("/", "again"));
  EXPECT_THAT(stream->read_message(), EndsWith("again"));
}

TEST_F(Routing, BackendsShareByWeightAndInvalidOnesFailTheirShare) {
  TestUpstream heavy(answering([](const std::string&) { return ok("heavy"); }));
  gatewayapi::Rule rule = to_service("heavy");
  rule.backends[0].weight = 3;
  rule.backends.push_back({.kind = gatewayapi::Backend::Kind::kInvalid, .weight = 1});
  route("/", rule);
  service("heavy", {heavy.address()});
  start();
  int failed = 0;
  const auto stream = client();
  for (int i = 0; i < 400; ++i) {
    stream->send(kGet);
    failed += stream->read_message().starts_with("HTTP/1.1 500 ") ? 1 : 0;
  }
  EXPECT_NEAR(failed, 100, 50);
}

TEST_F(Routing, NoBackendAtAllIsSaid) {
  gatewayapi::Rule rule{.route = {"ns", "empty"}};
  route("/", rule);
  start();
  EXPECT_THAT(ask(kGet), AllOf(StartsWith("HTTP/1.1 500 "), HasSubstr("ns/empty")));
}

// A pod that has just died must not cost a request while others live.
TEST_F(Routing, ADeadEndpointIsPassedOver) {
  TestUpstream alive(echoing());
  const net::Address dead = std::make_unique<TestUpstream>(echoing())->address();
  serve({dead, alive.address()});
  start();
  for (int i = 0; i < 20; ++i) EXPECT_THAT(ask(post("/", "x")), StartsWith("HTTP/1.1 200"));
  EXPECT_GT(metrics_.retries.value(), 0);
}

TEST_F(Routing, RetriesListedCodesWithTheWholeBody) {
  std::atomic<int> asked = 0;
  TestUpstream upstream(answering([&](const std::string& request) {
    if (++asked < 3) return std::string("HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n");
    return ok(request);
  }));
  gatewayapi::Rule rule = to_service("all");
  rule.retry = gatewayapi::Retry{.codes = {503}, .attempts = 2, .backoff = 5ms};
  route("/", rule);
  service("all", {upstream.address()});
  start();
  EXPECT_THAT(ask(post("/", "hello")), AllOf(StartsWith("HTTP/1.1 200"), EndsWith("hello")));
  EXPECT_EQ(asked, 3);
  asked = 0;
  EXPECT_THAT(ask("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "5\r\nhello\r\n0\r\n\r\n"),
              StartsWith("HTTP/1.1 200"));
}

// A half-sent body that is gone cannot be sent again, and the second half alone must not be.
TEST_F(Routing, ABodyTooLargeToKeepIsNotRetried) {
  std::atomic<int> asked = 0;
  TestUpstream upstream([&](RawStream& stream) {
    ++asked;
    stream.read_bytes(300'000);
    stream.send("HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n");
    stream.read_to_end();
  });
  gatewayapi::Rule rule = to_service("all");
  rule.retry = gatewayapi::Retry{.codes = {503}, .attempts = 2, .backoff = 1ms};
  route("/", rule);
  service("all", {upstream.address()});
  start();
  EXPECT_THAT(ask(post("/", std::string(1 << 20, 'x'))), StartsWith("HTTP/1.1 503"));
  EXPECT_EQ(asked, 1);
}

TEST_F(Routing, TimeoutsOfRequestAndBackendAreKept) {
  TestUpstream silent([](RawStream& stream) { stream.read_to_end(); });
  TestUpstream slow([](RawStream& stream) {
    stream.read_message();
    stream.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");
    stream.read_to_end();
  });
  gatewayapi::Rule rule = to_service("silent");
  rule.request_timeout = 40ms;
  route("/request", rule);
  rule.request_timeout = 0ms;
  rule.backend_timeout = 40ms;
  route("/backend", rule);
  gatewayapi::Rule streaming = to_service("slow");
  streaming.request_timeout = 60ms;
  route("/slow", streaming);
  service("silent", {silent.address()});
  service("slow", {slow.address()});
  start();
  EXPECT_THAT(ask("GET /request HTTP/1.1\r\nHost: h\r\n\r\n"), StartsWith("HTTP/1.1 504 "));
  EXPECT_THAT(ask("GET /backend HTTP/1.1\r\nHost: h\r\n\r\n"), StartsWith("HTTP/1.1 504 "));
  const auto stream = client();
  stream->send("GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(stream->read_to_end(), EndsWith("1\r\nx\r\n"));  // Cut off, and seen to be.
}

TEST_F(Routing, ApiKeysAreAskedForAndNotPassedOn) {
  TestUpstream upstream(echoing());
  serve({upstream.address()});
  snapshot_.policies[{"ns", "route"}] = {.api_keys = {sha256_hex("right")}};
  start();
  EXPECT_THAT(ask(kGet), AllOf(StartsWith("HTTP/1.1 401 "), HasSubstr("www-authenticate")));
  EXPECT_THAT(ask("GET / HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer wrong\r\n\r\n"),
              StartsWith("HTTP/1.1 401 "));
  EXPECT_THAT(ask("GET / HTTP/1.1\r\nHost: h\r\nAuthorization: bearer right\r\n\r\n"),
              AllOf(StartsWith("HTTP/1.1 200 "), Not(HasSubstr("right"))));
  EXPECT_THAT(ask("GET / HTTP/1.1\r\nHost: h\r\nX-Api-Key: right\r\n\r\n"),
              AllOf(StartsWith("HTTP/1.1 200 "), Not(HasSubstr("right"))));
}

TEST_F(Routing, RatesAreKeptAndTellWhenToComeAgain) {
  TestUpstream upstream(echoing());
  serve({upstream.address()});
  snapshot_.policies[{"ns", "route"}].limit =
      std::make_shared<RateLimit>(RateLimitOptions{.per_minute = 2, .burst = 2});
  start();
  EXPECT_THAT(ask(kGet), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(ask(kGet), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(ask(kGet), AllOf(StartsWith("HTTP/1.1 429 "), HasSubstr("retry-after: 30\r\n")));
}

TEST(RateLimit, RefillsWithTimeUpToItsBurst) {
  RateLimit limit({.per_minute = 60, .burst = 2});
  const SteadyTime start = std::chrono::steady_clock::now();
  EXPECT_FALSE(limit.take(start));
  EXPECT_FALSE(limit.take(start));
  EXPECT_EQ(limit.take(start), 1s);
  EXPECT_FALSE(limit.take(start + 1s));
  EXPECT_TRUE(limit.take(start + 1s));
  EXPECT_FALSE(limit.take(start + 100s));
  EXPECT_FALSE(limit.take(start + 100s));
  EXPECT_TRUE(limit.take(start + 100s));
}

TEST_F(Routing, ReloadChangesRoutesAndLosesNoRequest) {
  std::atomic<bool> answer = false;
  std::atomic<bool> asked = false;
  TestUpstream before([&](RawStream& stream) {
    stream.read_message();
    asked = true;
    while (!answer) std::this_thread::yield();
    stream.send(ok("before"));
  });
  TestUpstream after(answering([](const std::string&) { return ok("after"); }));
  serve({before.address()});
  start();
  const auto stream = client();
  stream->send(kGet);
  while (!asked) std::this_thread::yield();
  service("all", {after.address()});
  ASSERT_TRUE(gateway_->apply(make_snapshot()));
  EXPECT_THAT(ask(kGet), EndsWith("after"));
  answer = true;
  EXPECT_THAT(stream->read_message(), EndsWith("before"));
  stream->send(kGet);  // The same connection, the new routes.
  EXPECT_THAT(stream->read_message(), EndsWith("after"));
}

TEST_F(Routing, DrainingEndsWhatRunsAndTakesNothingNew) {
  std::atomic<bool> answer = false;
  std::atomic<bool> asked = false;
  TestUpstream upstream([&](RawStream& stream) {
    stream.read_message();
    asked = true;
    while (!answer) std::this_thread::yield();
    stream.send(ok("last"));
  });
  serve({upstream.address()});
  start();
  const auto idle = client();
  const auto busy = client();
  busy->send(kGet);
  while (!asked) std::this_thread::yield();
  std::jthread draining([&] { gateway_->drain(10s); });
  EXPECT_TRUE(idle->ended());
  answer = true;
  EXPECT_THAT(busy->read_message(), AllOf(HasSubstr("connection: close"), EndsWith("last")));
  draining.join();
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{.sin_family = AF_INET, .sin_port = htons(port_)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_NE(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  ::close(fd);
}

TEST(FindVirtualHost, PrefersTheBestName) {
  ListenerConfig listener;
  for (const char* name : {"", "*.example", "*.b.example", "a.example"}) {
    listener.hosts.push_back({.hostname = name});
  }
  const auto found = [&](std::string_view host) {
    return find_virtual_host(listener, host)->hostname;
  };
  EXPECT_EQ(found("a.example"), "a.example");
  EXPECT_EQ(found("c.example"), "*.example");
  EXPECT_EQ(found("x.b.example"), "*.b.example");
  EXPECT_EQ(found("example"), "");
  EXPECT_EQ(found("other"), "");
  listener.hosts.erase(listener.hosts.begin());
  EXPECT_EQ(find_virtual_host(listener, "other"), nullptr);
}

}  // namespace
}  // namespace rage::gateway
