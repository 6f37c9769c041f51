#include "assistant/message.h"

#include <fmt/chrono.h>

#include <chrono>

#include "base/strings.h"
#include "text/unicode.h"

namespace rage::assistant {
namespace {

using codec::Json;

constexpr std::size_t kTitleCodePoints = 60;
// A record is one message; more is not ours.
constexpr codec::JsonLimits kRecordLimits{.bytes_max = std::size_t{16} << 20, .depth_max = 64};

std::string role_of(const Json& record) {
  const Json* role = codec::find_key(record, "role");
  if (role != nullptr && role->is_object()) return codec::string_or(*role, "value", "");
  return codec::string_or(record, "role", "");
}

// None: neither contents nor content.
std::optional<std::string> text_of(const Json& record) {
  if (const Json* parts = codec::find_key(record, "contents"); parts && parts->is_array()) {
    for (const Json& part : *parts) {
      if (codec::string_or(part, "type", "") == "text") return codec::string_or(part, "text", "");
    }
    return std::string();
  }
  const Json* content = codec::find_key(record, "content");
  if (content == nullptr || !content->is_string()) return std::nullopt;
  return content->get<std::string>();
}

}  // namespace

std::string render_record(const Message& message) {
  Json contents = Json::array();
  if (!message.text.empty()) {
    contents.push_back(
        {{"type", "text"}, {"text", message.text}, {"additional_properties", Json::object()}});
  }
  Json record = {{"type", "message"}, {"role", message.role}, {"contents", std::move(contents)}};
  if (message.role == kAssistant) record["author_name"] = kAgentName;
  record["additional_properties"] = Json::object();
  return codec::render_json(record);
}

std::optional<Message> parse_record(std::string_view record) {
  const auto json = codec::parse_json(record, kRecordLimits);
  if (!json || !json->is_object()) return std::nullopt;
  std::string role = role_of(*json);
  auto text = text_of(*json);
  if (role.empty() || !text) return std::nullopt;
  return Message{.role = std::move(role), .text = *std::move(text)};
}

std::string render_timestamp(WallTime time) {
  const auto whole = std::chrono::floor<std::chrono::seconds>(time);
  const auto rest = std::chrono::duration_cast<std::chrono::milliseconds>(time - whole).count();
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(whole)), rest);
}

std::string title_of(std::string_view question) {
  std::string line;
  for (const char c : trim(question)) {
    const bool blank = is_ascii_space(c) || static_cast<unsigned char>(c) < 0x20;
    if (!blank) {
      line += c;
    } else if (!line.empty() && line.back() != ' ') {
      line += ' ';
    }
  }
  const std::string_view head = text::take_code_points(line, kTitleCodePoints);
  if (head.size() == line.size()) return line;
  return std::string(trim(head)) + "\u2026";
}

}  // namespace rage::assistant
