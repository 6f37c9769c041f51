#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <latch>
#include <memory>
#include <semaphore>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/http_client.h"
#include "net/http_server.h"
#include "net/tls_for_test.h"

namespace rage::net {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr char kName[] = "kubernetes.default.svc";
const std::string kTlsGet = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

ServerCertificate certificate() {
  return {.chain_pem = testing_pki::kServerCertificate, .key_pem = testing_pki::kServerKey};
}

CertificateSource always(ServerCertificate given) {
  return [shared = std::make_shared<const ServerCertificate>(std::move(given))] { return shared; };
}

// Resource. A blocking TLS client that sends exactly what it is told.
class TlsClient final {
 public:
  struct Options {
    int version_max = TLS1_3_VERSION;
    std::string alpn = {};  // In wire format.
  };

  explicit TlsClient(std::uint16_t port) : TlsClient(port, Options()) {}
  TlsClient(std::uint16_t port, const Options& options)
      : fd_(::socket(AF_INET, SOCK_STREAM, 0)), context_(SSL_CTX_new(TLS_client_method())) {
    std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes to the descriptor without MSG_NOSIGNAL.
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    const int at_once = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof(at_once));
    timeval limit{.tv_sec = 5, .tv_usec = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    SSL_CTX_set_min_proto_version(context_, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context_, options.version_max);
    SSL_CTX_set_security_level(context_, 0);  // TLS 1.1 must fail because of the server.
    ssl_ = SSL_new(context_);
    if (!options.alpn.empty()) {
      SSL_set_alpn_protos(ssl_, reinterpret_cast<const unsigned char*>(options.alpn.data()),
                          static_cast<unsigned>(options.alpn.size()));
    }
    SSL_set_fd(ssl_, fd_);
  }
  ~TlsClient() {
    close();
    SSL_free(ssl_);
    SSL_CTX_free(context_);
  }
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  bool shake_hands() { return SSL_connect(ssl_) == 1; }
  SSL* native() { return ssl_; }
  int fd() const { return fd_; }
  void send(std::string_view bytes) {
    if (SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())) <= 0) ADD_FAILURE();
  }
  // Up to and with `mark`, or what came before the end.
  std::string read_past(std::string_view mark) {
    while (buffer_.find(mark) == std::string::npos && fill()) {
    }
    const std::size_t at = buffer_.find(mark);
    const std::size_t size = at == std::string::npos ? buffer_.size() : at + mark.size();
    return std::exchange(buffer_, buffer_.substr(size)).substr(0, size);
  }
  std::string read_to_end() {
    while (fill()) {
    }
    return std::exchange(buffer_, "");
  }
  // The server said that it would send no more, so nothing was cut off.
  bool ended_cleanly() const { return (SSL_get_shutdown(ssl_) & SSL_RECEIVED_SHUTDOWN) != 0; }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  bool fill() {
    std::array<char, 32768> bytes;
    const int n = SSL_read(ssl_, bytes.data(), bytes.size());
    if (n > 0) buffer_.append(bytes.data(), static_cast<std::size_t>(n));
    return n > 0;
  }

  int fd_;
  SSL_CTX* context_;
  SSL* ssl_ = nullptr;
  std::string buffer_;
};

std::unique_ptr<HttpServer> serve_tls(HttpHandler handler, HttpServerOptions options = {}) {
  options.workers = std::min<std::size_t>(options.workers, 4);
  if (!options.certificate) options.certificate = always(certificate());
  auto server = HttpServer::create(options, std::move(handler));
  if (!server) ADD_FAILURE() << server.error().message;
  return server ? *std::move(server) : nullptr;
}

void echo_body(const Context&, const HttpRequest& request, ResponseWriter& writer) {
  (void)writer.send({.body = request.method + " " + request.path + " " + request.body});
}

TEST(HttpsServer, AnswersOurClientThatChecksItsName) {
  const auto server = serve_tls(echo_body);
  const auto http = make_http_transport();
  const auto tls = std::make_shared<const TlsOptions>(
      TlsOptions{.ca_pem = testing_pki::kCa, .server_name = kName});
  const std::string url = "https://127.0.0.1:" + std::to_string(server->port()) + "/validate";
  for (const std::size_t size : {std::size_t{2}, std::size_t{300'000}}) {
    const std::string body(size, 'b');
    const auto reply = http->fetch({}, {.method = "POST", .url = url, .body = body, .tls = tls});
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(reply->body, "POST /validate " + body);
  }
  const auto other =
      std::make_shared<const TlsOptions>(TlsOptions{.ca_pem = testing_pki::kOtherCa});
  EXPECT_FALSE(http->fetch({}, {.url = url, .tls = other}));
}

TEST(HttpsServer, KeepsTheConnectionAndAnswersPipelinedRequests) {
  const auto server = serve_tls(echo_body);
  TlsClient client(server->port());
  ASSERT_TRUE(client.shake_hands());
  EXPECT_STREQ(SSL_get_version(client.native()), "TLSv1.3");
  for (int round = 0; round < 3; ++round) {
    client.send("GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_THAT(client.read_past("GET /1 "), StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(client.read_past("GET /2 "), StartsWith("HTTP/1.1 200 OK\r\n"));
  }
  client.send("GET / HTTP/1.1\r\nHost: h\r\nconnection: close\r\n\r\n");
  EXPECT_THAT(client.read_to_end(), EndsWith("GET / "));
  EXPECT_TRUE(client.ended_cleanly());
}

TEST(HttpsServer, SpeaksTls12AndNothingOlder) {
  const auto server = serve_tls(echo_body);
  TlsClient old(server->port(), {.version_max = TLS1_1_VERSION});
  EXPECT_FALSE(old.shake_hands());
  TlsClient client(server->port(), {.version_max = TLS1_2_VERSION});
  ASSERT_TRUE(client.shake_hands());
  EXPECT_THAT(SSL_get_cipher(client.native()), AllOf(StartsWith("ECDHE-"), HasSubstr("GCM")));
  client.send(kTlsGet);
  EXPECT_THAT(client.read_past("GET / "), StartsWith("HTTP/1.1 200"));
}

// The API server offers h2 first and believes what is chosen.
TEST(HttpsServer, ChoosesHttp11) {
  const auto server = serve_tls(echo_body);
  for (const auto& [offered, expected] :
       {std::pair("\x02h2\x08http/1.1", "http/1.1"), std::pair("\x02h2", "")}) {
    TlsClient client(server->port(), {.alpn = offered});
    ASSERT_TRUE(client.shake_hands());
    const unsigned char* chosen = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(client.native(), &chosen, &size);
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(chosen), size), expected);
  }
}

TEST(HttpsServer, ClosesConnectionsThatSpeakPlainHttpOrSayNothing) {
  const auto server = serve_tls(echo_body, {.handshake_timeout = 30ms});
  TlsClient plain(server->port());
  TlsClient silent(server->port());
  ASSERT_GT(::send(plain.fd(), kTlsGet.data(), kTlsGet.size(), MSG_NOSIGNAL), 0);
  for (TlsClient* client : {&plain, &silent}) {
    std::string got;
    std::array<char, 4096> bytes;
    ssize_t n = 0;
    while ((n = ::recv(client->fd(), bytes.data(), bytes.size(), 0)) > 0) {
      got.append(bytes.data(), static_cast<std::size_t>(n));
    }
    EXPECT_TRUE(n == 0 || errno == ECONNRESET);  // Not our own time-out.
    EXPECT_THAT(got, Not(HasSubstr("HTTP/")));
  }
}

// A renewed certificate must be used without a restart, a broken one must not take the server down.
TEST(HttpsServer, TakesTheCertificateAnewForEachConnection) {
  std::atomic<int> phase = 0;
  const auto good = std::make_shared<const ServerCertificate>(certificate());
  const auto broken = std::make_shared<const ServerCertificate>(ServerCertificate{
      .chain_pem = testing_pki::kClientCertificate, .key_pem = testing_pki::kServerKey});
  const auto client_certificate = std::make_shared<const ServerCertificate>(ServerCertificate{
      .chain_pem = testing_pki::kClientCertificate, .key_pem = testing_pki::kClientKey});
  const auto server = serve_tls(
      echo_body, {.certificate = [&]() -> Result<std::shared_ptr<const ServerCertificate>> {
        switch (phase) {
          case 0:
            return fail(ErrorCode::kNotFound, "no certificate yet");
          case 1:
            return good;
          case 2:
            return broken;
          case 3:
            return nullptr;
          default:
            return client_certificate;
        }
      }});
  const auto subject = [&]() -> std::string {
    TlsClient client(server->port());
    if (!client.shake_hands()) return "refused";
    X509* peer = SSL_get1_peer_certificate(client.native());
    std::array<char, 64> name{};
    X509_NAME_get_text_by_NID(X509_get_subject_name(peer), NID_commonName, name.data(),
                              static_cast<int>(name.size()));
    X509_free(peer);
    return name.data();
  };
  std::vector<std::string> seen;
  for (phase = 0; phase < 5; ++phase) seen.push_back(subject());
  EXPECT_THAT(seen, testing::ElementsAre("refused", "server", "refused", "refused", "alice"));
}

TEST(HttpsServer, StreamsWhileTheHandlerRuns) {
  std::binary_semaphore seen(0);
  const auto server = serve_tls([&](const Context&, const HttpRequest&, ResponseWriter& writer) {
    (void)writer.begin(200, {});
    (void)writer.write("one");
    seen.acquire();
    (void)writer.write("two");
  });
  TlsClient client(server->port());
  ASSERT_TRUE(client.shake_hands());
  client.send(kTlsGet);
  EXPECT_THAT(client.read_past("one\r\n"), HasSubstr("transfer-encoding: chunked"));
  seen.release();
  EXPECT_EQ(client.read_past("0\r\n\r\n"), "3\r\ntwo\r\n0\r\n\r\n");
}

TEST(HttpsServer, HoldsTheLimitsOfPlainConnections) {
  const auto server = serve_tls(echo_body, {.connections_max = 3,
                                            .header_bytes_max = 4096,
                                            .body_bytes_max = 100,

                                            .read_timeout = 40ms});
  TlsClient large(server->port());
  TlsClient header(server->port());
  TlsClient slow(server->port());
  for (TlsClient* client : {&large, &header, &slow}) ASSERT_TRUE(client->shake_hands());
  TlsClient fourth(server->port());
  EXPECT_FALSE(fourth.shake_hands());
  slow.send("GET / HTT");
  header.send("GET / HTTP/1.1\r\nHost: h\r\nx: " + std::string(9000, 'x') + "\r\n\r\n");
  large.send("POST / HTTP/1.1\r\nHost: h\r\ncontent-length: 101\r\n\r\n" + std::string(101, 'x'));
  EXPECT_THAT(large.read_to_end(), StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(header.read_to_end(), StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(slow.read_to_end(), StartsWith("HTTP/1.1 408 "));
  EXPECT_TRUE(slow.ended_cleanly());
}

TEST(HttpsServer, EndsIdleConnectionsCleanly) {
  const auto server = serve_tls(echo_body, {.idle_timeout = 20ms});
  TlsClient idle(server->port());
  ASSERT_TRUE(idle.shake_hands());
  EXPECT_EQ(idle.read_to_end(), "");
  EXPECT_TRUE(idle.ended_cleanly());
}

TEST(HttpsServer, GivesUpOnAPeerThatDoesNotRead) {
  std::latch done(1);
  const auto server = serve_tls(
      [&](const Context&, const HttpRequest&, ResponseWriter& writer) {
        const std::string chunk(1 << 20, 'x');
        (void)writer.begin(200, {});
        Result<void> written;
        for (int i = 0; i < 1000 && written; ++i) written = writer.write(chunk);
        EXPECT_TRUE(!written && written.error().code == ErrorCode::kCancelled);
        done.count_down();
      },
      {.write_timeout = 30ms});
  TlsClient client(server->port());
  ASSERT_TRUE(client.shake_hands());
  client.send(kTlsGet);
  done.wait();
}

TEST(HttpsServer, TellsTheHandlerThatThePeerHasGone) {
  std::latch running(1);
  std::latch stopped(1);
  const auto server = serve_tls([&](const Context& context, const HttpRequest&, auto& writer) {
    (void)writer.begin(200, {});
    std::stop_callback on_stop(context.stop, [&] { stopped.count_down(); });
    running.count_down();
    stopped.wait();
    EXPECT_FALSE(writer.write("late"));
  });
  TlsClient client(server->port());
  ASSERT_TRUE(client.shake_hands());
  client.send(kTlsGet);
  running.wait();
  client.close();
  stopped.wait();
}

TEST(HttpsServer, DrainsIdleConnectionsHandshakesAndHandlers) {
  std::latch running(1);
  std::latch stopped(1);
  auto server = serve_tls([&](const Context& context, const HttpRequest&, ResponseWriter& writer) {
    std::stop_callback on_stop(context.stop, [&] { stopped.count_down(); });
    running.count_down();
    stopped.wait();
    (void)writer.send({.body = std::string(100'000, 'x')});
  });
  TlsClient silent(server->port());
  TlsClient idle(server->port());
  TlsClient busy(server->port());
  ASSERT_TRUE(idle.shake_hands());
  ASSERT_TRUE(busy.shake_hands());
  busy.send(kTlsGet);
  running.wait();
  server->drain(10ms);
  EXPECT_EQ(idle.read_to_end(), "");
  server.reset();
}

}  // namespace
}  // namespace rage::net
