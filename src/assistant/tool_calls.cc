#include "assistant/tool_calls.h"

#include <algorithm>

#include "assistant/calendar.h"
#include "codec/documents.h"
#include "codec/uri.h"

namespace rage::assistant {
namespace {

using codec::Json;

bool is_cited(const Answer& answer, const std::string& doc_id) {
  return std::ranges::any_of(
      codec::list_at(answer.grounding, {"citations"}),
      [&](const Json& citation) { return codec::string_or(citation, "doc_id", "") == doc_id; });
}

}  // namespace

Json plan_calendar_call(const Answer& answer, const std::string& id) {
  Json doc_ids = Json::array();
  std::string url = "/calendar";
  if (answer.sources.is_array()) {
    for (const Json& source : answer.sources) {
      const auto session = session_of(source);
      if (!session || !session->times || !is_cited(answer, session->doc_id)) continue;
      if (std::ranges::find(doc_ids, Json(session->doc_id)) != doc_ids.end()) continue;
      url += (doc_ids.empty() ? "?doc=" : "&doc=") + codec::percent_encode(session->doc_id);
      doc_ids.push_back(session->doc_id);
    }
  }
  if (doc_ids.empty()) return Json::array();
  const std::string arguments = codec::render_json({{"doc_ids", std::move(doc_ids)}});
  return Json::array({{{"id", id},
                       {"type", "function"},
                       {"function", {{"name", kCalendarTool}, {"arguments", arguments}}},
                       {"url", url}}});
}

}  // namespace rage::assistant
