// What a reply says while it streams through: usage, and the model's name put back to the one the
// client asked for. Works across chunk boundaries; forwards at once whatever cannot matter.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace rage::payload {

// Value. What the model server counted.
struct Usage {
  std::uint64_t prompt_tokens = 0;  // With those from the cache, whatever the API.
  std::uint64_t completion_tokens = 0;
  std::uint64_t cached_tokens = 0;
  bool operator==(const Usage&) const = default;
};

struct ResponseReaderOptions {
  bool event_stream = false;  // content-type: text/event-stream
  // Both set: the reply's `"model"` with this value (at the top, in Anthropic's `message`, in the
  // `response` of OpenAI's events; never one that a model wrote) ...
  std::string served_model = {};
  std::string client_model = {};  // ... gets this one instead.
};

// Resource. One thread.
class ResponseReader {
 public:
  static std::unique_ptr<ResponseReader> create(ResponseReaderOptions options);
  virtual ~ResponseReader() = default;
  // The bytes to pass on now: the same bytes unless the model is renamed. Holds back a model's name
  // that is not whole yet, and nothing else; at `end` nothing is left behind. Memory is bounded by
  // the names, never by the reply.
  virtual std::string push(std::string_view bytes, bool end) = 0;
  // What was counted so far; in a stream the newest numbers.
  virtual const std::optional<Usage>& usage() const = 0;
};

}  // namespace rage::payload
