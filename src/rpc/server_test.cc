// Sockets around sessions: who may connect, who is let go, what is left when the server ends.
// gRPC's own client meets this server in `extproc`, with TLS and without.
#include "rpc/server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>

#include "rpc/client_for_test.h"

namespace rage::rpc {
namespace {

using namespace std::chrono_literals;

class SocketEcho final : public CallHandler {
 public:
  SocketEcho(Call& call, std::atomic<int>& cancelled) : call_(call), cancelled_(cancelled) {}
  void on_message(std::string_view message) override { call_.send(message); }
  void on_half_close() override { call_.finish({}); }
  void on_cancel() override { ++cancelled_; }

 private:
  Call& call_;
  std::atomic<int>& cancelled_;
};

// A client's socket, with or without a client behind it.
class Socket final {
 public:
  explicit Socket(std::uint16_t port, bool v6 = false)
      : fd_(::socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0)) {
    const sockaddr_in to{.sin_family = AF_INET,
                         .sin_port = htons(port),
                         .sin_addr = {htonl(INADDR_LOOPBACK)},
                         .sin_zero = {}};
    const sockaddr_in6 to6{.sin6_family = AF_INET6,
                           .sin6_port = htons(port),
                           .sin6_flowinfo = 0,
                           .sin6_addr = in6addr_loopback,
                           .sin6_scope_id = 0};
    connected_ = (v6 ? ::connect(fd_, reinterpret_cast<const sockaddr*>(&to6), sizeof(to6))
                     : ::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof(to))) == 0;
  }
  ~Socket() { ::close(fd_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  bool connected() const { return connected_; }
  bool send(std::string_view bytes) {
    return ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(bytes.size());
  }
  // What there is, waiting for the first byte; empty: closed, or nothing in ten seconds.
  std::string receive() {
    pollfd one{.fd = fd_, .events = POLLIN, .revents = 0};
    if (::poll(&one, 1, 10'000) != 1) return {};
    std::array<char, 65536> bytes;
    const ssize_t got = ::recv(fd_, bytes.data(), bytes.size(), 0);
    return {bytes.data(), got > 0 ? static_cast<std::size_t>(got) : 0};
  }

 private:
  int fd_;
  bool connected_ = false;
};

class RpcServerTest : public testing::Test {
 protected:
  void serve(ServerOptions options = {}) {
    auto server = Server::create(std::move(options), {{"/test.Echo/Say", [this](Call& call) {
                                                         return std::make_unique<SocketEcho>(
                                                             call, cancelled_);
                                                       }}});
    ASSERT_TRUE(server) << server.error().message;
    server_ = *std::move(server);
  }

  // Until `done`, or the connection is closed.
  template <class Done>
  static bool talk(Socket& socket, ClientForTest& client, Done done) {
    while (!done()) {
      if (const std::string out = client.take_output(); !out.empty() && !socket.send(out))
        return false;
      const std::string in = socket.receive();
      if (in.empty() || !client.take_input(in)) return done();
    }
    return true;
  }

  std::atomic<int> cancelled_ = 0;
  std::unique_ptr<Server> server_;
};

TEST_F(RpcServerTest, AnswersOnEachOfItsThreads) {
  serve({.threads = 3});
  for (int i = 0; i < 6; ++i) {
    Socket socket(server_->port());
    ClientForTest client;
    const std::int32_t id = client.call("/test.Echo/Say");
    const std::string message(300'000, 'x');
    client.say(id, message, true);
    EXPECT_TRUE(talk(socket, client, [&] {
      client.grant(id);
      return client.answer(id).closed;
    }));
    EXPECT_EQ(client.answer(id).messages, std::vector<std::string>{message});
    EXPECT_EQ(client.answer(id).fields["grpc-status"], "0");
  }
}

TEST_F(RpcServerTest, WhoSaysNothingIsLetGo) {
  serve({.greeting_timeout = 5ms});
  Socket socket(server_->port());
  ClientForTest client;
  std::string in;
  do in = socket.receive();
  while (!in.empty() && client.take_input(in));
  EXPECT_EQ(in, "");
}

// A proxy that vanished without a word would hold its calls forever.
TEST_F(RpcServerTest, WhoAnswersNoPingIsLetGo) {
  serve({.ping_after = 5ms, .ping_timeout = 5ms});
  Socket socket(server_->port());
  ClientForTest client;
  const std::int32_t id = client.call("/test.Echo/Say");
  client.say(id, "one");
  ASSERT_TRUE(talk(socket, client, [&] { return !client.answer(id).messages.empty(); }));
  std::string in;
  do in = socket.receive();
  while (!in.empty() && client.take_input(in));
  EXPECT_TRUE(client.pinged());
  EXPECT_EQ(in, "");
  server_.reset();
  EXPECT_EQ(cancelled_, 1);
}

TEST_F(RpcServerTest, PastTheLimitConnectionsAreClosed) {
  serve({.connections_max = 1});
  Socket first(server_->port());
  ClientForTest client;
  const std::int32_t id = client.call("/test.Echo/Say");
  client.say(id, "one");
  ASSERT_TRUE(talk(first, client, [&] { return !client.answer(id).messages.empty(); }));
  Socket second(server_->port());
  EXPECT_EQ(second.receive(), "");
  client.say(id, "two");
  EXPECT_TRUE(talk(first, client, [&] { return client.answer(id).messages.size() == 2; }));
}

TEST_F(RpcServerTest, ADrainEndsWhatDoesNotEndByItself) {
  serve();
  Socket socket(server_->port());
  ClientForTest client;
  const std::int32_t id = client.call("/test.Echo/Say");
  client.say(id, "one");
  ASSERT_TRUE(talk(socket, client, [&] { return !client.answer(id).messages.empty(); }));
  server_->drain(1ms);
  EXPECT_EQ(cancelled_, 1);
  EXPECT_FALSE(Socket(server_->port()).connected());
  server_->drain(1ms);
}

TEST_F(RpcServerTest, AnyAddressMeansBothKinds) {
  serve({.address = "0.0.0.0"});
  EXPECT_TRUE(Socket(server_->port()).connected());
  const int fd = ::socket(AF_INET6, SOCK_STREAM, 0);
  if (fd < 0) GTEST_SKIP() << "no IPv6 here";
  ::close(fd);
  EXPECT_TRUE(Socket(server_->port(), true).connected());
}

TEST_F(RpcServerTest, WhatCannotBeServedIsAnError) {
  serve();
  const auto taken = Server::create({.port = server_->port()}, {});
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, ErrorCode::kFailedPrecondition);
  const auto nowhere = Server::create({.address = "300.1.2.3"}, {});
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().code, ErrorCode::kInvalidArgument);
  const auto bare = Server::create(
      {.certificate = [] { return fail(ErrorCode::kNotFound, "no certificate"); }}, {});
  EXPECT_FALSE(bare);
}

}  // namespace
}  // namespace rage::rpc
