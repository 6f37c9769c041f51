#include "net/http_client.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <functional>
#include <latch>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/files.h"
#include "net/http_server.h"
#include "net/tls_for_test.h"

namespace rage::net {
namespace {

using namespace std::chrono_literals;

// Resource. A loopback port; serve() gives each connection to `answer` and closes it.
class Listener final {
 public:
  Listener() : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    EXPECT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), length), 0);
    EXPECT_EQ(::listen(fd_, 8), 0);
    EXPECT_EQ(::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length), 0);
    port_ = ntohs(address.sin_port);
  }
  ~Listener() { ::close(fd_); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  std::uint16_t port() const { return port_; }
  void serve(const std::function<void(int peer)>& answer) const {
    for (int peer; (peer = ::accept(fd_, nullptr, nullptr)) >= 0; ::close(peer)) answer(peer);
  }
  void shut_down() const { ::shutdown(fd_, SHUT_RDWR); }

 private:
  const int fd_;
  std::uint16_t port_ = 0;
};

// Resource. Reads one request head from each connection, answers with `reply` and closes: for
// replies that our own server would never give.
class RawServer final {
 public:
  explicit RawServer(std::string reply) : reply_(std::move(reply)) {
    thread_ = std::jthread([this] { listener_.serve([this](int peer) { answer(peer); }); });
  }
  ~RawServer() { listener_.shut_down(); }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(listener_.port()) + "/"; }

 private:
  void answer(int peer) const {
    std::string request;
    std::array<char, 4096> bytes;
    while (request.find("\r\n\r\n") == std::string::npos) {
      const ssize_t n = ::recv(peer, bytes.data(), bytes.size(), 0);
      if (n <= 0) break;
      request.append(bytes.data(), static_cast<std::size_t>(n));
    }
    (void)::send(peer, reply_.data(), reply_.size(), MSG_NOSIGNAL);
  }

  const std::string reply_;
  Listener listener_;
  std::jthread thread_;
};

template <auto kFree>
struct Freed {
  void operator()(auto* object) const { kFree(object); }
};

// Resource. Serves one connection after the other over TLS: the body is the subject of the client's
// certificate, if it sent one.
class TlsServer final {
 public:
  TlsServer() : context_(SSL_CTX_new(TLS_server_method())) {
    const auto bio = [](const char* pem) {
      return std::unique_ptr<BIO, Freed<BIO_free>>(BIO_new_mem_buf(pem, -1));
    };
    const auto read = [&](const char* pem) {
      return std::unique_ptr<X509, Freed<X509_free>>(
          PEM_read_bio_X509(bio(pem).get(), nullptr, nullptr, nullptr));
    };
    const std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>> key(
        PEM_read_bio_PrivateKey(bio(testing_pki::kServerKey).get(), nullptr, nullptr, nullptr));
    EXPECT_EQ(SSL_CTX_use_certificate(context_.get(), read(testing_pki::kServerCertificate).get()),
              1);
    EXPECT_EQ(SSL_CTX_use_PrivateKey(context_.get(), key.get()), 1);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context_.get()), read(testing_pki::kCa).get());
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
    thread_ = std::jthread([this] { listener_.serve([this](int peer) { answer(peer); }); });
  }
  ~TlsServer() { listener_.shut_down(); }
  std::string url() const { return "https://127.0.0.1:" + std::to_string(listener_.port()) + "/"; }

 private:
  void answer(int peer) const {
    const std::unique_ptr<SSL, Freed<SSL_free>> ssl(SSL_new(context_.get()));
    SSL_set_fd(ssl.get(), peer);
    std::array<char, 4096> bytes;
    if (SSL_accept(ssl.get()) != 1 || SSL_read(ssl.get(), bytes.data(), bytes.size()) <= 0) return;
    std::string who = "nobody";
    if (X509* certificate = SSL_get0_peer_certificate(ssl.get())) {
      X509_NAME_oneline(X509_get_subject_name(certificate), bytes.data(), bytes.size());
      who = bytes.data();
    }
    const std::string reply =
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: " + std::to_string(who.size()) +
        "\r\n\r\n" + who;
    SSL_write(ssl.get(), reply.data(), static_cast<int>(reply.size()));
    SSL_shutdown(ssl.get());
  }

  const std::unique_ptr<SSL_CTX, Freed<SSL_CTX_free>> context_;
  Listener listener_;
  std::jthread thread_;
};

class HttpClientTest : public testing::Test {
 protected:
  std::string serve(HttpHandler handler) {
    auto server = HttpServer::create({.workers = 4}, std::move(handler));
    EXPECT_TRUE(server);
    servers_.push_back(*std::move(server));
    return "http://127.0.0.1:" + std::to_string(servers_.back()->port());
  }

  std::vector<std::unique_ptr<HttpServer>> servers_;
  std::unique_ptr<HttpTransport> http_ = make_http_transport();
};

void describe(const Context&, const HttpRequest& request, ResponseWriter& writer) {
  HttpResponse response{.status = 201, .headers = {{"X-Method", request.method}}};
  response.body = request.path + "|" + request.query + "|" + request.body + "|" +
                  std::string(request.headers.find("x-a")) + "|" +
                  std::string(request.headers.find("content-type"));
  (void)writer.send(std::move(response));
}

TEST_F(HttpClientTest, SendsWhatItIsToldAndReturnsWhatCame) {
  const std::string url = serve(describe);
  for (const char* method : {"GET", "POST", "PUT", "DELETE", "PATCH"}) {
    const auto reply = http_->fetch({}, {.method = method,
                                         .url = url + "/p%20q?x=1",
                                         .headers = {{"X-A", "v"}},
                                         .body = std::string("body\0!", 6)});
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(reply->status, 201);
    EXPECT_EQ(reply->headers.find("x-method"), method);
    EXPECT_EQ(reply->body, std::string("/p%20q|x=1|body\0!|v|", 20));
  }
  EXPECT_EQ(http_->fetch({}, {.method = "GET", .url = url})->body, "/||||");
  const auto head = http_->fetch({}, {.method = "HEAD", .url = url});
  ASSERT_TRUE(head) << head.error().message;
  EXPECT_EQ(head->body, "");
  EXPECT_EQ(head->headers.find("content-length"), "5");
}

// Programs of a pod say http://rag/ as on a cluster, and keep the name in Host.
TEST_F(HttpClientTest, GoesWhereTheServicesFileSays) {
  const std::string url = serve([](const Context&, const HttpRequest& request, ResponseWriter& to) {
    (void)to.send({.status = 200, .body = std::string(request.headers.find("host"))});
  });
  const auto folder = *TemporaryDirectory::create("services");
  const std::string file = folder->path() / "services.json";
  const std::string port = url.substr(url.rfind(':') + 1);
  ASSERT_TRUE(write_file_atomically(
      file, R"({"services":[{"name":"rag","namespace":"demo","port":80,"address":"127.0.0.1",)"
            R"("local_port":)" +
                port + "}]}"));
  ::setenv("RAGE_SERVICES_FILE", file.c_str(), 1);
  ::setenv("RAGE_NAMESPACE", "demo", 1);
  const auto transport = make_http_transport();
  ::unsetenv("RAGE_SERVICES_FILE");
  ::unsetenv("RAGE_NAMESPACE");
  for (const char* name : {"rag", "rag.demo", "rag.demo.svc.cluster.local"}) {
    const auto reply = transport->fetch({}, {.url = fmt::format("http://{}/x", name)});
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(reply->body, name);
  }
  EXPECT_EQ(transport->fetch({}, {.url = url})->status, 200);  // Others go the usual way.
}

TEST_F(HttpClientTest, RefusesWhatIsNoHttpRequest) {
  for (const char* url : {"", "file:///etc/passwd", "ftp://h/", "http://", "://", "http://h:x/"}) {
    EXPECT_EQ(http_->fetch({}, {.url = url}).error().code, ErrorCode::kInvalidArgument) << url;
  }
  for (const Headers& headers :
       {Headers{{"a", "b\r\nc: d"}}, Headers{{"a\n", "b"}}, Headers{{"", "b"}}}) {
    EXPECT_EQ(http_->fetch({}, {.url = "http://127.0.0.1:1/", .headers = headers}).error().code,
              ErrorCode::kInvalidArgument);
  }
  EXPECT_EQ(http_->fetch({}, {.method = "GET /", .url = "http://127.0.0.1:1/"}).error().code,
            ErrorCode::kInvalidArgument);
}

TEST_F(HttpClientTest, SaysThatNobodyListens) {
  EXPECT_EQ(http_->fetch({}, {.url = "http://127.0.0.1:1/"}).error().code, ErrorCode::kUnavailable);
  const RawServer silent("");
  EXPECT_EQ(http_->fetch({}, {.url = silent.url()}).error().code, ErrorCode::kUnavailable);
  const RawServer other("SSH-2.0-OpenSSH_9.2\r\n");
  EXPECT_EQ(http_->fetch({}, {.url = other.url()}).error().code, ErrorCode::kUnavailable);
}

// Half an answer taken for a whole one is a wrong answer.
TEST_F(HttpClientTest, SaysThatABodyWasCutOff) {
  const RawServer by_length("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf");
  EXPECT_EQ(http_->fetch({}, {.url = by_length.url()}).error().code, ErrorCode::kDataLoss);
  const RawServer chunked("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n");
  EXPECT_EQ(http_->fetch({}, {.url = chunked.url()}).error().code, ErrorCode::kDataLoss);
}

TEST_F(HttpClientTest, KeepsTheDeadlineTheIdleLimitAndTheSizeLimit) {
  const std::string url =
      serve([](const Context& context, const HttpRequest& request, auto& writer) {
        if (request.path == "/large") return (void)writer.send({.body = std::string(1000, 'x')});
        (void)writer.begin(200, {});
        std::latch gone(1);
        std::stop_callback on_stop(context.stop, [&] { gone.count_down(); });
        gone.wait();
      });
  const auto late = http_->fetch(Context::with_timeout(40ms), {.url = url});
  EXPECT_EQ(late.error().code, ErrorCode::kDeadlineExceeded);
  const auto idle = http_->fetch({}, {.url = url, .idle_timeout = 40ms});
  EXPECT_EQ(idle.error().code, ErrorCode::kDeadlineExceeded);
  const auto large = http_->fetch({}, {.url = url + "/large", .body_bytes_max = 999});
  EXPECT_EQ(large.error().code, ErrorCode::kResourceExhausted);
  EXPECT_TRUE(http_->fetch({}, {.url = url + "/large", .body_bytes_max = 1000}));
}

// The reader left: the model must stop at once, although not a byte arrives.
TEST_F(HttpClientTest, StopsAtOnceWhenCancelledAndTheServerNotices) {
  std::latch running(1);
  std::latch noticed(1);
  const std::string url = serve([&](const Context& context, const HttpRequest&, auto& writer) {
    (void)writer.begin(200, {});
    std::stop_callback on_stop(context.stop, [&] { noticed.count_down(); });
    running.count_down();
    noticed.wait();
  });
  std::stop_source stop;
  std::chrono::steady_clock::time_point asked;
  std::jthread canceller([&] {
    running.wait();
    asked = std::chrono::steady_clock::now();
    stop.request_stop();
  });
  const auto reply = http_->fetch({.stop = stop.get_token()}, {.url = url});
  canceller.join();
  EXPECT_EQ(reply.error().code, ErrorCode::kCancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - asked, 100ms);
  noticed.wait();
  servers_.clear();  // Joins the handler, which uses our locals.
}

// A watch of a busy cluster never pauses: a stop that waits for a pause would hang the shutdown.
TEST_F(HttpClientTest, StopsAtOnceWhileDataFloodsIn) {
  const std::string url = serve([](const Context&, const HttpRequest&, ResponseWriter& writer) {
    (void)writer.begin(200, {});
    while (writer.write(std::string(64 << 10, 'x'))) {
    }
  });
  std::stop_source stop;
  std::size_t calls_after_stop = 0;
  const auto reply = http_->stream(
      {.stop = stop.get_token()}, {.url = url}, [](const HttpResponse&) { return true; },
      [&](std::string_view) {
        calls_after_stop += stop.stop_requested() ? 1 : 0;
        stop.request_stop();
        return true;
      });
  EXPECT_EQ(reply.error().code, ErrorCode::kCancelled);
  EXPECT_EQ(calls_after_stop, 0U);
}

std::shared_ptr<const TlsOptions> tls_of(TlsOptions options) {
  return std::make_shared<const TlsOptions>(std::move(options));
}

TEST_F(HttpClientTest, TrustsTheGivenAuthorityAloneAndChecksTheGivenName) {
  const TlsServer server;
  const std::string name = "kubernetes.default.svc";
  const auto fetch = [&](std::shared_ptr<const TlsOptions> tls) {
    return http_->fetch({}, {.url = server.url(), .tls = std::move(tls)});
  };
  const auto trusted = fetch(tls_of({.ca_pem = testing_pki::kCa, .server_name = name}));
  ASSERT_TRUE(trusted) << trusted.error().message;
  EXPECT_EQ(trusted->body, "nobody");
  for (const TlsOptions& wrong : {TlsOptions{.ca_pem = testing_pki::kOtherCa, .server_name = name},
                                  TlsOptions{.ca_pem = testing_pki::kCa},
                                  TlsOptions{.ca_pem = testing_pki::kCa, .server_name = "other"}}) {
    EXPECT_EQ(fetch(tls_of(wrong)).error().code, ErrorCode::kUnavailable);
  }
  EXPECT_TRUE(fetch(tls_of({.ca_pem = testing_pki::kOtherCa, .insecure_skip_verify = true})));
  // What was allowed once is not allowed to everybody who comes after.
  EXPECT_EQ(fetch(tls_of({.ca_pem = testing_pki::kOtherCa, .server_name = name})).error().code,
            ErrorCode::kUnavailable);
}

TEST_F(HttpClientTest, ShowsItsCertificate) {
  const TlsServer server;
  TlsOptions options{.ca_pem = testing_pki::kCa,
                     .certificate_pem = testing_pki::kClientCertificate,
                     .key_pem = testing_pki::kClientKey,
                     .server_name = "kubernetes.default.svc"};
  const auto reply = http_->fetch({}, {.url = server.url(), .tls = tls_of(options)});
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->body, "/CN=alice/O=system:masters");
  options.key_pem = testing_pki::kServerKey;  // Not the certificate's.
  EXPECT_EQ(http_->fetch({}, {.url = server.url(), .tls = tls_of(options)}).error().code,
            ErrorCode::kInvalidArgument);
  options.key_pem = "no PEM";
  EXPECT_EQ(http_->fetch({}, {.url = server.url(), .tls = tls_of(options)}).error().code,
            ErrorCode::kInvalidArgument);
}

TEST_F(HttpClientTest, FollowsRedirectsWithoutGivingCredentialsAway) {
  const std::string target = serve([](const Context&, const HttpRequest& request, auto& writer) {
    (void)writer.send({.body = "auth=" + std::string(request.headers.find("authorization"))});
  });
  const std::string url = serve([&](const Context&, const HttpRequest& request, auto& writer) {
    const std::string to = request.path == "/loop" ? "/loop" : target + "/";
    (void)writer.send({.status = 302, .headers = {{"location", to}}, .body = "moved"});
  });
  const Headers headers{{"Authorization", "Bearer secret"}};
  const auto kept = http_->fetch({}, {.url = url, .headers = headers});
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->status, 302);
  EXPECT_EQ(kept->body, "moved");
  const auto followed =
      http_->fetch({}, {.url = url, .headers = headers, .follow_redirects = true});
  ASSERT_TRUE(followed) << followed.error().message;
  EXPECT_EQ(followed->status, 200);
  EXPECT_EQ(followed->body, "auth=");  // Another port is another host.
  const auto loop = http_->fetch({}, {.url = url + "/loop", .follow_redirects = true});
  EXPECT_EQ(loop.error().code, ErrorCode::kFailedPrecondition);
}

TEST_F(HttpClientTest, StreamsALargeBodyInOrder) {
  constexpr std::size_t kChunk = 64 << 10;
  constexpr std::size_t kChunks = 256;
  const std::string url = serve([](const Context&, const HttpRequest&, ResponseWriter& writer) {
    (void)writer.begin(200, {});
    for (std::size_t i = 0; i < kChunks; ++i) {
      if (!writer.write(std::string(kChunk, static_cast<char>('a' + i % 26)))) return;
    }
  });
  std::size_t total = 0;
  bool in_order = true;
  int heads = 0;
  const auto done = http_->stream(
      {}, {.url = url}, [&](const HttpResponse& head) { return ++heads, head.status == 200; },
      [&](std::string_view bytes) {
        for (const char c : bytes) {
          in_order = in_order && c == static_cast<char>('a' + total / kChunk % 26);
          ++total;
        }
        return true;
      });
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(heads, 1);
  EXPECT_EQ(total, kChunk * kChunks);
  EXPECT_TRUE(in_order);
}

TEST_F(HttpClientTest, EndsWhenTheCallerHasEnough) {
  const std::string url = serve([](const Context&, const HttpRequest&, ResponseWriter& writer) {
    (void)writer.begin(200, {});
    while (writer.write("data")) {
    }
  });
  std::string seen;
  EXPECT_TRUE(http_->stream(
      {}, {.url = url}, [](const HttpResponse&) { return true; },
      [&](std::string_view bytes) {
        seen += bytes;
        return seen.size() < 8;
      }));
  EXPECT_THAT(seen, testing::StartsWith("datadata"));
  EXPECT_TRUE(http_->stream(
      {}, {.url = url}, [](const HttpResponse&) { return false; },
      [](std::string_view) { return ADD_FAILURE(), true; }));
}

// A document's author chooses the URL, and must not reach what only this host may reach.
TEST_F(HttpClientTest, DoesNotReachLocalPeersIfToldSo) {
  const std::string url = serve(describe);
  const auto refused = http_->fetch({}, {.url = url, .peers = Peers::kNotLocal});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kPermissionDenied);
  EXPECT_TRUE(http_->fetch({}, {.url = url}));
}

TEST_F(HttpClientTest, ServesManyThreads) {
  const std::string url = serve(describe);
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 10; ++i) {
        const std::string path = "/" + std::to_string(t * 100 + i);
        const auto reply = http_->fetch({}, {.url = url + path});
        EXPECT_EQ(reply ? reply->body : reply.error().message, path + "||||");
      }
    });
  }
}

}  // namespace
}  // namespace rage::net
