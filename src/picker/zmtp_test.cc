#include "picker/detail/zmtp.h"

#include <gmock/gmock.h>

namespace rage::picker::detail {
namespace {

using namespace std::string_literals;
using testing::ElementsAre;
using testing::HasSubstr;

const std::string kGreeting = ZmtpSubscriber::greeting();
const std::string kReady = "\x04\x19\x05READY\x0bSocket-Type\0\0\0\x03PUB"s;

class ZmtpTest : public testing::Test {
 protected:
  // In pieces of `size` bytes. What is sent back.
  Result<std::string> feed(std::string_view bytes, std::size_t size = 1000) {
    std::string sent;
    for (std::size_t i = 0; i < bytes.size(); i += size) {
      auto out = subscriber_.feed(bytes.substr(i, size),
                                  [&](const auto& frames) { messages_.push_back(frames); });
      if (!out) return fail(std::move(out).error());
      sent += *out;
    }
    return sent;
  }

  ZmtpSubscriber subscriber_{"kv@", 300};
  std::vector<std::vector<std::string>> messages_;
};

TEST_F(ZmtpTest, ShakesHandsAndSubscribes) {
  EXPECT_EQ(kGreeting.size(), 64U);
  EXPECT_EQ(*feed(kGreeting), "\x04\x19\x05READY\x0bSocket-Type\0\0\0\x03SUB"s);
  EXPECT_EQ(*feed(kReady), "\0\x04\x01kv@"s);
  EXPECT_EQ(*feed("\x04\x09\x04PING\0\x0a\x78\x79"s), "\x04\x07\x04PONGxy"s);
}

// However the network cuts it.
TEST_F(ZmtpTest, PutsMessagesTogether) {
  const std::string large(260, 'x');
  const std::string bytes = kGreeting + kReady + "\x01\x03kv@\x01\x02"s + "ab" + "\x00\x01z"s +
                            "\x02\0\0\0\0\0\0\x01\x04"s + large;
  ASSERT_TRUE(feed(bytes, 1));
  EXPECT_THAT(messages_, ElementsAre(ElementsAre("kv@", "ab", "z"), ElementsAre(large)));
}

TEST_F(ZmtpTest, RefusesOtherProtocols) {
  for (const std::string& greeting : {"HTTP/1.1 400 Bad Request\r\n"s + std::string(64, ' '),
                                      std::string(kGreeting).replace(10, 1, "\x01"),
                                      std::string(kGreeting).replace(12, 5, "CURVE")}) {
    EXPECT_FALSE(ZmtpSubscriber("", 100).feed(greeting, [](const auto&) {}));
  }
}

// Whoever listens on a pod's port must not fill our memory.
TEST_F(ZmtpTest, HasLimits) {
  for (const std::string& bytes :
       {"\x02\xff\xff\xff\xff\xff\xff\xff\xff"s, "\x02\0\0\0\0\0\0\x01\x2d"s, "\x08\x01x"s,
        "\x04\0"s, "\x04\x06\x05"s + "ERROR"}) {
    ZmtpSubscriber subscriber("", 300);
    EXPECT_FALSE(subscriber.feed(kGreeting + kReady + bytes, [](const auto&) {}));
  }
  ASSERT_TRUE(feed(kGreeting + kReady));
  std::string frames;
  for (std::size_t i = 0; i <= ZmtpSubscriber::kFramesMax; ++i) frames += "\x01\x01x";
  EXPECT_THAT(feed(frames).error().message, HasSubstr("too large"));
  ZmtpSubscriber early("", 300);
  EXPECT_FALSE(early.feed(kGreeting + "\0\x01x"s, [](const auto&) {}));
}

}  // namespace
}  // namespace rage::picker::detail
