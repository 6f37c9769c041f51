// A conversation as a file to take away. Pure.
#pragma once

#include <span>
#include <string>

#include "assistant/history_store.h"
#include "assistant/message.h"
#include "codec/json.h"

namespace rage::assistant {

// {"id","title","created","updated","messages":N}; times are RFC 3339 or null.
codec::Json session_json(const SessionInfo& session);
// {"role","content","timestamp","agent_name"?} and what else is known of an answer.
codec::Json message_json(const Message& message);
// The demo's history entry: role, content, timestamp (or null), agent_name of answers only.
codec::Json history_json(const Message& message);

// session_json() with "messages" as a list.
codec::Json export_json(const SessionInfo& session, std::span<const Message> messages);
// A heading, then question and answer under headings of their own, with the sources of each answer
// as links. What people and models wrote stays as it is.
std::string export_markdown(const SessionInfo& session, std::span<const Message> messages);

}  // namespace rage::assistant
