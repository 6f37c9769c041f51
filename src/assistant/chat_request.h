// What clients of the assistant send, read as FastAPI and pydantic 2 read it, with their error
// bodies: {"detail":[{"type","loc","msg","input","ctx"?}]}, status 422.
#pragma once

#include <expected>
#include <string>

#include "assistant/prompt.h"
#include "codec/json.h"
#include "net/http.h"

namespace rage::assistant {

inline constexpr std::size_t kMessageCodePointsMax = 32'000;
inline constexpr std::size_t kSessionCodePointsMax = 512;
inline constexpr std::size_t kTitleCodePointsMax = 200;

struct ChatRequest {
  std::string message;
  std::string session_id;  // Empty: a new one is wanted.
  bool stream = false;     // Not the demo's: the answer as events.
  bool retry = false;      // Not the demo's: ask the last question again; no message then.
  AnswerMode mode = AnswerMode::kDefault;  // Not the demo's: "sources", "direct" or "compare".
  bool wants_calendar = false;             // Not the demo's: "tools" names calendar_export.
};

// Or the body of a reply with status 422.
std::expected<ChatRequest, codec::Json> parse_chat_request(const net::HttpRequest& request);

// {"title": "..."}: not empty, one line.
std::expected<std::string, codec::Json> parse_rename(const net::HttpRequest& request);

}  // namespace rage::assistant
