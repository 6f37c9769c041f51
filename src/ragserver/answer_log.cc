#include "ragserver/answer_log.h"

#include <algorithm>
#include <utility>

namespace rage::ragserver {

using codec::Json;

void AnswerLog::put(const Json& trace) {
  if (!enabled()) return;
  Entry entry{.id = codec::string_or(trace, "id", ""),
              .summary = Json::object(),
              .trace = codec::render_json(trace)};
  for (const char* key : {"id", "created", "index_name", "question", "mode"}) {
    if (const Json* value = codec::find_key(trace, key)) entry.summary[key] = *value;
  }
  if (entry.trace.size() > options_.bytes_max / 4) return;
  ring_.with([&](Ring& ring) {
    ring.bytes += entry.trace.size();
    ring.entries.push_back(std::move(entry));
    while (ring.entries.size() > options_.answers_max || ring.bytes > options_.bytes_max) {
      ring.bytes -= ring.entries.front().trace.size();
      ring.entries.pop_front();
    }
  });
}

std::optional<std::string> AnswerLog::find(std::string_view id) const {
  return ring_.with([&](const Ring& ring) -> std::optional<std::string> {
    const auto found = std::ranges::find(ring.entries, id, &Entry::id);
    if (found == ring.entries.end()) return std::nullopt;
    return found->trace;
  });
}

Json AnswerLog::list() const {
  return ring_.with([](const Ring& ring) {
    Json all = Json::array();
    for (auto entry = ring.entries.rbegin(); entry != ring.entries.rend(); ++entry)
      all.push_back(entry->summary);
    return all;
  });
}

}  // namespace rage::ragserver
