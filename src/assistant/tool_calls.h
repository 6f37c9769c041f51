// What a client may have done with an answer: the agent's tools. The agent decides from the
// answer's sources; nothing that a model says starts one. Pure.
#pragma once

#include <string>

#include "assistant/upstream.h"
#include "codec/json.h"

namespace rage::assistant {

inline constexpr const char* kCalendarTool = "calendar_export";

// OpenAI's shape of tool calls: [{"id","type":"function","function":{"name":"calendar_export",
// "arguments":"{\"doc_ids\":[...]}"},"url":"/calendar?doc=..."}] for the cited sessions that have a
// time; empty if there is none. `id` names the call.
codec::Json plan_calendar_call(const Answer& answer, const std::string& id);

}  // namespace rage::assistant
