#include "guardrails/stream_guard.h"

#include <utility>

namespace rage::guardrails {
namespace {

using codec::Json;

constexpr std::size_t kFieldsMax = 16;
constexpr int kCallsMax = 128;
constexpr std::size_t kCallBytesMax = std::size_t{1} << 20;
constexpr std::string_view kDone = "data: [DONE]\n\n";

bool is_text_or_null(const Json* value) {
  return value == nullptr || value->is_null() || value->is_string();
}

bool says_something(const Json* value) {
  return value != nullptr && !value->is_null();
}

}  // namespace

StreamGuard::StreamGuard(std::shared_ptr<const Policy> policy) : policy_(std::move(policy)) {}

std::string StreamGuard::feed(std::string_view bytes) {
  if (done_) return {};
  const auto parsed = parser_.feed(bytes, [&](const codec::SseEvent& event) { take(event); });
  if (!parsed) refuse(FinalAction::kFailClosed);
  return std::exchange(out_, {});
}

std::string StreamGuard::finish() {
  if (!done_) flush();
  done_ = true;
  return std::exchange(out_, {});
}

void StreamGuard::take(const codec::SseEvent& event) {
  if (done_) return;
  if (event.data == "[DONE]") {
    flush();
    if (!done_) out_ += kDone;
    done_ = true;
    return;
  }
  auto chunk = codec::parse_json(event.data);
  if (!chunk || !chunk->is_object()) return refuse(FinalAction::kFailClosed);
  take_chunk(*std::move(chunk));
}

void StreamGuard::take_chunk(Json chunk) {
  if (response_id_.empty()) response_id_ = codec::string_or(chunk, "id", "");
  bool extras = says_something(codec::find_key(chunk, "usage"));
  for (const auto& [key, value] : chunk.items()) {
    if (is_envelope_key(key)) continue;
    guard_texts(*policy_, value, outcome_);
    extras = true;
  }
  const auto choices = chunk.find("choices");
  if (choices == chunk.end() && chunk.contains("error")) return send(std::move(chunk));
  if (choices == chunk.end() || !choices->is_array() || choices->size() > 1) {
    return refuse(FinalAction::kFailClosed);
  }
  envelope_ = chunk;
  for (const auto& [key, value] : chunk.items()) {
    if (!is_envelope_key(key) || key == "usage") envelope_.erase(key);
  }
  if (choices->empty()) return send(std::move(chunk));
  Json choice = std::move((*choices)[0]);
  Json delta = Json::object();
  if (!take_delta(choice, delta)) return refuse(FinalAction::kFailClosed);
  if (outcome_.action == FinalAction::kFailClosed) return refuse(FinalAction::kFailClosed);
  for (const auto& [field, guard] : guards_) {
    if (!guard->blocked()) continue;
    send_delta(std::move(delta), nullptr);
    return refuse(FinalAction::kBlock);
  }
  const Json* reason = codec::find_key(choice, "finish_reason");
  const bool ends = says_something(reason);
  if (ends) {
    if (!delta.empty()) send_delta(std::exchange(delta, Json::object()), nullptr);
    flush();
    if (done_) return;
  }
  if (delta.empty() && !ends && !extras) return;
  choice["delta"] = std::move(delta);
  chunk["choices"] = Json::array({std::move(choice)});
  send(std::move(chunk));
}

bool StreamGuard::take_delta(Json& choice, Json& delta_out) {
  if (!choice.is_object()) return false;
  const Json* index = codec::find_key(choice, "index");
  if (index != nullptr && (!index->is_number_integer() || *index != 0)) return false;
  if (!is_text_or_null(codec::find_key(choice, "finish_reason"))) return false;
  for (const auto& [key, value] : choice.items()) {
    if (key == "delta" || key == "finish_reason" || key == "index") continue;
    if (key == "logprobs") value = nullptr;
    guard_texts(*policy_, value, outcome_);
  }
  const Json* delta = codec::find_key(choice, "delta");
  if (delta == nullptr || delta->is_null()) return true;
  if (!delta->is_object()) return false;
  const bool first = delta->contains("role");
  for (const auto& [key, value] : delta->items()) {
    if (key == "role" && value.is_string()) {
      delta_out[key] = value;
    } else if (value.is_null()) {
      if (first) delta_out[key] = nullptr;
    } else if (key == "tool_calls") {
      if (!take_calls(value)) return false;
    } else if (key == "function_call") {
      if (!take_function(value, function_)) return false;
    } else if (!value.is_string()) {
      return false;
    } else if (value.get_ref<const std::string&>().empty()) {
      if (first) delta_out[key] = "";
    } else if (!take_text(key, value.get_ref<const std::string&>(), delta_out)) {
      return false;
    }
  }
  return true;
}

bool StreamGuard::take_text(const std::string& field, const std::string& text, Json& delta_out) {
  // After the end nothing would be held back that belongs together.
  if (flushed_ || (guards_.size() >= kFieldsMax && !guards_.contains(field))) return false;
  std::string shown = guard_of(field).feed(text);
  if (!shown.empty()) delta_out[field] = std::move(shown);
  return true;
}

TextGuard& StreamGuard::guard_of(const std::string& field) {
  auto& guard = guards_[field];
  if (guard == nullptr) {
    const Reach reach = field == "content" ? Reach::kContent : Reach::kEveryText;
    guard = std::make_unique<TextGuard>(*policy_, reach, outcome_);
  }
  return *guard;
}

bool StreamGuard::take_calls(const Json& calls) {
  if (!calls.is_array() || flushed_) return false;
  for (const Json& part : calls) {
    if (!part.is_object()) return false;
    const double index = codec::number_or(part, "index", 0);
    if (!(index >= 0) || index >= kCallsMax) return false;
    Call& call = calls_[static_cast<int>(index)];
    for (const auto& [key, value] : part.items()) {
      if (key != "function" && !value.is_null()) call.head[key] = value;
    }
    const Json* function = codec::find_key(part, "function");
    if (function != nullptr && !function->is_null() && !take_function(*function, call))
      return false;
  }
  return true;
}

bool StreamGuard::take_function(const Json& part, Call& call) {
  if (!part.is_object() || flushed_) return false;
  if (!is_text_or_null(codec::find_key(part, "name"))) return false;
  if (!is_text_or_null(codec::find_key(part, "arguments"))) return false;
  const std::string name = codec::string_or(part, "name", "");
  if (!name.empty()) call.head["function"]["name"] = name;
  const std::string arguments = codec::string_or(part, "arguments", "");
  call.arguments += arguments;
  call_bytes_ += arguments.size();
  return call_bytes_ <= kCallBytesMax;
}

void StreamGuard::flush() {
  if (std::exchange(flushed_, true)) return;
  Json delta = Json::object();
  bool passes = true;
  for (const auto& [field, guard] : guards_) {
    const std::string rest = guard->finish();
    if (!rest.empty()) delta[field] = rest;
    passes = passes && !guard->blocked();
  }
  passes = passes && flush_calls(delta);
  if (!delta.empty()) send_delta(std::move(delta), nullptr);
  if (!passes) refuse(FinalAction::kBlock);
}

bool StreamGuard::flush_calls(Json& delta_out) {
  Json calls = Json::array();
  for (auto& [index, call] : calls_) {
    auto arguments = guard_arguments(*policy_, call.arguments, outcome_);
    if (!arguments) return false;
    call.head["index"] = index;
    call.head["function"]["arguments"] = *std::move(arguments);
    calls.push_back(std::move(call.head));
  }
  if (!calls.empty()) delta_out["tool_calls"] = std::move(calls);
  if (function_.head.is_null() && function_.arguments.empty()) return true;
  auto arguments = guard_arguments(*policy_, function_.arguments, outcome_);
  if (!arguments) return false;
  function_.head["function"]["arguments"] = *std::move(arguments);
  delta_out["function_call"] = function_.head["function"];
  return true;
}

void StreamGuard::send(Json chunk) {
  out_ += codec::render_sse(codec::render_json(chunk));
}

void StreamGuard::send_delta(Json delta, Json finish_reason) {
  if (delta.empty() && finish_reason.is_null()) return;
  Json chunk = envelope_;
  chunk["choices"] = Json::array({{{"index", 0},
                                   {"delta", std::move(delta)},
                                   {"logprobs", nullptr},
                                   {"finish_reason", std::move(finish_reason)}}});
  send(std::move(chunk));
}

void StreamGuard::refuse(FinalAction why) {
  if (done_) return;
  outcome_.raise(why);
  send_delta({{"content", policy_->block_message}}, nullptr);
  send_delta(Json::object(), "content_filter");
  out_ += kDone;
  done_ = refused_ = true;
}

}  // namespace rage::guardrails
