// Reads the server-sent events of a streamed completion. Private to the room; pure.
#pragma once

#include <functional>
#include <string_view>

#include "base/error.h"
#include "codec/json.h"
#include "codec/sse.h"

namespace rage::llm {

// Resource. One thread.
class ChunkReader final {
 public:
  using OnChunk = std::function<bool(const codec::Json& chunk)>;
  // `on_chunk` outlives the reader.
  explicit ChunkReader(const OnChunk& on_chunk) : on_chunk_(on_chunk) {}

  // False once there is nothing more to read: after [DONE], an error, or a refusal of `on_chunk`.
  bool feed(std::string_view bytes);
  bool is_done() const { return done_; }
  // Of a reader that is done.
  const Result<void>& result() const { return result_; }
  // The stream ended by itself: kDataLoss if that was too early.
  Result<void> finish() const;

 private:
  void take(const codec::SseEvent& event);
  void end(Result<void> result);

  const OnChunk& on_chunk_;
  codec::SseParser parser_;
  bool done_ = false;
  bool has_finish_reason_ = false;
  Result<void> result_;
};

}  // namespace rage::llm
