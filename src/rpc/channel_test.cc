// Calls to servers that come, go and answer badly: whoever waits for an answer is told.
#include "rpc/channel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "net/self_signed.h"
#include "rpc/server.h"

namespace rage::rpc {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kSay = "/test.Echo/Say";

class ChannelEcho final : public CallHandler {
 public:
  ChannelEcho(Call& call, std::atomic<int>& cancelled) : call_(call), cancelled_(cancelled) {}
  void on_message(std::string_view message) override {
    if (message == "fail") return call_.finish({StatusCode::kFailedPrecondition, "100 % no\n"});
    call_.send(message);
  }
  void on_half_close() override { call_.finish({}); }
  void on_cancel() override { ++cancelled_; }

 private:
  Call& call_;
  std::atomic<int>& cancelled_;
};

// What came back, for a test to wait for.
class Heard final : public Replies {
 public:
  void on_message(std::string_view message) override {
    MutexLock lock(mutex_);
    messages_.emplace_back(message);
    changed_.notify_all();
  }
  void on_end(const Status& status) override {
    MutexLock lock(mutex_);
    EXPECT_FALSE(status_);
    status_ = status;
    changed_.notify_all();
  }
  std::string wait_message(std::size_t number) {
    MutexLock lock(mutex_);
    while (messages_.size() <= number && !status_) changed_.wait(mutex_);
    return number < messages_.size() ? messages_[number] : "(none)";
  }
  Status wait_end() {
    MutexLock lock(mutex_);
    while (!status_) changed_.wait(mutex_);
    return *status_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::vector<std::string> messages_ GUARDED_BY(mutex_);
  std::optional<Status> status_ GUARDED_BY(mutex_);
};

class ChannelTest : public testing::Test {
 protected:
  std::unique_ptr<Server> serve(ServerOptions options = {}) {
    auto server = Server::create(std::move(options), {{std::string(kSay), [this](Call& call) {
                                                         return std::make_unique<ChannelEcho>(
                                                             call, cancelled_);
                                                       }}});
    EXPECT_TRUE(server) << server.error().message;
    return *std::move(server);
  }
  static std::string at(std::uint16_t port) { return "127.0.0.1:" + std::to_string(port); }
  static std::unique_ptr<Channel> open(std::vector<std::string> endpoints) {
    return *Channel::create({.endpoints = std::move(endpoints),
                             .transport = ChannelOptions::Transport::kPlain,
                             .backoff_min = 1ms,
                             .backoff_max = 2ms});
  }
  static Context soon() { return Context::with_timeout(20s); }

  std::atomic<int> cancelled_ = 0;
};

TEST_F(ChannelTest, TalksBothWaysUntilOneSideEnds) {
  const auto server = serve();
  const auto channel = open({at(server->port())});
  const auto heard = std::make_shared<Heard>();
  const auto call = channel->call(std::string(kSay), heard);
  const std::string large(1'000'000, 'x');
  call->send("one");
  EXPECT_EQ(heard->wait_message(0), "one");
  call->send(large);
  EXPECT_EQ(heard->wait_message(1), large);
  call->half_close();
  EXPECT_TRUE(heard->wait_end().ok());
  call->send("nobody listens any more");
  call->cancel();
}

TEST_F(ChannelTest, AStatusComesAsItWasSaid) {
  const auto server = serve();
  const auto channel = open({at(server->port())});
  const auto heard = std::make_shared<Heard>();
  channel->call(std::string(kSay), heard)->send("fail");
  const Status status = heard->wait_end();
  EXPECT_EQ(status.code, StatusCode::kFailedPrecondition);
  EXPECT_EQ(status.message, "100 % no\n");
  const auto unknown = ask(soon(), *channel, "/test.Echo/Sing", "");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().message, "no method /test.Echo/Sing");
}

TEST_F(ChannelTest, TlsEncryptsWhoeverAnswers) {
  SystemClock clock;
  const auto certificate =
      std::make_shared<const net::ServerCertificate>(*net::make_self_signed(clock.wall_now()));
  const auto server =
      serve({.certificate = [&]() -> Result<std::shared_ptr<const net::ServerCertificate>> {
        return certificate;
      }});
  const auto channel = *Channel::create({.endpoints = {at(server->port())}});
  EXPECT_EQ(ask(soon(), *channel, std::string(kSay), "hello").value(), "hello");
}

TEST_F(ChannelTest, AddressesThatAnswerAreUsedInTurn) {
  const auto one = serve();
  const auto other = serve();
  const std::uint16_t gone = serve()->port();
  const auto channel = open({at(one->port()), at(gone), at(other->port())});
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(ask(soon(), *channel, std::string(kSay), "hello").value(), "hello");
  }
}

TEST_F(ChannelTest, NobodyThereIsToldAtOnceAndFoundLater) {
  const std::uint16_t port = serve()->port();
  const auto channel = open({at(port)});
  const auto refused = ask(soon(), *channel, std::string(kSay), "hello");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(refused.error().message.find(at(port)), std::string::npos);
  const auto server = serve({.port = port});
  while (!ask(soon(), *channel, std::string(kSay), "hello")) {
  }
}

TEST_F(ChannelTest, AServerThatGoesEndsItsCallsAndIsFoundAgain) {
  auto server = serve();
  const std::uint16_t port = server->port();
  const auto channel = open({at(port)});
  const auto heard = std::make_shared<Heard>();
  const auto call = channel->call(std::string(kSay), heard);
  call->send("one");
  EXPECT_EQ(heard->wait_message(0), "one");
  server.reset();
  EXPECT_EQ(heard->wait_end().code, StatusCode::kUnavailable);
  server = serve({.port = port});
  while (!ask(soon(), *channel, std::string(kSay), "hello")) {
  }
}

// A rolling restart of a picker loses no call.
TEST_F(ChannelTest, AServerThatDrainsKeepsItsCallsAndOthersGoElsewhere) {
  auto old = serve();
  const auto other = serve();
  const auto channel = open({at(old->port()), at(other->port())});
  const auto heard = std::make_shared<Heard>();
  std::shared_ptr<ClientCall> call;
  call = channel->call(std::string(kSay), heard);
  call->send("one");
  EXPECT_EQ(heard->wait_message(0), "one");
  std::jthread draining([&] { old->drain(20s); });
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(ask(soon(), *channel, std::string(kSay), "hello").value(), "hello");
  }
  call->send("two");
  EXPECT_EQ(heard->wait_message(1), "two");
  call->half_close();
  EXPECT_TRUE(heard->wait_end().ok());
}

TEST_F(ChannelTest, ACancelledCallIsSilent) {
  const auto server = serve();
  auto channel = open({at(server->port())});
  const auto heard = std::make_shared<Heard>();
  const auto call = channel->call(std::string(kSay), heard);
  call->send("one");
  EXPECT_EQ(heard->wait_message(0), "one");
  call->cancel();
  while (cancelled_ == 0) std::this_thread::yield();
  channel.reset();
  EXPECT_EQ(heard.use_count(), 1);  // Nothing will tell it anything.
  call->send("to nobody");
}

TEST_F(ChannelTest, AChannelThatEndsSaysSo) {
  const auto server = serve();
  auto channel = open({at(server->port())});
  const auto heard = std::make_shared<Heard>();
  const auto call = channel->call(std::string(kSay), heard);
  channel.reset();
  EXPECT_EQ(heard->wait_end().code, StatusCode::kUnavailable);
  call->half_close();
}

TEST_F(ChannelTest, AnAnswerThatDoesNotComeIsGivenUp) {
  const auto server = serve();
  const auto channel = open({at(server->port())});
  std::stop_source stop;
  stop.request_stop();
  const auto stopped = ask({.stop = stop.get_token()}, *channel, std::string(kSay), "hello");
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, ErrorCode::kCancelled);
  const auto late = ask(Context::with_timeout(0ms), *channel, std::string(kSay), "hello");
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::kDeadlineExceeded);
}

TEST_F(ChannelTest, WhatIsNoAddressIsRefused) {
  for (const std::string text :
       {"", "localhost:80", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000", "[::1", "::1:80"}) {
    EXPECT_FALSE(Channel::create({.endpoints = {text}})) << text;
  }
  EXPECT_FALSE(Channel::create({}));
  EXPECT_TRUE(Channel::create({.endpoints = {"[::1]:80"}}));
}

}  // namespace
}  // namespace rage::rpc
