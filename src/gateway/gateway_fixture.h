// A gateway on loopback with real sockets at both ends: clients and upstreams that do exactly what
// a test says, routes and pickers that are values.
#pragma once

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/strings.h"
#include "gateway/gateway.h"
#include "obs/metrics.h"

namespace rage::gateway {

// Resource. A connection that sends exactly what it is told; reads give up after five seconds.
class RawStream {
 public:
  explicit RawStream(int fd) : fd_(fd) {}
  ~RawStream() { close(); }
  RawStream(const RawStream&) = delete;
  RawStream& operator=(const RawStream&) = delete;

  static std::unique_ptr<RawStream> connect(std::uint16_t port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    return std::make_unique<RawStream>(fd);
  }

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
  std::string read_bytes(std::size_t count) {
    while (buffer_.size() < count && fill()) {
    }
    return take(std::min(count, buffer_.size()));
  }
  // What has come; waits if nothing has. Empty: the end.
  std::string read_some() {
    if (buffer_.empty()) (void)fill();
    return take(buffer_.size());
  }
  // Head and body of a message, the body decoded.
  std::string read_message() {
    std::string message = read_past("\r\n\r\n");
    const std::string lower = to_lower_ascii(message);
    if (const auto length = field(lower, "content-length: ")) {
      return message + read_bytes(std::stoul(*length));
    }
    if (lower.find("transfer-encoding: chunked") == std::string::npos) return message;
    while (true) {
      const std::string size = read_past("\r\n");
      const std::size_t bytes = size.empty() ? 0 : std::stoul(size, nullptr, 16);
      message += read_bytes(bytes);
      read_past("\r\n");
      if (bytes == 0) return message;
    }
  }
  std::string read_to_end() {
    while (fill()) {
    }
    return take(buffer_.size());
  }
  // True if the peer ends the stream, by whatever means, before it sends anything.
  bool ended() { return buffer_.empty() && !fill() && ended_; }
  bool was_reset() const { return reset_; }
  void shut_down_sending() const { ::shutdown(fd_, SHUT_WR); }
  void close() {
    if (fd_ >= 0) ::close(fd_.exchange(-1));
  }
  void reset() {
    const linger abrupt{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &abrupt, sizeof(abrupt));
    close();
  }

 private:
  static std::optional<std::string> field(const std::string& head, std::string_view name) {
    const std::size_t at = head.find(name);
    if (at == std::string::npos) return std::nullopt;
    return head.substr(at + name.size(), head.find("\r\n", at) - at - name.size());
  }
  bool fill() {
    pollfd waited{.fd = fd_, .events = POLLIN, .revents = 0};
    if (::poll(&waited, 1, 5000) <= 0) return false;
    std::array<char, 65536> bytes;
    const ssize_t n = ::recv(fd_, bytes.data(), bytes.size(), 0);
    if (n > 0) buffer_.append(bytes.data(), static_cast<std::size_t>(n));
    ended_ = n <= 0;
    reset_ = n < 0 && errno == ECONNRESET;
    return n > 0;
  }
  std::string take(std::size_t bytes) {
    std::string taken = buffer_.substr(0, bytes);
    buffer_.erase(0, bytes);
    return taken;
  }

  std::atomic<int> fd_;  // Shut down by another thread than its own at a test's end.
  bool ended_ = false;
  bool reset_ = false;
  std::string buffer_;
};

// Resource. A server whose every connection runs `serve` on a thread of its own.
class TestUpstream {
 public:
  using Serve = std::function<void(RawStream&)>;
  explicit TestUpstream(Serve serve) : serve_(std::move(serve)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(::listen(listener_, 256), 0);
    socklen_t size = sizeof(address);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::jthread([this] { accept_all(); });
  }
  ~TestUpstream() {
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    ::close(listener_);
    for (const auto& stream : streams_) ::shutdown(stream->fd(), SHUT_RDWR);
  }
  TestUpstream(const TestUpstream&) = delete;
  TestUpstream& operator=(const TestUpstream&) = delete;

  net::Address address() const { return *net::Address::of("127.0.0.1", port_); }
  std::string text() const { return address().text(); }
  int connections() const { return connections_.load(); }

 private:
  void accept_all() {
    while (true) {
      const int fd = ::accept(listener_, nullptr, nullptr);
      if (fd < 0) return;
      ++connections_;
      RawStream& stream = *streams_.emplace_back(std::make_unique<RawStream>(fd));
      threads_.emplace_back([this, &stream] {
        serve_(stream);
        ::shutdown(stream.fd(), SHUT_RDWR);
      });
    }
  }
  const Serve serve_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<int> connections_ = 0;
  std::list<std::unique_ptr<RawStream>> streams_;
  std::list<std::jthread> threads_;  // After the streams: joined first.
  std::jthread acceptor_;
};

// Answers each request of a connection with what `answer` gives for it.
inline TestUpstream::Serve answering(std::function<std::string(const std::string&)> answer) {
  return [answer = std::move(answer)](RawStream& stream) {
    while (true) {
      const std::string request = stream.read_message();
      if (request.empty()) return;
      const std::string reply = answer(request);
      if (reply.empty()) return;  // Closes.
      stream.send(reply);
    }
  };
}

inline std::string ok(std::string_view body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

// Answers with the request itself.
inline TestUpstream::Serve echoing() {
  return answering([](const std::string& request) { return ok(request); });
}

// Value. Rules in order; the first whose prefix and model fit.
class FakeRoutes final : public gatewayapi::RouteTable {
 public:
  struct Entry {
    std::string prefix;
    std::string model;  // Empty: any.
    gatewayapi::Rule rule;
  };
  explicit FakeRoutes(std::vector<Entry> entries) : entries_(std::move(entries)) {}
  std::optional<gatewayapi::Match> match(const gatewayapi::RequestHead& request) const override {
    for (const Entry& entry : entries_) {
      const auto model = request.header("x-gateway-model-name");
      if (!request.path.starts_with(entry.prefix)) continue;
      if (!entry.model.empty() && model != entry.model) continue;
      return gatewayapi::Match{.rule = &entry.rule, .matched_prefix = entry.prefix};
    }
    return std::nullopt;
  }

 private:
  const std::vector<Entry> entries_;
};

inline gatewayapi::Rule to_service(std::string name) {
  gatewayapi::Rule rule{.route = {"ns", "route"}};
  rule.backends = {
      {.kind = gatewayapi::Backend::Kind::kService, .object = {"ns", std::move(name)}, .port = 80}};
  return rule;
}

inline gatewayapi::Rule to_pool(std::string name) {
  gatewayapi::Rule rule{.route = {"ns", "route"}};
  rule.backends = {
      {.kind = gatewayapi::Backend::Kind::kInferencePool, .object = {"ns", std::move(name)}}};
  return rule;
}

// A gateway with one listener for any host, and what goes with it.
class GatewayFixture : public testing::Test {
 protected:
  GatewayFixture() : metrics_(registry_) {
    options_.workers = 1;
    options_.access_log_sample = 0;
  }

  void route(std::string prefix, gatewayapi::Rule rule, std::string model = "") {
    routes_.push_back({std::move(prefix), std::move(model), std::move(rule)});
  }
  void service(std::string name, std::vector<net::Address> endpoints) {
    snapshot_.services[{{"ns", std::move(name)}, 80}] = {.endpoints = std::move(endpoints)};
  }
  void pool(std::string name, PoolBackend backend) {
    pools_.push_back({"ns", name});
    snapshot_.pools[{"ns", std::move(name)}] = std::move(backend);
  }
  // The common case: everything goes to one service.
  void serve(std::vector<net::Address> endpoints) {
    route("/", to_service("all"));
    service("all", std::move(endpoints));
  }

  std::shared_ptr<const Snapshot> make_snapshot() {
    Snapshot snapshot = snapshot_;
    ListenerConfig listener{.address = "127.0.0.1"};
    listener.certificates = certificates_;
    listener.hosts.push_back({.routes = std::make_shared<FakeRoutes>(routes_), .pools = pools_});
    snapshot.listeners = {std::move(listener)};
    return std::make_shared<const Snapshot>(std::move(snapshot));
  }
  void start() {
    auto gateway = Gateway::create(options_, metrics_, make_snapshot());
    ASSERT_TRUE(gateway) << gateway.error().message;
    gateway_ = *std::move(gateway);
    port_ = gateway_->ports().front();
  }
  std::unique_ptr<RawStream> client() const { return RawStream::connect(port_); }
  std::string ask(std::string_view request) const {
    const auto stream = client();
    stream->send(request);
    return stream->read_message();
  }

  obs::MetricRegistry registry_;
  GatewayMetrics metrics_;
  GatewayOptions options_;
  Snapshot snapshot_;
  std::map<std::string, net::ServerCertificate, std::less<>> certificates_;
  std::vector<FakeRoutes::Entry> routes_;
  std::vector<gatewayapi::ObjectName> pools_;
  std::uint16_t port_ = 0;
  std::unique_ptr<Gateway> gateway_;
};

inline std::string post(std::string_view path, std::string_view body,
                        std::string_view headers = "") {
  return "POST " + std::string(path) +
         " HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         std::string(headers) + "\r\n" + std::string(body);
}

inline const std::string kGet = "GET /x HTTP/1.1\r\nHost: h\r\n\r\n";

}  // namespace rage::gateway
