#include "cli/rag_client.h"

#include "base/strings.h"
#include "codec/sse.h"

namespace rage::cli {
namespace {

using codec::Json;

constexpr std::size_t kReplyTextBytesMax = 65'536;

// {"detail": "..."} or {"detail": [{"msg": ...}]} or whatever came.
std::string detail_of(const std::string& body) {
  const auto parsed = codec::parse_json(body);
  const Json* detail = parsed ? codec::find_key(*parsed, "detail") : nullptr;
  if (detail == nullptr) return body;
  if (detail->is_string()) return detail->get<std::string>();
  if (detail->is_array() && !detail->empty()) {
    return codec::string_or((*detail)[0], "msg", "invalid request") + " at " +
           codec::render_json((*detail)[0].value("loc", Json::array()));
  }
  return codec::render_json(*detail);
}

ErrorCode code_of(int status) {
  if (status == 404) return ErrorCode::kNotFound;
  if (status == 429 || status == 413) return ErrorCode::kResourceExhausted;
  return status >= 500 ? ErrorCode::kUnavailable : ErrorCode::kInvalidArgument;
}

Error refusal(int status, const std::string& body) {
  Error error{.code = code_of(status),
              .message = fmt::format("the service answered {}: {}", status, detail_of(body))};
  if (status == 401) error.message += " Give a key with --api-key or RAGE_API_KEY.";
  return error;
}

Result<Json> parse_reply(const net::HttpResponse& reply) {
  if (reply.status / 100 != 2) return fail(refusal(reply.status, reply.body));
  return codec::parse_json(reply.body);
}

}  // namespace

Error RagClient::explain(Error error) const {
  if (error.code != ErrorCode::kUnavailable) return error;
  error.message = fmt::format(
      "no RAG service at {} ({}). Start one with `rage up --detach`, or name another with --server "
      "URL",
      options_.base_url, error.message);
  return error;
}

net::ClientRequest RagClient::request(const char* method, const std::string& path) const {
  net::ClientRequest request{
      .method = method, .url = options_.base_url + path, .tls = options_.tls};
  if (!options_.api_key.empty()) {
    request.headers.set("authorization", "Bearer " + options_.api_key);
  }
  return request;
}

Result<Json> RagClient::get(const Context& context, const std::string& path) {
  const auto reply = transport_.fetch(context, request("GET", path));
  if (!reply) return fail(explain(reply.error()));
  return parse_reply(*reply);
}

Result<Json> RagClient::post(const Context& context, const std::string& path, const Json& body) {
  net::ClientRequest post = request("POST", path);
  post.headers.set("content-type", "application/json");
  post.body = codec::render_json(body);
  const auto reply = transport_.fetch(context, post);
  if (!reply) return fail(explain(reply.error()));
  return parse_reply(*reply);
}

Result<void> RagClient::remove(const Context& context, const std::string& path) {
  const auto reply = transport_.fetch(context, request("DELETE", path));
  if (!reply) return fail(explain(reply.error()));
  if (reply->status == 204) return {};
  RETURN_IF_ERROR(parse_reply(*reply));
  return {};
}

Result<void> RagClient::stream_lines(const Context& context, const std::string& path,
                                     std::chrono::milliseconds silence_max,
                                     const std::function<void(const Json& line)>& on_line) {
  net::ClientRequest post = request("POST", path);
  post.idle_timeout = silence_max;
  int status = 200;
  std::string text;  // Not yet a whole line; of an error, its body.
  const auto on_head = [&](const net::HttpResponse& head) {
    status = head.status;
    return true;
  };
  const auto on_bytes = [&](std::string_view bytes) {
    text.append(bytes);
    if (status != 200) return text.size() <= kReplyTextBytesMax;
    for (std::size_t end; (end = text.find('\n')) != std::string::npos; text.erase(0, end + 1)) {
      if (const auto line = codec::parse_json(std::string_view(text).substr(0, end))) {
        on_line(*line);
      }
    }
    return text.size() <= kReplyTextBytesMax;
  };
  const auto streamed = transport_.stream(context, post, on_head, on_bytes);
  if (!streamed) return fail(explain(streamed.error()));
  if (status != 200) return fail(refusal(status, text));
  return {};
}

Result<void> RagClient::stream_events(const Context& context, const std::string& path,
                                      const Json& body,
                                      const std::function<void(const codec::SseEvent&)>& on_event) {
  net::ClientRequest post = request("POST", path);
  post.headers.set("content-type", "application/json");
  post.body = codec::render_json(body);
  int status = 200;
  std::string error_body;
  codec::SseParser parser;
  Result<void> parsed;
  const auto on_head = [&](const net::HttpResponse& head) {
    status = head.status;
    return true;
  };
  const auto on_bytes = [&](std::string_view bytes) {
    if (status != 200) {
      error_body.append(bytes.substr(0, 65536 - std::min<std::size_t>(error_body.size(), 65536)));
      return true;
    }
    parsed = parser.feed(bytes, on_event);
    return parsed.has_value();
  };
  const auto streamed = transport_.stream(context, post, on_head, on_bytes);
  if (!streamed) return fail(explain(streamed.error()));
  if (status != 200) return fail(refusal(status, error_body));
  return parsed;
}

Result<void> RagClient::stream_chat(const Context& context, Json body,
                                    const std::function<void(const Json& chunk)>& on_chunk) {
  body["stream"] = true;
  return stream_events(context, "/v1/chat/completions", body, [&](const codec::SseEvent& event) {
    if (event.data == "[DONE]") return;
    if (const auto chunk = codec::parse_json(event.data)) on_chunk(*chunk);
  });
}

}  // namespace rage::cli
