#include <optional>
#include <utility>

#include "base/strings.h"
#include "kube/detail/status.h"
#include "kube/detail/watch_decoder.h"

namespace rage::kube::detail {
namespace {

std::optional<WatchEventType> parse_type(std::string_view name) {
  if (name == "ADDED") return WatchEventType::kAdded;
  if (name == "MODIFIED") return WatchEventType::kModified;
  if (name == "DELETED") return WatchEventType::kDeleted;
  if (name == "BOOKMARK") return WatchEventType::kBookmark;
  return std::nullopt;
}

Result<WatchEvent> parse_event(std::string_view line, std::size_t bytes_max) {
  auto event = codec::parse_json(line, {.bytes_max = bytes_max, .depth_max = 128});
  if (!event) return fail(ErrorCode::kDataLoss, "a watch event is {}", event.error().message);
  const std::string name = codec::string_or(*event, "type", "");
  const Json* object = codec::find_key(*event, "object");
  if (object == nullptr || !object->is_object()) {
    return fail(ErrorCode::kDataLoss, "a watch event of type '{}' has no object", name);
  }
  if (name == "ERROR") return fail(status_error(*object));
  const auto type = parse_type(name);
  if (!type) return fail(ErrorCode::kDataLoss, "a watch event has the unknown type '{}'", name);
  return WatchEvent{.type = *type, .object = std::move((*event)["object"])};
}

}  // namespace

Result<bool> WatchDecoder::feed(std::string_view bytes,
                                const std::function<bool(WatchEvent event)>& on_event) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const std::string_view part = bytes.substr(0, end);
    if (line_.size() + part.size() > event_bytes_max_) {
      return fail(ErrorCode::kResourceExhausted, "a watch event is larger than {} bytes",
                  event_bytes_max_);
    }
    if (end == std::string_view::npos) {
      line_ += part;
      return true;
    }
    bytes.remove_prefix(end + 1);
    // Most lines arrive whole and need no copy.
    std::string held = std::exchange(line_, {});
    if (!held.empty()) held += part;
    const std::string_view line = trim(held.empty() ? part : std::string_view(held));
    if (line.empty()) continue;
    ASSIGN_OR_RETURN(WatchEvent event, parse_event(line, event_bytes_max_));
    if (!on_event(std::move(event))) return false;
  }
  return true;
}

}  // namespace rage::kube::detail
