#include "llm/upstream_error.h"

#include <algorithm>

#include "base/strings.h"
#include "llm/openai_client.h"
#include "llm/upstream_status.h"
#include "net/retry_after.h"

namespace rage::llm {
namespace {

constexpr std::size_t kTextBytesMax = 2'000;
constexpr std::string_view kAnswered = "the model server answered ";

ErrorCode code_of(int status) {
  switch (status) {
    case 401:
      return ErrorCode::kUnauthenticated;
    case 404:
      return ErrorCode::kNotFound;
    case 429:
      return ErrorCode::kResourceExhausted;
    default:
      return status >= 400 && status < 500 ? ErrorCode::kInvalidArgument : ErrorCode::kUnavailable;
  }
}

// Cut between characters; what is no UTF-8 becomes U+FFFD.
std::string bounded_text(std::string_view text) {
  text = trim(text);
  std::size_t end = std::min(text.size(), kTextBytesMax);
  const auto continues = [&](std::size_t at) {
    return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80;
  };
  for (int back = 0; back < 3 && end > 0 && continues(end); ++back) --end;
  // Rendering repairs the encoding; parsing gives the text back without its quotes.
  const auto repaired = codec::parse_json(codec::render_json(codec::Json(text.substr(0, end))));
  return repaired ? repaired->get<std::string>() : std::string();
}

std::string text_of(const codec::Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (const codec::Json* message = codec::find_key(value, "message")) return text_of(*message);
  return value.is_null() ? std::string() : codec::render_json(value);
}

std::string text_in(const codec::Json& body) {
  for (const std::string_view key : {"error", "detail", "message"}) {
    const codec::Json* value = codec::find_key(body, key);
    if (value == nullptr) continue;
    if (std::string text = text_of(*value); !text.empty()) return text;
  }
  return {};
}

}  // namespace

std::string extract_error_text(int status, std::string_view body) {
  std::string text;
  if (const auto json = codec::parse_json(body)) text = text_in(*json);
  text = bounded_text(text.empty() ? body : std::string_view(text));
  return text.empty() ? fmt::format("HTTP {} {}", status, net::reason_phrase(status)) : text;
}

std::optional<int> upstream_status(const Error& error) {
  if (!error.detail.starts_with(kAnswered)) return std::nullopt;
  const auto status = parse_uint(std::string_view(error.detail).substr(kAnswered.size()));
  if (!status || *status < 400 || *status > 599) return std::nullopt;
  return static_cast<int>(*status);
}

Error upstream_error(const net::HttpResponse& reply) {
  return {.code = code_of(reply.status),
          .message = extract_error_text(reply.status, reply.body),
          .detail = fmt::format("{}{}", kAnswered, reply.status),
          .retry_after = net::retry_after(reply.headers)};
}

std::optional<Error> find_error_in(const codec::Json& reply) {
  const codec::Json* error = codec::find_key(reply, "error");
  if (error == nullptr || error->is_null()) return std::nullopt;
  const double code = codec::number_or(*error, "code", codec::number_or(reply, "code", 0));
  const bool is_status = code >= 400 && code < 600;
  std::string text = bounded_text(text_of(*error));
  return Error{
      .code = is_status ? code_of(static_cast<int>(code)) : ErrorCode::kUnavailable,
      .message = text.empty() ? "the model server reports an error" : std::move(text),
      .detail = is_status ? fmt::format("{}{}", kAnswered, static_cast<int>(code)) : std::string()};
}

}  // namespace rage::llm
