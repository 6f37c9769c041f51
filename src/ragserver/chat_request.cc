// The gate of the chat endpoint: what may be asked, in the order in which KAITO checks it.
#include <cmath>
#include <optional>
#include <string>
#include <string_view>

#include "base/strings.h"
#include "ragserver/chat.h"

namespace rage::ragserver {
namespace {

using codec::Json;

constexpr double kRatioMin = 0.2;
constexpr double kRatioMax = 0.8;

// Python's truth: absent, null, false, 0, "", [] and {} are false.
bool is_truthy(const Json* value) {
  if (value == nullptr || value->is_null()) return false;
  if (value->is_boolean()) return value->get<bool>();
  if (value->is_number()) return value->get<double>() != 0;
  if (value->is_string()) return !value->get_ref<const std::string&>().empty();
  return !value->empty();
}

std::unexpected<Error> invalid(std::string message) {
  return fail(ErrorCode::kInvalidArgument, std::move(message));
}

// Text of a content: a string, or the text parts of a list joined by a newline. None: something
// that is no text (an image), which only the model itself can read.
std::optional<std::string> text_of(const Json& content) {
  if (content.is_string()) return content.get<std::string>();
  if (content.is_null()) return std::string();
  if (!content.is_array()) return std::nullopt;
  std::string text;
  for (const Json& part : content) {
    std::string piece;
    if (part.is_string()) {
      piece = part.get<std::string>();
    } else if (codec::string_or(part, "type", "") == "text") {
      piece = codec::string_or(part, "text", "");
    } else {
      return std::nullopt;
    }
    if (!text.empty()) text.push_back('\n');
    text += piece;
  }
  return text;
}

// Agents that may send no system message put what they would say there before the first question,
// as "[Instructions: ...]" and an empty line: it is not what is asked for.
std::string without_instructions(std::string text) {
  constexpr std::string_view kEnd = "]\n\n";
  if (!text.starts_with("[Instructions:")) return text;
  const std::size_t end = text.find(kEnd);
  if (end == std::string::npos || trim(text.substr(end + kEnd.size())).empty()) return text;
  return text.substr(end + kEnd.size());
}

bool is_chat_role(std::string_view role) {
  return role == "user" || role == "system" || role == "assistant" || role == "developer";
}

Result<void> check_parameters(const Json& body) {
  if (const Json* n = codec::find_key(body, "n"); n != nullptr && !n->is_null()) {
    if (!n->is_number()) return invalid("n must be a number.");
    if (n->get<double>() > 1) return invalid("n > 1 is not supported.");
  }
  const Json* ratio = codec::find_key(body, "context_token_ratio");
  if (ratio != nullptr && !ratio->is_null()) {
    if (!ratio->is_number()) return invalid("context_token_ratio must be a number.");
    const double value = ratio->get<double>();
    if (value != 0 && (value < kRatioMin || value > kRatioMax)) {
      return invalid(fmt::format("Invalid context_token_ratio: {}. Must be between 0.2 and 0.8.",
                                 codec::render_json(*ratio)));
    }
  }
  return {};
}

Result<std::optional<rag::GroundingMode>> read_grounding_mode(const Json& body) {
  const Json* value = codec::find_key(body, "grounding_mode");
  if (value == nullptr || value->is_null()) return std::optional<rag::GroundingMode>{};
  const auto mode = value->is_string()
                        ? rag::parse_grounding_mode(value->get_ref<const std::string&>())
                        : std::nullopt;
  if (!mode) return invalid("grounding_mode must be strict, assist or off.");
  return mode;
}

// What narrows retrieval: `metadata_filter` and `max_node_count`.
Result<void> read_retrieval(const Json& body, const ChatOptions& options, ChatRequest& request) {
  const Json* filter = codec::find_key(body, "metadata_filter");
  if (filter != nullptr && !filter->is_null()) {
    ASSIGN_OR_RETURN(request.filter, rag::MetadataFilter::parse(*filter));
  }
  const Json* count = codec::find_key(body, "max_node_count");
  if (count == nullptr || count->is_null()) return {};
  const double value = count->is_number() ? count->get<double>() : 0;
  if (value < 1 || value > static_cast<double>(options.top_k_max) || value != std::floor(value)) {
    return invalid(
        fmt::format("max_node_count must be a whole number from 1 to {}.", options.top_k_max));
  }
  request.candidates_max = static_cast<std::size_t>(value);
  return {};
}

// Appends the message's turn; true if only the model itself can take this conversation.
Result<bool> read_message(const Json& message, std::vector<rag::ChatTurn>& turns) {
  const std::string role = codec::string_or(message, "role", "");
  if (role.empty()) return invalid("Invalid request format: messages must contain 'role'.");
  const Json* content = codec::find_key(message, "content");
  if (role != "assistant" && (content == nullptr || content->is_null())) {
    return invalid(fmt::format(
        "Invalid request format: messages must contain 'content' for role '{}'.", role));
  }
  if (!is_chat_role(role)) return true;
  if (role == "user" && !is_truthy(content)) {
    return invalid("Invalid request format: user messages must contain 'content'.");
  }
  std::optional<std::string> text = content == nullptr ? std::string() : text_of(*content);
  if (!text) return true;
  if (role == "user") text = without_instructions(*std::move(text));
  turns.push_back({.role = role, .content = *std::move(text)});
  return false;
}

bool has_open_question(const std::vector<rag::ChatTurn>& turns) {
  for (auto turn = turns.rbegin(); turn != turns.rend() && turn->role != "assistant"; ++turn) {
    if (turn->role == "user" && !trim(turn->content).empty()) return true;
  }
  return false;
}

}  // namespace

Result<ChatRequest> parse_chat_request(Json body, const ChatOptions& options) {
  RETURN_IF_ERROR(check_parameters(body));
  ChatRequest request;
  if (const Json* stream = codec::find_key(body, "stream")) {
    request.stream = stream->is_boolean() && stream->get<bool>();
  }
  const Json* name = codec::find_key(body, "index_name");
  if (is_truthy(name)) {
    if (!name->is_string()) return invalid("index_name must be a string.");
    request.index_name = name->get<std::string>();
  }
  ASSIGN_OR_RETURN(request.grounding, read_grounding_mode(body));
  const double ratio = codec::number_or(body, "context_token_ratio", 0);
  request.context_token_ratio = ratio > 0 ? ratio : options.context_token_ratio;
  request.pass_through = request.index_name.empty();
  if (!request.pass_through) RETURN_IF_ERROR(read_retrieval(body, options, request));
  const Json* messages = codec::find_key(body, "messages");
  if (!request.pass_through && messages != nullptr && messages->is_array()) {
    for (const Json& message : *messages) {
      ASSIGN_OR_RETURN(request.pass_through, read_message(message, request.turns));
      if (request.pass_through) break;
    }
  }
  if (!request.pass_through && !has_open_question(request.turns)) {
    return invalid("There must be a user prompt since the latest assistant message.");
  }
  request.body = std::move(body);
  return request;
}

}  // namespace rage::ragserver
