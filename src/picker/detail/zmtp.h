// A subscriber's side of ZMTP 3.0 (https://rfc.zeromq.org/spec/23/), mechanism NULL: bytes in,
// messages and bytes out. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace rage::picker::detail {

// Value. One connection to a publisher.
class ZmtpSubscriber final {
 public:
  static constexpr std::size_t kFramesMax = 8;  // Of a message.
  using OnMessage = std::function<void(const std::vector<std::string>& frames)>;

  // Messages that begin with `topic`. `message_bytes_max`: of all frames of one.
  ZmtpSubscriber(std::string topic, std::size_t message_bytes_max)
      : topic_(std::move(topic)), bytes_max_(message_bytes_max) {}

  // What to send as soon as there is a connection.
  static std::string greeting();
  // What to send now. kInvalidArgument, kResourceExhausted: the peer speaks something else, or too
  // much; then the connection is of no use.
  Result<std::string> feed(std::string_view bytes, const OnMessage& on_message);

 private:
  struct Frame {
    bool more = false;
    bool command = false;
    std::string_view body;
  };
  enum class State : std::uint8_t { kGreeting, kHandshake, kOpen };

  Result<void> take_greeting(std::string& out);
  // False: the frame is not complete.
  Result<bool> take_frame(Frame& frame);
  Result<void> on_frame(const Frame& frame, const OnMessage& on_message, std::string& out);
  Result<void> on_command(std::string_view body, std::string& out);

  const std::string topic_;
  const std::size_t bytes_max_;
  State state_ = State::kGreeting;
  std::string in_;
  std::size_t used_ = 0;  // Of in_.
  std::vector<std::string> frames_;
  std::size_t frame_bytes_ = 0;
};

}  // namespace rage::picker::detail
