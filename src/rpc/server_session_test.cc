// What a proxy loses if a call is misread: the request behind it.
#include "rpc/detail/server_session.h"

#include <gtest/gtest.h>

#include <vector>

#include "rpc/client_for_test.h"

namespace rage::rpc::detail {
namespace {

// What happened to the calls of a method.
struct Seen {
  std::vector<std::string> messages;
  int half_closed = 0;
  int cancelled = 0;
  int ticks = 0;
  int drained = 0;
  Call* call = nullptr;
};

// Says back what it hears, and ends when its peer does.
class Echo final : public CallHandler {
 public:
  Echo(Call& call, Seen& seen) : call_(call), seen_(seen) { seen_.call = &call; }
  void on_message(std::string_view message) override {
    seen_.messages.emplace_back(message);
    call_.send(message);
  }
  void on_half_close() override {
    ++seen_.half_closed;
    call_.finish({});
  }
  void on_cancel() override { ++seen_.cancelled; }
  void on_tick(SteadyTime) override { ++seen_.ticks; }
  void on_drain() override { ++seen_.drained; }

 private:
  Call& call_;
  Seen& seen_;
};

class ServerSessionTest : public testing::Test {
 protected:
  ServerSessionTest() { restart(1 << 20); }

  void restart(std::size_t message_bytes_max) {
    session_ = std::make_unique<ServerSession>(
        ServerSessionOptions{.methods = &methods_,
                             .message_bytes_max = message_bytes_max,
                             .calls_max = 100,
                             .post = [this](auto task) { tasks_.push_back(std::move(task)); }});
    client_ = std::make_unique<ClientForTest>();
  }

  // Until both are silent.
  void exchange() {
    for (bool moved = true; moved;) {
      const std::string to_server = client_->take_output();
      EXPECT_TRUE(session_->consume(to_server));
      std::string to_client;
      session_->render(to_client, std::size_t{16} << 20);
      EXPECT_TRUE(client_->take_input(to_client));
      moved = !to_server.empty() || !to_client.empty();
    }
  }

  std::string status(std::int32_t id) { return client_->answer(id).fields["grpc-status"]; }

  Seen seen_;
  const Methods methods_ = {
      {"/test.Echo/Say", [this](Call& call) { return std::make_unique<Echo>(call, seen_); }}};
  std::vector<std::function<void()>> tasks_;
  std::unique_ptr<ServerSession> session_;
  std::unique_ptr<ClientForTest> client_;
};

TEST_F(ServerSessionTest, MessagesGoBothWaysAndAStatusEndsThem) {
  const std::int32_t id = client_->call("/test.Echo/Say");
  const std::string large(500'000, 'x');
  client_->say(id, "one");
  exchange();
  EXPECT_EQ(client_->answer(id).messages, std::vector<std::string>{"one"});
  EXPECT_EQ(client_->answer(id).fields["content-type"], "application/grpc");
  EXPECT_FALSE(session_->idle());
  client_->say(id, "two");
  client_->half_close(id);
  exchange();
  EXPECT_EQ(client_->answer(id).messages, (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(status(id), "0");
  EXPECT_TRUE(client_->answer(id).closed);
  EXPECT_EQ(seen_.half_closed, 1);
  EXPECT_EQ(seen_.cancelled, 0);
  EXPECT_TRUE(session_->idle());
}

TEST_F(ServerSessionTest, WhoeverAsksForNothingKnownIsToldSo) {
  const std::int32_t unknown = client_->call("/test.Echo/Sing");
  const std::int32_t no_grpc = client_->call("/test.Echo/Say", "text/html");
  const std::int32_t no_post = client_->call("/test.Echo/Say", "application/grpc", "GET");
  client_->say(unknown, "x");
  exchange();
  EXPECT_EQ(status(unknown), "12");
  EXPECT_EQ(client_->answer(unknown).fields["grpc-message"], "no method /test.Echo/Sing");
  EXPECT_EQ(client_->answer(no_grpc).fields[":status"], "415");
  EXPECT_EQ(client_->answer(no_post).fields[":status"], "405");
  for (const std::int32_t id : {unknown, no_grpc, no_post}) {
    EXPECT_TRUE(client_->answer(id).closed);
    EXPECT_EQ(client_->answer(id).error, NGHTTP2_NO_ERROR);
  }
  EXPECT_TRUE(session_->idle());
}

TEST_F(ServerSessionTest, WhatBreaksTheFramingEndsTheCallAlone) {
  restart(100);
  const std::int32_t large = client_->call("/test.Echo/Say");
  client_->say(large, std::string(101, 'x'));
  const std::int32_t compressed = client_->call("/test.Echo/Say");
  client_->write(compressed, std::string("\1\0\0\0\1x", 6));
  const std::int32_t cut = client_->call("/test.Echo/Say");
  client_->write(cut, std::string("\0\0\0\0\5x", 6), true);
  const std::int32_t fine = client_->call("/test.Echo/Say");
  client_->say(fine, std::string(100, 'x'), true);
  exchange();
  EXPECT_EQ(status(large), "8");
  EXPECT_EQ(status(compressed), "12");
  EXPECT_EQ(status(cut), "13");
  EXPECT_EQ(status(fine), "0");
  EXPECT_EQ(seen_.cancelled, 3);
  EXPECT_EQ(seen_.messages.size(), 1U);
}

TEST_F(ServerSessionTest, AStatusSaysWhatAHeaderCannotHold) {
  const std::int32_t id = client_->call("/test.Echo/Say");
  exchange();
  seen_.call->finish({StatusCode::kFailedPrecondition, "50 %\r\nno: \xc3\xa9"});
  exchange();
  EXPECT_EQ(status(id), "9");
  EXPECT_EQ(client_->answer(id).fields["grpc-message"], "50 %25%0D%0Ano: %C3%A9");
}

TEST_F(ServerSessionTest, APeerThatLeavesIsToldOfOnce) {
  const std::int32_t id = client_->call("/test.Echo/Say");
  client_->say(id, "one");
  exchange();
  int ran = 0;
  seen_.call->post([&] { ++ran; });
  tasks_.back()();
  EXPECT_EQ(ran, 1);
  client_->reset(id);
  exchange();
  EXPECT_EQ(seen_.cancelled, 1);
  tasks_.back()();  // Came too late.
  EXPECT_EQ(ran, 1);
  session_->tick({});
  session_.reset();
  EXPECT_EQ(seen_.cancelled, 1);
  EXPECT_EQ(seen_.ticks, 0);
}

TEST_F(ServerSessionTest, ALostConnectionCancelsWhatRuns) {
  (void)client_->call("/test.Echo/Say");
  (void)client_->call("/test.Echo/Say");
  exchange();
  session_->tick({});
  EXPECT_EQ(seen_.ticks, 2);
  session_->cancel_all();
  EXPECT_EQ(seen_.cancelled, 2);
  EXPECT_TRUE(session_->idle());
}

// Otherwise a proxy whose client reads slowly fills this process's memory.
TEST_F(ServerSessionTest, NothingMoreIsReadFromWhoTakesNoAnswers) {
  const std::int32_t id = client_->call("/test.Echo/Say");
  const std::string message(100'000, 'x');
  constexpr std::size_t kMessages = 30;
  for (std::size_t i = 0; i < kMessages; ++i) client_->say(id, message);
  exchange();
  const std::size_t heard = seen_.messages.size();
  EXPECT_LT(heard * message.size(), Call::kQueuedBytesMax + (std::size_t{1} << 20));
  EXPECT_GT(heard, 0U);
  for (int i = 0; i < 1'000 && client_->answer(id).messages.size() < kMessages; ++i) {
    client_->grant(id);
    exchange();
  }
  EXPECT_EQ(client_->answer(id).messages.size(), kMessages);
}

TEST_F(ServerSessionTest, DrainingLetsCallsEnd) {
  const std::int32_t id = client_->call("/test.Echo/Say");
  exchange();
  session_->drain();
  exchange();
  EXPECT_TRUE(client_->told_to_go());
  EXPECT_EQ(seen_.drained, 1);
  EXPECT_FALSE(session_->over());
  client_->say(id, "last", true);
  exchange();
  EXPECT_EQ(client_->answer(id).messages, std::vector<std::string>{"last"});
  EXPECT_EQ(status(id), "0");
  EXPECT_TRUE(session_->over());
}

TEST_F(ServerSessionTest, WhatIsNoHttp2EndsTheConnection) {
  EXPECT_FALSE(session_->consume("GET / HTTP/1.1\r\nhost: a\r\n\r\n"));
  EXPECT_TRUE(session_->over());
}

}  // namespace
}  // namespace rage::rpc::detail
