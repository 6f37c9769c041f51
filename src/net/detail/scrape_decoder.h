// Reads one HTTP/1.x reply (RFC 9112) out of whatever pieces the network cuts it into. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace rage::net::detail {

// Resource-like value; reset() makes it ready for the next reply and keeps its memory.
class ScrapeDecoder final {
 public:
  ScrapeDecoder(std::size_t head_bytes_max, std::size_t body_bytes_max)
      : head_bytes_max_(head_bytes_max), body_bytes_max_(body_bytes_max) {}

  void reset();
  // Consumes from the front of `input`, returns the next piece of the body. Call until it returns
  // an empty piece: then `input` is used up, or done() and the rest of it belongs to nobody.
  // kDataLoss: no HTTP reply; kResourceExhausted: past a limit. No calls after an error.
  Result<std::string_view> next(std::string_view& input);
  // The peer closed. kDataLoss unless the reply is complete, or ends by closing.
  Result<void> finish();

  bool begun() const { return begun_; }
  bool head_done() const { return state_ != State::kStatusLine && state_ != State::kHeaders; }
  bool done() const { return state_ == State::kDone; }
  int status() const { return status_; }
  bool keep_alive() const { return keep_alive_; }

 private:
  enum class State {
    kStatusLine,
    kHeaders,
    kCounted,
    kUntilClose,
    kChunkSize,
    kChunk,
    kChunkEnd,
    kTrailers,
    kDone
  };

  Result<bool> take_line(std::string_view& input);
  Result<void> on_line();
  Result<void> on_status_line();
  Result<void> on_header();
  Result<void> on_head_end();
  Result<void> on_chunk_size();
  Result<std::string_view> take_body(std::string_view& input);

  std::size_t head_bytes_max_;
  std::size_t body_bytes_max_;
  State state_ = State::kStatusLine;
  std::string line_;
  std::size_t line_bytes_ = 0;  // Of head, chunk sizes and trailers since the last body byte.
  std::uint64_t left_ = 0;      // Of the body, or of this chunk.
  std::uint64_t body_bytes_ = 0;
  std::optional<std::uint64_t> length_;
  int status_ = 0;
  bool begun_ = false;
  bool chunked_ = false;
  bool keep_alive_ = false;
};

}  // namespace rage::net::detail
