#include "gateway/detail/http1_body.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace rage::gateway::detail {
namespace {

constexpr std::uint32_t kExtensionBytesMax = 1024;
constexpr std::uint32_t kTrailerBytesMax = 16 << 10;
constexpr std::uint64_t kChunkBytesMax = std::uint64_t{1} << 48;

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_control(char c) {
  return (c >= 0 && c < ' ' && c != '\t') || c == 0x7F;
}

}  // namespace

BodyDecoder::BodyDecoder(const Framing& framing) {
  switch (framing.kind) {
    case Framing::Kind::kNone:
      return;
    case Framing::Kind::kLength:
      left_ = framing.length;
      if (left_ > 0) state_ = State::kLength;
      return;
    case Framing::Kind::kChunked:
      state_ = State::kSize;
      return;
    case Framing::Kind::kUntilClose:
      state_ = State::kUntilClose;
      return;
  }
}

std::expected<std::string_view, std::string> BodyDecoder::next(std::string_view& in) {
  while (!in.empty() && state_ != State::kDone) {
    if (state_ == State::kUntilClose) return std::exchange(in, {});
    if (state_ == State::kLength || state_ == State::kData) {
      const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left_, in.size()));
      const std::string_view piece = in.substr(0, size);
      in.remove_prefix(size);
      left_ -= size;
      if (left_ == 0) state_ = state_ == State::kLength ? State::kDone : State::kDataReturn;
      return piece;
    }
    const char* const complaint = take_framing(in.front());
    if (complaint != nullptr) return std::unexpected(complaint);
    in.remove_prefix(1);
  }
  return std::string_view();
}

bool BodyDecoder::take_size_digit(char c) {
  const int digit = hex_value(c);
  if (digit < 0) return false;
  left_ = left_ * 16 + static_cast<std::uint64_t>(digit);
  size_seen_ = true;
  return true;
}

const char* BodyDecoder::take_framing(char c) {
  switch (state_) {
    case State::kSize:
      if (take_size_digit(c)) return left_ > kChunkBytesMax ? "chunk too large" : nullptr;
      if (!size_seen_) return "malformed chunk size";
      if (c == '\r') {
        state_ = State::kSizeFeed;
        return nullptr;
      }
      overhead_ = 0;
      state_ = State::kExtension;
      return c == ';' || c == ' ' || c == '\t' ? nullptr : "malformed chunk size";
    case State::kExtension:
      if (c == '\r') {
        state_ = State::kSizeFeed;
        return nullptr;
      }
      if (++overhead_ > kExtensionBytesMax) return "chunk extension too large";
      return is_control(c) ? "malformed chunk extension" : nullptr;
    case State::kSizeFeed:
      state_ = left_ == 0 ? State::kTrailer : State::kData;
      size_seen_ = false;
      overhead_ = 0;
      return c == '\n' ? nullptr : "malformed chunk size";
    case State::kDataReturn:
      state_ = State::kDataFeed;
      return c == '\r' ? nullptr : "a chunk is longer than it says";
    case State::kDataFeed:
      state_ = State::kSize;
      return c == '\n' ? nullptr : "a chunk is longer than it says";
    case State::kTrailer:
      state_ = c == '\r' ? State::kEndFeed : State::kTrailerLine;
      return c == ' ' || is_control(c) ? (c == '\r' ? nullptr : "malformed trailer") : nullptr;
    case State::kTrailerLine:
      if (c == '\r') {
        state_ = State::kTrailerFeed;
        return nullptr;
      }
      if (++overhead_ > kTrailerBytesMax) return "trailers too large";
      return is_control(c) ? "malformed trailer" : nullptr;
    case State::kTrailerFeed:
      state_ = State::kTrailer;
      return c == '\n' ? nullptr : "malformed trailer";
    case State::kEndFeed:
      state_ = State::kDone;
      return c == '\n' ? nullptr : "malformed end of chunks";
    case State::kLength:
    case State::kUntilClose:
    case State::kData:
    case State::kDone:
      return nullptr;
  }
  return nullptr;
}

bool BodyDecoder::end_of_stream() {
  if (state_ == State::kUntilClose) state_ = State::kDone;
  return state_ == State::kDone;
}

void append_chunk(std::string_view bytes, std::string& out) {
  if (bytes.empty()) return;
  std::array<char, 18> size;
  const auto end = std::to_chars(size.data(), size.data() + 16, bytes.size(), 16).ptr;
  out.append(size.data(), end).append("\r\n").append(bytes).append("\r\n");
}

}  // namespace rage::gateway::detail
