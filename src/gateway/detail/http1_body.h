// Bodies of HTTP/1.1 messages, piece by piece, without a copy. Pure.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "gateway/detail/message.h"

namespace rage::gateway::detail {

// Value. Chunk extensions and trailers are dropped, within limits.
class BodyDecoder final {
 public:
  BodyDecoder() = default;
  explicit BodyDecoder(const Framing& framing);

  // Takes from the front of `in` and gives the next piece of the body, a view of it. Empty: `in` is
  // used up, or the body is complete and the rest of `in` belongs to the next message.
  // The text says what is wrong.
  std::expected<std::string_view, std::string> next(std::string_view& in);
  bool done() const { return state_ == State::kDone; }
  // What is left of a body of known length.
  std::uint64_t left() const { return left_; }
  // The peer sends no more: true if that ends the body rightly.
  bool end_of_stream();

 private:
  enum class State : std::uint8_t {
    kLength,
    kUntilClose,
    kSize,
    kExtension,
    kSizeFeed,
    kData,
    kDataReturn,
    kDataFeed,
    kTrailer,      // At the start of a line.
    kTrailerLine,  // Inside of one.
    kTrailerFeed,
    kEndFeed,
    kDone,
  };
  bool take_size_digit(char c);
  // Null: well; else what is wrong with this byte of the framing.
  const char* take_framing(char c);

  State state_ = State::kDone;
  bool size_seen_ = false;
  std::uint32_t overhead_ = 0;  // Bytes of extensions of this chunk, or of all trailers.
  std::uint64_t left_ = 0;
};

// Appends `bytes` as one chunk; nothing if it is empty, for that would end the body.
void append_chunk(std::string_view bytes, std::string& out);
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

}  // namespace rage::gateway::detail
