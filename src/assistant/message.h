// One message of a conversation, and the record that the SCALE23X demo's agent keeps of it: a
// ChatMessage of Microsoft's agent framework as JSON, one list element a message.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "codec/json.h"

namespace rage::assistant {

inline constexpr const char* kAgentName = "AI Agent";
inline constexpr const char* kUser = "user";
inline constexpr const char* kAssistant = "assistant";

// Value. `extras` never goes into the record: "timestamp" (RFC 3339, UTC), and of an answer
// "model", "latency_ms", "usage", "grounding", "sources", "stopped" (the reader left before its
// end), "mode" and "bare" (prompt.h).
struct Message {
  std::string role = kUser;  // "user", "assistant"; what others wrote may say more.
  std::string text;
  codec::Json extras = codec::Json::object();

  bool operator==(const Message&) const = default;
};

// {"type":"message","role":"user","contents":[{"type":"text",...}],"additional_properties":{}};
// of an assistant with "author_name". No text: no contents.
std::string render_record(const Message& message);

// Also reads the older form: the role an object with "value", the text a flat "content". Of several
// parts the first text. None: no record of a message.
std::optional<Message> parse_record(std::string_view record);

// "2026-03-05T18:00:00.250Z"
std::string render_timestamp(WallTime time);

// What a session is called until somebody names it: its first question, one line, 60 characters.
std::string title_of(std::string_view question);

}  // namespace rage::assistant
