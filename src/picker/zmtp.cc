#include "picker/detail/zmtp.h"

#include <utility>

namespace rage::picker::detail {
namespace {

constexpr std::size_t kGreetingBytes = 64;
constexpr unsigned char kMore = 1;
constexpr unsigned char kLong = 2;
constexpr unsigned char kCommand = 4;

std::unexpected<Error> bad(std::string_view what) {
  return fail(ErrorCode::kInvalidArgument, "ZMTP: {}", what);
}

// Of at most 255 bytes: all that a subscriber says.
std::string frame(unsigned char flags, std::string_view body) {
  std::string out;
  out += static_cast<char>(flags);
  out += static_cast<char>(body.size());
  out += body;
  return out;
}

std::string ready() {
  std::string body = "\x05READY\x0bSocket-Type";
  body += std::string("\0\0\0\x03SUB", 7);
  return frame(kCommand, body);
}

}  // namespace

std::string ZmtpSubscriber::greeting() {
  std::string out(kGreetingBytes, '\0');
  out[0] = '\xFF';
  out[9] = '\x7F';
  out[10] = 3;
  out.replace(12, 4, "NULL");
  return out;
}

Result<void> ZmtpSubscriber::take_greeting(std::string& out) {
  const std::string_view peer = std::string_view(in_).substr(0, kGreetingBytes);
  if (peer[0] != '\xFF' || (static_cast<unsigned char>(peer[9]) & 1U) == 0) {
    return bad("the peer speaks another protocol");
  }
  if (peer[10] < 3) return bad("the peer is older than version 3");
  if (peer.substr(12, 20) != std::string("NULL") + std::string(16, '\0')) {
    return bad("the peer wants authentication");
  }
  used_ = kGreetingBytes;
  state_ = State::kHandshake;
  out += ready();
  return {};
}

Result<bool> ZmtpSubscriber::take_frame(Frame& frame) {
  const std::string_view rest = std::string_view(in_).substr(used_);
  if (rest.size() < 2) return false;
  const auto flags = static_cast<unsigned char>(rest[0]);
  if ((flags & ~(kMore | kLong | kCommand)) != 0) return bad("a frame with unknown flags");
  const std::size_t head = (flags & kLong) != 0 ? 9 : 2;
  if (rest.size() < head) return false;
  std::uint64_t size = 0;
  for (std::size_t i = 1; i < head; ++i) size = size << 8U | static_cast<unsigned char>(rest[i]);
  if (size > bytes_max_) return fail(ErrorCode::kResourceExhausted, "ZMTP: a frame is too large");
  if (rest.size() - head < size) return false;
  frame = {.more = (flags & kMore) != 0,
           .command = (flags & kCommand) != 0,
           .body = rest.substr(head, size)};
  used_ += head + size;
  return true;
}

Result<void> ZmtpSubscriber::on_command(std::string_view body, std::string& out) {
  const std::size_t length = body.empty() ? 0 : static_cast<unsigned char>(body[0]);
  if (length == 0 || body.size() < 1 + length) return bad("a command has no name");
  const std::string_view name = body.substr(1, length);
  const std::string_view data = body.substr(1 + length);
  if (name == "READY" && state_ == State::kHandshake) {
    state_ = State::kOpen;
    out += frame(0, '\x01' + topic_);
  } else if (name == "ERROR") {
    return bad("the peer refuses us");
  } else if (name == "PING" && data.size() >= 2 && data.size() <= 18) {
    out += frame(kCommand, "\x04PONG" + std::string(data.substr(2)));
  }
  return {};
}

Result<void> ZmtpSubscriber::on_frame(const Frame& frame, const OnMessage& on_message,
                                      std::string& out) {
  if (frame.command) return on_command(frame.body, out);
  if (state_ != State::kOpen) return bad("a message before the handshake");
  frame_bytes_ += frame.body.size();
  if (frames_.size() == kFramesMax || frame_bytes_ > bytes_max_) {
    return fail(ErrorCode::kResourceExhausted, "ZMTP: a message is too large");
  }
  frames_.emplace_back(frame.body);
  if (frame.more) return {};
  on_message(frames_);
  frames_.clear();
  frame_bytes_ = 0;
  return {};
}

Result<std::string> ZmtpSubscriber::feed(std::string_view bytes, const OnMessage& on_message) {
  in_ += bytes;
  std::string out;
  if (state_ == State::kGreeting) {
    if (in_.size() < kGreetingBytes) return out;
    RETURN_IF_ERROR(take_greeting(out));
  }
  while (true) {
    Frame frame;
    ASSIGN_OR_RETURN(const bool complete, take_frame(frame));
    if (!complete) break;
    RETURN_IF_ERROR(on_frame(frame, on_message, out));
  }
  in_.erase(0, std::exchange(used_, 0));
  return out;
}

}  // namespace rage::picker::detail
