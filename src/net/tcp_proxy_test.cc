#include "net/tcp_proxy.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

namespace rage::net {
namespace {

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// A server that accepts when told to, so that a test needs no thread of its own.
class Backend final {
 public:
  Backend() : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = loopback(0);
    EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(::listen(fd_, 16), 0);
    socklen_t size = sizeof(address);
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }
  ~Backend() { ::close(fd_); }
  int accept() const { return ::accept(fd_, nullptr, nullptr); }
  TcpTarget target() const { return {.address = "127.0.0.1", .port = port_}; }

 private:
  int fd_;
  std::uint16_t port_ = 0;
};

int connect_to(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  const sockaddr_in address = loopback(port);
  EXPECT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  return fd;
}

std::string read_to_end(int fd) {
  std::string all;
  char buffer[4096];
  for (ssize_t got = 1; (got = ::read(fd, buffer, sizeof(buffer))) > 0;) {
    all.append(buffer, static_cast<std::size_t>(got));
  }
  return all;
}

class TcpProxyTest : public testing::Test {
 protected:
  void SetUp() override {
    auto proxy = TcpProxy::create();
    ASSERT_TRUE(proxy.has_value());
    proxy_ = *std::move(proxy);
    const auto listening = proxy_->listen("127.0.0.1", 0);
    ASSERT_TRUE(listening.has_value()) << listening.error().message;
    at_ = *listening;
  }
  std::unique_ptr<TcpProxy> proxy_;
  TcpListening at_;
};

// A client that says "that was all" must still get its answer: HTTP/1.0 clients and netcat do so.
TEST_F(TcpProxyTest, AnEndOfSendingIsPassedOnAndTheAnswerComes) {
  const Backend backend;
  proxy_->set_targets(at_.id, {backend.target()});
  const int client = connect_to(at_.port);
  const int server = backend.accept();
  const std::string request(200'000, 'q');  // More than any buffer on the way.
  std::jthread sender([&] {
    EXPECT_EQ(::send(client, request.data(), request.size(), 0),
              static_cast<ssize_t>(request.size()));
    ::shutdown(client, SHUT_WR);
  });
  EXPECT_EQ(read_to_end(server), request);
  sender.join();
  ASSERT_EQ(::send(server, "answer", 6, 0), 6);
  ::close(server);
  EXPECT_EQ(read_to_end(client), "answer");
  ::close(client);
}

// Two replicas of a model share the requests.
TEST_F(TcpProxyTest, TargetsTakeTurnsAndOneThatIsGoneIsSkipped) {
  const Backend first;
  const Backend second;
  std::uint16_t gone = 0;
  {
    const Backend closed;
    gone = closed.target().port;
  }
  proxy_->set_targets(at_.id,
                      {first.target(), {.address = "127.0.0.1", .port = gone}, second.target()});
  std::vector<int> sockets;
  for (const Backend* expected : {&first, &second, &second}) {
    sockets.push_back(connect_to(at_.port));
    sockets.push_back(expected->accept());
    EXPECT_GE(sockets.back(), 0);
  }
  for (const int fd : sockets) ::close(fd);
}

// A Service whose pods are not ready refuses; it does not let its clients wait.
TEST_F(TcpProxyTest, WithoutTargetsAConnectionIsClosedAtOnce) {
  const int client = connect_to(at_.port);
  EXPECT_EQ(read_to_end(client), "");
  ::close(client);
}

// The port of a Service that was deleted is free for the next one.
TEST_F(TcpProxyTest, AClosedPortCanBeListenedOnAgainAndATakenOneIsRefused) {
  const auto taken = proxy_->listen("127.0.0.1", at_.port);
  ASSERT_FALSE(taken.has_value());
  EXPECT_EQ(taken.error().code, ErrorCode::kFailedPrecondition);
  proxy_->close(at_.id);
  EXPECT_TRUE(proxy_->listen("127.0.0.1", at_.port).has_value());
}

}  // namespace
}  // namespace rage::net
