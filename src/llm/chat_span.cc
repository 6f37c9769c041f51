#include "llm/chat_span.h"

#include <utility>
#include <vector>

#include "base/strings.h"

namespace rage::llm {
namespace {

using codec::Json;

std::string name_of(const Json& body) {
  const std::string model = codec::string_or(body, "model", "");
  return model.empty() ? "chat" : "chat " + model;
}

// "http://user@host:8000/v1" as server.address and server.port.
void set_server(obs::Span& span, std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return;
  const std::size_t host_at = scheme + 3;
  std::string_view host = url.substr(host_at, url.find_first_of("/?#", host_at) - host_at);
  if (const std::size_t user = host.rfind('@'); user != std::string_view::npos) {
    host.remove_prefix(user + 1);
  }
  const std::size_t colon = host.rfind(':');
  const bool has_port = colon != std::string_view::npos && host.find(']', colon) == host.npos;
  span.set("server.address", host.substr(0, has_port ? colon : host.size()));
  const auto port = has_port ? parse_uint(host.substr(colon + 1)) : std::nullopt;
  span.set("server.port", port.value_or(url.starts_with("https") ? 443 : 80));
}

void set_number(obs::Span& span, std::string_view key, const Json& object, std::string_view name) {
  const Json* value = codec::find_key(object, name);
  if (value == nullptr) return;
  if (value->is_number_integer()) span.set(key, value->get<std::int64_t>());
  if (value->is_number_float()) span.set(key, value->get<double>());
}

Json part_of(std::string text) {
  return Json::array({{{"type", "text"}, {"content", std::move(text)}}});
}

// As the conventions have messages: a role and parts.
std::string input_messages(const Json& body) {
  Json messages = Json::array();
  const Json* given = codec::find_key(body, "messages");
  if (given == nullptr || !given->is_array()) return "[]";
  for (const Json& message : *given) {
    messages.push_back({{"role", codec::string_or(message, "role", "")},
                        {"parts", part_of(codec::string_or(message, "content", ""))}});
  }
  return codec::render_json(messages);
}

}  // namespace

ChatSpan::ChatSpan(const Json& body, std::string_view url)
    : span_(name_of(body), obs::SpanKind::kClient) {
  if (!span_->is_recorded()) return;
  span_->set("gen_ai.operation.name", "chat");
  span_->set("gen_ai.provider.name", "openai");  // Whose protocol it is.
  span_->set("gen_ai.request.model", codec::string_or(body, "model", ""));
  set_number(*span_, "gen_ai.request.max_tokens", body, "max_completion_tokens");
  set_number(*span_, "gen_ai.request.max_tokens", body, "max_tokens");
  set_number(*span_, "gen_ai.request.temperature", body, "temperature");
  set_number(*span_, "gen_ai.request.top_p", body, "top_p");
  set_server(*span_, url);
  if (span_->captures_content()) span_->set("gen_ai.input.messages", input_messages(body));
}

void ChatSpan::take(const Json& reply) {
  if (!span_->is_recorded()) return;
  if (const std::string model = codec::string_or(reply, "model", ""); !model.empty()) {
    span_->set("gen_ai.response.model", model);
  }
  if (const std::string id = codec::string_or(reply, "id", ""); !id.empty()) {
    span_->set("gen_ai.response.id", id);
  }
  if (const Json* usage = codec::find_key(reply, "usage")) {
    set_number(*span_, "gen_ai.usage.input_tokens", *usage, "prompt_tokens");
    set_number(*span_, "gen_ai.usage.output_tokens", *usage, "completion_tokens");
  }
  const Json* choices = codec::find_key(reply, "choices");
  if (choices == nullptr || !choices->is_array() || choices->empty()) return;
  take_choice((*choices)[0]);
}

void ChatSpan::take_choice(const Json& choice) {
  if (const std::string reason = codec::string_or(choice, "finish_reason", ""); !reason.empty()) {
    span_->set("gen_ai.response.finish_reasons", std::vector<std::string>{reason});
  }
  const Json* said = codec::find_key(choice, "delta");
  const bool streams = said != nullptr;
  if (!streams) said = codec::find_key(choice, "message");
  const std::string text = said == nullptr ? "" : codec::string_or(*said, "content", "");
  streams ? hear_piece(text) : hear(text);
}

void ChatSpan::hear_piece(std::string_view text) {
  if (text.empty() || !span_->is_recorded()) return;
  if (!std::exchange(has_text_, true)) {
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began_;
    span_->set("gen_ai.response.time_to_first_chunk", took.count());
  }
  hear(text);
}

void ChatSpan::hear(std::string_view text) {
  if (!span_->captures_content() || text_.size() >= obs::Span::kTextBytesMax) return;
  text_ += text;
}

void ChatSpan::close(const Error* error) {
  if (!span_->is_recorded()) return;
  if (!text_.empty()) {
    const Json messages =
        Json::array({{{"role", "assistant"}, {"parts", part_of(std::move(text_))}}});
    span_->set("gen_ai.output.messages", codec::render_json(messages));
  }
  if (error != nullptr) span_->fail(rage::name_of(error->code));
  span_->end();
}

}  // namespace rage::llm
