// A session's socket: an answer that the kernel takes in parts still arrives to its last byte.
#include "rpc/detail/connection.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <thread>

#include "rpc/client_for_test.h"
#include "rpc/detail/server_session.h"

namespace rage::rpc::detail {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kAnswerBytes = 1 << 20;

class LongAnswer final : public CallHandler {
 public:
  explicit LongAnswer(Call& call) : call_(call) {}
  void on_message(std::string_view) override { call_.send(std::string(kAnswerBytes, 'x')); }
  void on_half_close() override { call_.finish({}); }
  void on_cancel() override {}

 private:
  Call& call_;
};

// A TCP connection over loopback whose second end takes little ahead; -1 each if there is none.
// A local socket would not do: the kernel tells it of room even if it had not run out of it.
std::array<int, 2> connected_pair() {
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in where{
      .sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
  auto* const address = reinterpret_cast<sockaddr*>(&where);
  socklen_t size = sizeof(where);
  const int peer = ::socket(AF_INET, SOCK_STREAM, 0);
  const int ahead = 8 << 10;
  ::setsockopt(peer, SOL_SOCKET, SO_RCVBUF, &ahead, sizeof(ahead));
  const bool listens = ::bind(listener, address, size) == 0 && ::listen(listener, 1) == 0 &&
                       ::getsockname(listener, address, &size) == 0;
  const bool connected = listens && ::connect(peer, address, size) == 0;
  const int own = connected ? ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK) : -1;
  ::close(listener);
  return {own, peer};
}

// The connection's end is on a loop of its own; the peer's is the test's.
class RpcConnectionTest : public testing::Test {
 protected:
  void SetUp() override {
    auto loop = net::EventLoop::create();
    ASSERT_TRUE(loop);
    loop_ = *std::move(loop);
    ends_ = connected_pair();
    ASSERT_GE(ends_[0], 0);
    thread_ = std::jthread([this] { loop_->run(); });
  }
  void TearDown() override {
    loop_->run_and_wait([this] {
      connection_->close();
      loop_->destroy_later(std::move(connection_));
    });
    loop_->stop();
    thread_.join();
    loop_->settle();
    ::close(ends_[1]);
  }

  void start() {
    loop_->run_and_wait([this] {
      connection_ = std::make_unique<Connection>(
          Connection::Parts{.loop = *loop_,
                            .timeouts = {.greeting = 20s, .write = 20s},
                            .make_session = [this](auto wake) { return make_session(wake); },
                            .closed = [](Connection&) {}},
          ends_[0], nullptr, nullptr);
      connection_->start();
    });
  }
  std::unique_ptr<Http2Session> make_session(std::function<void()> wake) {
    return std::make_unique<ServerSession>(
        ServerSessionOptions{.methods = &methods_,
                             .message_bytes_max = 1 << 20,
                             .calls_max = 10,
                             .wake = std::move(wake),
                             .post = [this](auto task) { loop_->post(std::move(task)); }});
  }
  // Of what the connection has sent and the peer not yet read.
  void set_kernel_bytes_max(int bytes) {
    ASSERT_EQ(::setsockopt(ends_[0], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)), 0);
  }
  void send(std::string_view bytes) {
    ASSERT_EQ(::send(ends_[1], bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  }
  // False: nothing comes in two seconds.
  bool wait_for_bytes() {
    pollfd one{.fd = ends_[1], .events = POLLIN, .revents = 0};
    return ::poll(&one, 1, 2'000) == 1;
  }
  std::string receive() {
    std::array<char, 65536> bytes;
    const ssize_t got = ::recv(ends_[1], bytes.data(), bytes.size(), 0);
    return {bytes.data(), got > 0 ? static_cast<std::size_t>(got) : 0};
  }

  const Methods methods_ = {
      {"/test.Long/Answer", [](Call& call) { return std::make_unique<LongAnswer>(call); }}};
  std::array<int, 2> ends_ = {};
  std::unique_ptr<net::EventLoop> loop_;
  std::unique_ptr<Connection> connection_;
  std::jthread thread_;
};

// A proxy with one request under way would wait for the rest until something else is said.
TEST_F(RpcConnectionTest, WhatTheKernelTakesInPartsArrivesToTheLastByte) {
  set_kernel_bytes_max(16 << 10);
  start();
  ClientForTest client;
  client.widen(4 << 20);
  const std::int32_t id = client.call("/test.Long/Answer");
  client.say(id, "go on", true);
  send(client.take_output());
  ASSERT_TRUE(wait_for_bytes());
  loop_->run_and_wait([] {});  // The kernel is full: of what was rendered most is still to leave...
  set_kernel_bytes_max(1 << 20);  // ... and all of it will at once.
  while (!client.answer(id).closed) {
    ASSERT_TRUE(wait_for_bytes()) << client.unread(id) << " bytes have come";
    ASSERT_TRUE(client.take_input(receive()));
  }
  ASSERT_EQ(client.answer(id).messages.size(), 1);
  EXPECT_EQ(client.answer(id).messages[0].size(), kAnswerBytes);
}

}  // namespace
}  // namespace rage::rpc::detail
