#include "codec/sse.h"

#include <utility>

#include "base/strings.h"

namespace rage::codec {

Result<void> SseParser::feed(std::string_view bytes,
                             const std::function<void(SseEvent)>& on_event) {
  for (const char c : bytes) {
    if (after_cr_ && c == '\n') {
      after_cr_ = false;  // The second half of CRLF.
      continue;
    }
    after_cr_ = c == '\r';
    if (c == '\n' || c == '\r') {
      end_line(on_event);
      continue;
    }
    line_.push_back(c);
    if (line_.size() + pending_.data.size() > event_bytes_max_) {
      return fail(ErrorCode::kResourceExhausted, "a server-sent event is larger than {} bytes",
                  event_bytes_max_);
    }
  }
  return {};
}

void SseParser::end_line(const std::function<void(SseEvent)>& on_event) {
  const std::string line = std::exchange(line_, {});
  if (line.empty()) {
    if (has_data_) on_event(std::exchange(pending_, {}));
    pending_ = {};
    has_data_ = false;
    return;
  }
  const std::size_t colon = line.find(':');
  if (colon == 0) return;  // A comment, often a keep-alive.
  const std::string_view field = std::string_view(line).substr(0, colon);
  std::string_view value =
      colon == std::string::npos ? std::string_view() : std::string_view(line).substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "data") {
    if (has_data_) pending_.data.push_back('\n');
    pending_.data.append(value);
    has_data_ = true;
  } else if (field == "event") {
    pending_.event = value;
  }
}

std::string render_sse(std::string_view data) {
  std::string out;
  for (const std::string_view line : split(data, '\n')) {
    out.append("data: ").append(line).push_back('\n');
  }
  out.push_back('\n');
  return out;
}

}  // namespace rage::codec
