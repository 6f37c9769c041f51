#include "assistant/export.h"

#include <fmt/format.h>

#include <chrono>

namespace rage::assistant {
namespace {

using codec::Json;

Json time_or_null(std::int64_t ms) {
  if (ms <= 0) return nullptr;
  return render_timestamp(WallTime(std::chrono::milliseconds(ms)));
}

// Of a link's text and of a heading: nothing that ends either.
std::string one_line(std::string_view text) {
  std::string line;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == '\\') line += '\\';
    line += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return line;
}

bool is_link(std::string_view url) {
  return (url.starts_with("https://") || url.starts_with("http://")) &&
         url.find_first_of(" <>\"()\n\r\t\\") == std::string_view::npos;
}

std::string sources_of(const Message& message) {
  const Json* grounding = codec::find_key(message.extras, "grounding");
  const Json* citations = grounding == nullptr ? nullptr : codec::find_key(*grounding, "citations");
  if (citations == nullptr || !citations->is_array()) return {};
  std::string text;
  for (const Json& citation : *citations) {
    const std::string title = one_line(codec::string_or(citation, "title", "source"));
    const std::string url = codec::string_or(citation, "url", "");
    const auto number = static_cast<int>(codec::number_or(citation, "number", 0));
    text += is_link(url) ? fmt::format("{}. [{}]({})\n", number, title, url)
                         : fmt::format("{}. {}\n", number, title);
  }
  return text.empty() ? text : "Sources:\n\n" + text + "\n";
}

}  // namespace

Json session_json(const SessionInfo& session) {
  return {{"id", session.id},
          {"title", session.title},
          {"created", time_or_null(session.created_ms)},
          {"updated", time_or_null(session.updated_ms)},
          {"messages", session.messages}};
}

Json history_json(const Message& message) {
  const Json* timestamp = codec::find_key(message.extras, "timestamp");
  Json entry = {{"role", message.role},
                {"content", message.text},
                {"timestamp", timestamp == nullptr ? Json(nullptr) : *timestamp}};
  if (message.role == kAssistant) entry["agent_name"] = kAgentName;
  return entry;
}

Json message_json(const Message& message) {
  Json entry = history_json(message);
  for (const auto& [key, value] : message.extras.items()) entry[key] = value;
  return entry;
}

Json export_json(const SessionInfo& session, std::span<const Message> messages) {
  Json file = session_json(session);
  file["messages"] = Json::array();
  for (const Message& message : messages) file["messages"].push_back(message_json(message));
  return file;
}

std::string export_markdown(const SessionInfo& session, std::span<const Message> messages) {
  std::string text = fmt::format("# {}\n\n", one_line(session.title));
  for (const Message& message : messages) {
    const bool question = message.role == kUser;
    text += fmt::format("## {}", question ? "Question" : "Answer");
    const std::string time = codec::string_or(message.extras, "timestamp", "");
    text += time.empty() ? "\n\n" : fmt::format(" ({})\n\n", time);
    text += message.text + "\n\n" + sources_of(message);
  }
  return text;
}

}  // namespace rage::assistant
