#include "guardrails/reply_guard.h"

#include <algorithm>
#include <array>
#include <utility>

namespace rage::guardrails {
namespace {

using codec::Json;

constexpr std::array<std::string_view, 9> kEnvelopeKeys = {
    "id",      "object",       "created", "model", "usage", "system_fingerprint",
    "choices", "service_tier", "role"};
constexpr std::array<std::string_view, 6> kPlainKeys = {"doc_id", "node_id", "question",
                                                        "mode",   "policy",  "verdict"};

std::unexpected<Error> unreadable() {
  return fail(ErrorCode::kInternal, std::string(kScanFailed));
}

// False if it is blocked.
bool guard_in_place(const Policy& policy, Reach reach, Json& value, Outcome& outcome) {
  auto shown = guard_text(policy, reach, value.get_ref<const std::string&>(), outcome);
  if (!shown) return false;
  value = *std::move(shown);
  return true;
}

// Some models answer with a list of parts, of which only text can be read.
Result<bool> guard_content(const Policy& policy, Json& content, Outcome& outcome) {
  if (content.is_null()) return true;
  if (content.is_string()) return guard_in_place(policy, Reach::kContent, content, outcome);
  if (!content.is_array()) return unreadable();
  bool passes = true;
  for (Json& part : content) {
    if (codec::string_or(part, "type", "") != "text") return unreadable();
    const auto text = part.find("text");
    if (text == part.end() || !text->is_string()) return unreadable();
    passes = guard_in_place(policy, Reach::kContent, *text, outcome) && passes;
  }
  return passes;
}

Result<bool> guard_call(const Policy& policy, Json& function, Outcome& outcome) {
  if (function.is_null()) return true;
  if (!function.is_object()) return unreadable();
  const auto arguments = function.find("arguments");
  if (arguments == function.end() || arguments->is_null()) return true;
  if (!arguments->is_string()) return unreadable();
  auto shown = guard_arguments(policy, arguments->get_ref<const std::string&>(), outcome);
  if (!shown) return false;
  *arguments = *std::move(shown);
  return true;
}

Result<bool> guard_calls(const Policy& policy, Json& calls, Outcome& outcome) {
  if (calls.is_null()) return true;
  if (!calls.is_array()) return unreadable();
  bool passes = true;
  for (Json& call : calls) {
    const auto function = call.is_object() ? call.find("function") : call.end();
    if (!call.is_object() || function == call.end()) return unreadable();
    ASSIGN_OR_RETURN(const bool passed, guard_call(policy, *function, outcome));
    passes = passes && passed;
  }
  return passes;
}

Result<bool> guard_field(const Policy& policy, const std::string& key, Json& value,
                         Outcome& outcome) {
  if (key == "role") return true;
  if (key == "content") return guard_content(policy, value, outcome);
  if (key == "tool_calls") return guard_calls(policy, value, outcome);
  if (key == "function_call") return guard_call(policy, value, outcome);
  if (key == "audio" && !value.is_null()) return unreadable();  // Nobody listens to it.
  if (value.is_string()) return guard_in_place(policy, Reach::kEveryText, value, outcome);
  guard_texts(policy, value, outcome);
  return true;
}

// False if what it says is blocked; the message then holds the block message alone.
Result<bool> guard_message(const Policy& policy, Json& message, Outcome& outcome) {
  if (!message.is_object()) return unreadable();
  bool passes = true;
  for (const auto& [key, value] : message.items()) {
    ASSIGN_OR_RETURN(const bool passed, guard_field(policy, key, value, outcome));
    passes = passes && passed;
  }
  if (passes) return true;
  for (const auto& [key, value] : message.items()) {
    if (key != "role") value = nullptr;
  }
  message["content"] = policy.block_message;
  return false;
}

Result<bool> guard_choice(const Policy& policy, Json& choice, Outcome& outcome) {
  if (!choice.is_object() || !choice.contains("message")) return unreadable();
  bool passes = true;
  for (const auto& [key, value] : choice.items()) {
    if (key == "message") {
      ASSIGN_OR_RETURN(passes, guard_message(policy, value, outcome));
    } else if (key == "logprobs") {
      value = nullptr;
    } else if (key != "finish_reason") {
      guard_texts(policy, value, outcome);
    }
  }
  return passes;
}

}  // namespace

bool is_envelope_key(std::string_view key) {
  return std::ranges::find(kEnvelopeKeys, key) != kEnvelopeKeys.end();
}

void guard_texts(const Policy& policy, Json& value, Outcome& outcome) {
  if (value.is_string()) {
    if (!guard_in_place(policy, Reach::kEveryText, value, outcome)) value = policy.block_message;
  } else if (value.is_array()) {
    for (Json& entry : value) guard_texts(policy, entry, outcome);
  } else if (value.is_object()) {
    for (const auto& [key, entry] : value.items()) {
      if (std::ranges::find(kPlainKeys, std::string_view(key)) == kPlainKeys.end()) {
        guard_texts(policy, entry, outcome);
      }
    }
  }
}

std::optional<std::string> guard_arguments(const Policy& policy, std::string_view arguments,
                                           Outcome& outcome) {
  std::string text(arguments);
  if (auto parsed = codec::parse_json(arguments)) {
    Outcome own;
    const Json before = *parsed;
    guard_texts(policy, *parsed, own);
    outcome.add(own);
    if (own.action > FinalAction::kRedact) return std::nullopt;
    if (*parsed != before) text = codec::render_json(*parsed);
  }
  return guard_text(policy, Reach::kEveryText, text, outcome);
}

Result<Json> guard_completion(const Policy& policy, Json completion, Outcome& outcome) {
  if (!completion.is_object()) return unreadable();
  const auto choices = completion.find("choices");
  if (choices == completion.end() || !choices->is_array() || choices->empty()) return unreadable();
  bool passes = true;
  for (Json& choice : *choices) {
    ASSIGN_OR_RETURN(const bool passed, guard_choice(policy, choice, outcome));
    passes = passes && passed;
  }
  for (const auto& [key, value] : completion.items()) {
    if (!is_envelope_key(key)) guard_texts(policy, value, outcome);
  }
  // It repeats what the answer said.
  const auto grounding = completion.find("grounding");
  if (!passes && grounding != completion.end() && grounding->is_object()) {
    (*grounding)["sentences"] = Json::array();
  }
  if (outcome.action == FinalAction::kFailClosed) return unreadable();
  return completion;
}

}  // namespace rage::guardrails
