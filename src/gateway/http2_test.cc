// HTTP/2 at both ends: libcurl, which is not ours, as the client; another gateway as the upstream.
#include <curl/curl.h>  // tidy-allow: third-party because it is a client that is not ours

#include "gateway/fake_picker_for_test.h"
#include "gateway/gateway_fixture.h"
#include "net/tls_for_test.h"
#include "rpc/client_for_test.h"

namespace rage::gateway {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

struct Fetched {
  CURLcode code = CURLE_OK;
  long status = 0;
  long version = 0;
  std::string headers;
  std::string body;
};

std::size_t append(char* bytes, std::size_t size, std::size_t count, void* to) {
  static_cast<std::string*>(to)->append(bytes, size * count);
  return size * count;
}

// `body` given: a POST.
Fetched fetch(const std::string& url, const std::string* body = nullptr,
              bool prior_knowledge = true) {
  Fetched fetched;
  CURL* const curl = curl_easy_init();
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_HTTP_VERSION,
                   prior_knowledge ? CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE : CURL_HTTP_VERSION_2TLS);
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 10'000L);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, append);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &fetched.body);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, append);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &fetched.headers);
  if (body != nullptr) {
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body->data());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, static_cast<long>(body->size()));
  }
  fetched.code = curl_easy_perform(curl);
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &fetched.status);
  curl_easy_getinfo(curl, CURLINFO_HTTP_VERSION, &fetched.version);
  curl_easy_cleanup(curl);
  return fetched;
}

class Http2 : public GatewayFixture {
 protected:
  std::string url(std::string_view path = "/x", std::string_view scheme = "http") const {
    return std::string(scheme) + "://127.0.0.1:" + std::to_string(port_) + std::string(path);
  }
};

TEST_F(Http2, ServesClientsThatBeginWithIt) {
  TestUpstream upstream(echoing());
  serve({upstream.address()});
  start();
  const Fetched get = fetch(url("/a?b"));
  EXPECT_EQ(get.status, 200);
  EXPECT_EQ(get.version, CURL_HTTP_VERSION_2_0);
  EXPECT_THAT(get.body, AllOf(StartsWith("GET /a?b HTTP/1.1\r\nhost: 127.0.0.1:"),
                              HasSubstr("x-forwarded-for: 127.0.0.1")));
  const std::string body = "hello";
  const Fetched posted = fetch(url(), &body);
  EXPECT_THAT(posted.body, AllOf(HasSubstr("content-length: 5\r\n"), EndsWith("\r\n\r\nhello")));
  EXPECT_THAT(ask(kGet), StartsWith("HTTP/1.1 200 OK"));  // The same port speaks both.
}

TEST_F(Http2, LargeBodiesPassWhole) {
  TestUpstream upstream(echoing());
  serve({upstream.address()});
  start();
  std::string body(5 << 20, 'x');
  for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>('a' + i % 23);
  const Fetched posted = fetch(url(), &body);
  EXPECT_EQ(posted.code, CURLE_OK);
  EXPECT_TRUE(posted.body.ends_with(body));
}

// An upload that is refused must be seen to be refused, not to be reset.
TEST_F(Http2, AnAnswerBeforeTheBodysEndArrives) {
  for (const std::string answer :
       {"HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        "HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nno!"}) {
    TestUpstream upstream([&](RawStream& stream) {
      stream.read_past("\r\n\r\n");
      stream.send(answer);
      (void)stream.read_message();
    });
    serve({upstream.address()});
    start();
    rpc::ClientForTest client;  // libcurl 7.88 takes a reset for a failure even after the answer.
    const std::int32_t id = client.call("/x");
    client.write(id, std::string(8 << 20, 'x'));
    const auto connection = RawStream::connect(port_);
    while (!client.answer(id).closed) {
      connection->send(client.take_output());
      const std::string in = connection->read_some();
      ASSERT_FALSE(in.empty()) << answer;
      ASSERT_TRUE(client.take_input(in));
    }
    EXPECT_EQ(client.answer(id).fields[":status"], answer.contains("204") ? "204" : "413");
    EXPECT_EQ(client.answer(id).error, NGHTTP2_NO_ERROR);
  }
}

TEST_F(Http2, TlsAgreesOnItAndFallsBack) {
  TestUpstream upstream(echoing());
  serve({upstream.address()});
  certificates_[""] = {net::testing_pki::kServerCertificate, net::testing_pki::kServerKey};
  start();
  const std::string body(300'000, 'y');
  const Fetched secure = fetch(url("/x", "https"), &body, false);
  EXPECT_EQ(secure.code, CURLE_OK);
  EXPECT_EQ(secure.version, CURL_HTTP_VERSION_2_0);
  EXPECT_THAT(secure.body, HasSubstr("x-forwarded-proto: https"));
  EXPECT_TRUE(secure.body.ends_with(body));
}

TEST_F(Http2, CutsAreSeen) {
  TestUpstream upstream([](RawStream& stream) {
    stream.read_message();
    stream.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  });
  serve({upstream.address()});
  route("/", to_service("all"));
  start();
  EXPECT_EQ(fetch(url()).code, CURLE_HTTP2_STREAM);
  EXPECT_EQ(metrics_.aborted.value(), 1);
}

TEST_F(Http2, RefusesAreJsonOrGrpc) {
  start();
  const Fetched fetched = fetch(url());
  EXPECT_EQ(fetched.status, 404);
  EXPECT_THAT(fetched.body, HasSubstr("no HTTPRoute matches"));
}

// An upstream that speaks HTTP/2 in clear text: here, a gateway in front of another server.
class Http2Upstream : public Http2 {
 protected:
  void chain(net::Address last) {
    auto inner = std::make_unique<Inner>();
    inner->serve({last});
    inner->start();
    inner_ = std::move(inner);
    gatewayapi::Rule rule = to_service("inner");
    rule.backends[0].h2c = true;
    route("/", rule);
    service("inner", {*net::Address::of("127.0.0.1", inner_->port())});
    start();
  }

 private:
  class Inner : public GatewayFixture {
   public:
    using GatewayFixture::serve;
    using GatewayFixture::start;
    std::uint16_t port() const { return port_; }
    void TestBody() override {}
  };
  std::unique_ptr<Inner> inner_;
};

TEST_F(Http2Upstream, CarriesRequestsOfBothVersions) {
  TestUpstream upstream(echoing());
  chain(upstream.address());
  EXPECT_THAT(ask(post("/a", "hello", "Cookie: a=b\r\n")),
              AllOf(StartsWith("HTTP/1.1 200 OK"), HasSubstr("cookie: a=b\r\n"),
                    HasSubstr("x-forwarded-for: 127.0.0.1, 127.0.0.1\r\n"), EndsWith("hello")));
  EXPECT_THAT(ask("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"),
              StartsWith("HTTP/1.1 200 OK"));
  const std::string body(2 << 20, 'x');
  const Fetched fetched = fetch(url(), &body);
  EXPECT_TRUE(fetched.body.ends_with(body));
  const auto stream = client();
  stream->send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(stream->read_past("\r\n\r\n"), HasSubstr("content-length"));
}

TEST_F(Http2Upstream, SharesOneConnection) {
  std::atomic<int> waiting = 0;
  TestUpstream upstream([&](RawStream& stream) {
    while (!stream.read_message().empty()) {
      ++waiting;
      while (waiting < 8) std::this_thread::yield();
      stream.send(ok("done"));
    }
  });
  chain(upstream.address());
  std::vector<std::unique_ptr<RawStream>> clients;
  for (int i = 0; i < 8; ++i) {
    clients.push_back(client());
    clients.back()->send(kGet);
  }
  for (const auto& stream : clients) EXPECT_THAT(stream->read_message(), EndsWith("done"));
}

TEST_F(Http2Upstream, AClientThatLeavesResetsItsStreamOnly) {
  std::atomic<bool> gone = false;
  TestUpstream upstream([&](RawStream& stream) {
    const std::string request = stream.read_message();
    if (request.find("/stay") != std::string::npos) return stream.send(ok("stayed"));
    stream.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");
    gone = stream.ended();
  });
  chain(upstream.address());
  auto leaving = client();
  leaving->send("GET /leave HTTP/1.1\r\nHost: h\r\n\r\n");
  leaving->read_past("x\r\n");
  leaving->close();
  while (!gone) std::this_thread::yield();
  EXPECT_THAT(ask("GET /stay HTTP/1.1\r\nHost: h\r\n\r\n"), EndsWith("stayed"));
}

TEST_F(Http2Upstream, SlowClientsHoldItBack) {
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
  chain(upstream.address());
  const auto stream = client();
  stream->send(kGet);
  stream->read_past("\r\n\r\n");
  while (!stuck) std::this_thread::yield();
  EXPECT_LT(sent, std::size_t{64} << 20);
}

TEST_F(Http2Upstream, ConnectFailuresAreTold) {
  const net::Address dead = std::make_unique<TestUpstream>(echoing())->address();
  gatewayapi::Rule rule = to_service("dead");
  rule.backends[0].h2c = true;
  route("/", rule);
  service("dead", {dead});
  start();
  EXPECT_THAT(ask(kGet), AllOf(StartsWith("HTTP/1.1 503 "), HasSubstr("cannot connect")));
}

// What clients see must not depend on the pod that happens to answer.
TEST_F(Http2, ModelsOfAllPoolsAreListedForThisHostAlone) {
  const auto models = [](std::string data) {
    return answering([data](const std::string& request) {
      EXPECT_THAT(request, StartsWith("GET /v1/models "));
      return ok("{\"object\":\"list\",\"data\":[" + data + "]}");
    });
  };
  TestUpstream phi(models(R"({"id":"phi","owned_by":"a"},{"id":"hidden"})"));
  TestUpstream qwen(models(R"({"id":"qwen"},{"id":"phi"})"));
  for (const auto& [name, upstream] : {std::pair{"phi", &phi}, {"qwen", &qwen}}) {
    route("/", to_pool(name), name);
    pool(name, {.endpoints = {upstream->address()}});
  }
  pool("empty", {});
  start();
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(
        ask("GET /v1/models HTTP/1.1\r\nHost: h\r\n\r\n"),
        EndsWith(R"({"object":"list","data":[{"id":"phi","owned_by":"a"},{"id":"qwen"}]})"));
  }
  EXPECT_EQ(phi.connections(), 1);
}

}  // namespace
}  // namespace rage::gateway
