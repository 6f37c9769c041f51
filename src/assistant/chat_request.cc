#include "assistant/chat_request.h"

#include <algorithm>
#include <optional>

#include "assistant/tool_calls.h"
#include "base/strings.h"
#include "text/unicode.h"

namespace rage::assistant {
namespace {

using codec::Json;

constexpr codec::JsonLimits kLimits{.bytes_max = std::size_t{1} << 20, .depth_max = 32};

bool is_json(std::string_view content_type) {
  if (content_type.empty()) return true;
  const std::string type = to_lower_ascii(trim(content_type.substr(0, content_type.find(';'))));
  return type == "application/json" ||
         (type.starts_with("application/") && type.ends_with("+json"));
}

// Collects every error before anything is answered. One thread.
class Body final {
 public:
  explicit Body(const net::HttpRequest& request) { read(request); }

  bool readable() const { return details_.empty(); }
  Json errors() const { return {{"detail", details_}}; }
  const Json* find(std::string_view key) const { return codec::find_key(object_, key); }

  // Required, and at least one character long.
  std::string text(std::string_view key, std::size_t most) {
    if (find(key) == nullptr) {
      add("missing", place(key), "Field required", object_);
      return {};
    }
    std::string value = bounded(key, most);
    if (value.empty() && find(key)->is_string()) {
      add("string_too_short", place(key), "String should have at least 1 character", *find(key),
          {{"min_length", 1}});
    }
    return value;
  }

  // Absent and null are empty.
  std::string optional_text(std::string_view key, std::size_t most) {
    const Json* value = find(key);
    return value == nullptr || value->is_null() ? std::string() : bounded(key, most);
  }

  AnswerMode mode(std::string_view key) {
    const std::string name = optional_text(key, kSessionCodePointsMax);
    if (name.empty() || name == "sources") return AnswerMode::kDefault;
    if (name == "direct") return AnswerMode::kDirect;
    if (name == "compare") return AnswerMode::kCompare;
    constexpr const char* kExpected = "'sources', 'direct' or 'compare'";
    add("literal_error", place(key), fmt::format("Input should be {}", kExpected), *find(key),
        {{"expected", kExpected}});
    return AnswerMode::kDefault;
  }

  // A list of names, or of OpenAI's {"type":"function","function":{"name"}}; others are ignored.
  bool names_tool(std::string_view key, std::string_view tool) const {
    const Json* list = find(key);
    if (list == nullptr || !list->is_array()) return false;
    return std::ranges::any_of(*list, [&](const Json& entry) {
      if (entry.is_string()) return entry.get<std::string>() == tool;
      const Json* function = codec::find_key(entry, "function");
      return function != nullptr && codec::string_or(*function, "name", "") == tool;
    });
  }

  bool flag(std::string_view key) {
    const Json* value = find(key);
    if (value == nullptr || value->is_null()) return false;
    if (value->is_boolean()) return value->get<bool>();
    add("bool_type", place(key), "Input should be a valid boolean", *value);
    return false;
  }

 private:
  void read(const net::HttpRequest& request) {
    if (request.body.empty())
      return add("missing", Json::array({"body"}), "Field required", nullptr);
    if (!is_json(request.headers.find("content-type"))) {
      return not_an_object(text::to_valid_utf8(request.body));
    }
    codec::JsonSyntaxError syntax;
    auto parsed = codec::parse_json(request.body, kLimits, &syntax);
    if (!parsed) {
      return add("json_invalid", Json::array({"body", syntax.offset}), "JSON decode error",
                 Json::object(), {{"error", text::to_valid_utf8(syntax.text)}});
    }
    if (!parsed->is_object()) return not_an_object(*parsed);
    object_ = *std::move(parsed);
  }

  static Json place(std::string_view key) { return Json::array({"body", key}); }

  std::string bounded(std::string_view key, std::size_t most) {
    const Json& value = *find(key);
    if (!value.is_string()) {
      add("string_type", place(key), "Input should be a valid string", value);
      return {};
    }
    std::string text = value.get<std::string>();
    if (text::count_code_points(text) > most) {
      add("string_too_long", place(key),
          fmt::format("String should have at most {} characters", most), value,
          {{"max_length", most}});
    }
    return text;
  }

  void not_an_object(Json input) {
    add("model_attributes_type", Json::array({"body"}),
        "Input should be a valid dictionary or object to extract fields from", std::move(input));
  }

  void add(std::string_view type, Json loc, std::string_view message, Json input,
           Json context = nullptr) {
    Json detail = {
        {"type", type}, {"loc", std::move(loc)}, {"msg", message}, {"input", std::move(input)}};
    if (!context.is_null()) detail["ctx"] = std::move(context);
    details_.push_back(std::move(detail));
  }

  Json object_ = Json::object();
  Json details_ = Json::array();
};

}  // namespace

std::expected<ChatRequest, Json> parse_chat_request(const net::HttpRequest& request) {
  Body body(request);
  ChatRequest chat;
  if (body.readable()) {
    chat.retry = body.flag("retry");
    chat.stream = body.flag("stream");
    if (!chat.retry) chat.message = body.text("message", kMessageCodePointsMax);
    body.optional_text("agent_id", kSessionCodePointsMax);
    chat.session_id = body.optional_text("session_id", kSessionCodePointsMax);
    chat.mode = body.mode("mode");
    chat.wants_calendar = body.names_tool("tools", kCalendarTool);
    if (chat.retry && body.readable() && chat.session_id.empty()) {
      chat.session_id = body.text("session_id", kSessionCodePointsMax);
    }
  }
  if (!body.readable()) return std::unexpected(body.errors());
  return chat;
}

std::expected<std::string, Json> parse_rename(const net::HttpRequest& request) {
  Body body(request);
  std::string title;
  if (body.readable()) title = body.text("title", kTitleCodePointsMax);
  if (!body.readable()) return std::unexpected(body.errors());
  std::ranges::replace_if(title, [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  return title;
}

}  // namespace rage::assistant
