// Whom an event loop tells what: a handler that has gone must never hear anything.
#include "net/event_loop.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "net/stream_socket.h"

namespace rage::net {
namespace {

class Counter final : public IoHandler {
 public:
  explicit Counter(int fd) : socket(fd) {}
  void on_ready(Readiness) override { ++told; }

  StreamSocket socket;
  int told = 0;
};

class EventLoopTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends_.data()), 0);
    auto loop = EventLoop::create();
    ASSERT_TRUE(loop);
    loop_ = *std::move(loop);
  }
  void TearDown() override { ::close(ends_[1]); }
  // Until all has been told that happened before.
  void run() {
    loop_->stop();
    loop_->run();
  }

  std::array<int, 2> ends_ = {};
  std::unique_ptr<EventLoop> loop_;
};

TEST_F(EventLoopTest, TellsWhatHappensToASocket) {
  Counter counter(ends_[0]);
  ASSERT_TRUE(counter.socket.watch(*loop_, counter));
  run();
  EXPECT_EQ(counter.told, 1);
}

// A program that starts others has children which hold all its sockets for a moment: what happened
// to one of these after it was closed here was told to a handler that was no more.
TEST_F(EventLoopTest, TellsNothingOfAClosedSocketThatAChildStillHolds) {
  Counter counter(ends_[0]);
  ASSERT_TRUE(counter.socket.watch(*loop_, counter));
  const int childs = ::dup(ends_[0]);
  counter.socket.close();
  ASSERT_EQ(::send(ends_[1], "x", 1, 0), 1);
  run();
  EXPECT_EQ(counter.told, 0);
  ::close(childs);
}

}  // namespace
}  // namespace rage::net
