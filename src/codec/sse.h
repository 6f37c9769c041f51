// Server-sent events as in the WHATWG HTML standard, section "Server-sent events": incremental,
// tolerant of comments, CR, LF and CRLF, and of events cut anywhere.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace rage::codec {

struct SseEvent {
  std::string event;  // Empty: "message".
  std::string data;   // Data lines joined by a newline.
};

// Resource. One thread.
class SseParser final {
 public:
  explicit SseParser(std::size_t event_bytes_max = std::size_t{8} << 20)
      : event_bytes_max_(event_bytes_max) {}

  // Calls `on_event` for each event completed by `bytes`. Comments produce no event.
  // kResourceExhausted once an event grows past the limit; the parser is then useless.
  Result<void> feed(std::string_view bytes, const std::function<void(SseEvent)>& on_event);

 private:
  void end_line(const std::function<void(SseEvent)>& on_event);

  const std::size_t event_bytes_max_;
  std::string line_;
  SseEvent pending_;
  bool has_data_ = false;
  bool after_cr_ = false;
};

// "data: ...\n\n"; a newline in `data` becomes a further data line.
std::string render_sse(std::string_view data);

}  // namespace rage::codec
