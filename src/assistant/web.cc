// What the page asks: the demo's shapes (camelCase, {"error"}) around the agent's.
#include "assistant/web.h"

#include <algorithm>
#include <string_view>

#include "assistant/detail/path_segment.h"
#include "assistant/detail/web_pages.h"
#include "assistant/message.h"
#include "codec/json.h"
#include "codec/uri.h"

namespace rage::assistant {
namespace {

using detail::is_segment;

using codec::Json;
using net::HttpRequest;
using net::HttpResponse;

constexpr std::string_view kHistory = "/api/chat/history/";
constexpr std::string_view kSessions = "/api/sessions";
constexpr std::string_view kExport = "/export";
constexpr std::string_view kOperator = "/api/operator/";
// The agent's, below /api.
constexpr std::string_view kReadOnly[] = {"/api/models", "/api/schedule", "/api/calendar"};

HttpResponse error_reply(int status, Json error) {
  return HttpResponse::json(status, codec::render_json({{"error", std::move(error)}}));
}

// {"error": the agent's detail}, its plain words and code beside it; FastAPI's list as it is.
HttpResponse failure(const HttpResponse& reply, std::string_view otherwise) {
  Json body = {{"error", otherwise}};
  if (const auto parsed = codec::parse_json(reply.body); parsed && parsed->is_object()) {
    if (const Json* detail = codec::find_key(*parsed, "detail")) body["error"] = *detail;
    if (const Json* words = codec::find_key(*parsed, "message")) body["message"] = *words;
    if (const Json* code = codec::find_key(*parsed, "error_code")) body["errorCode"] = *code;
    if (const Json* session = codec::find_key(*parsed, "session_id")) body["sessionId"] = *session;
  }
  return HttpResponse::json(reply.status, codec::render_json(body));
}

// Keeps what an agent answers in one piece.
class WholeReply final : public net::ResponseWriter {
 public:
  Result<void> send(HttpResponse response) override {
    reply = std::move(response);
    return {};
  }
  Result<void> begin(int, net::Headers) override {
    return fail(ErrorCode::kInternal, "a stream where a whole reply was asked for");
  }
  Result<void> write(std::string_view) override { return fail(ErrorCode::kCancelled, "no stream"); }
  void abort() override {}
  HttpResponse reply{.status = 500, .headers = {}, .body = {}};
};

// A stream goes through as it comes; a refusal gets the page's shape.
class StreamReply final : public net::ResponseWriter {
 public:
  explicit StreamReply(net::ResponseWriter& writer) : writer_(writer) {}
  Result<void> send(HttpResponse response) override {
    if (response.status < 400) return writer_.send(std::move(response));
    return writer_.send(failure(response, "Failed to send message"));
  }
  Result<void> begin(int status, net::Headers headers) override {
    return writer_.begin(status, std::move(headers));
  }
  Result<void> write(std::string_view bytes) override { return writer_.write(bytes); }
  void abort() override { writer_.abort(); }

 private:
  net::ResponseWriter& writer_;
};

// A falsy session is none, as in JavaScript.
Json string_or_null(const Json& body, std::string_view key) {
  const std::string text = codec::string_or(body, key, "");
  return text.empty() ? Json(nullptr) : Json(text);
}

bool is_true(const Json& body, std::string_view key) {
  const Json* value = codec::find_key(body, key);
  return value != nullptr && value->is_boolean() && value->get<bool>();
}

bool is_missing(const Json* message) {
  return message == nullptr || message->is_null() ||
         (message->is_string() && message->get<std::string>().empty());
}

Json page_message(const Json& entry, const std::string& now) {
  Json message = {{"role", codec::string_or(entry, "role", "")},
                  {"content", codec::string_or(entry, "content", "")},
                  {"timestamp", codec::string_or(entry, "timestamp", now)}};
  if (const Json* name = codec::find_key(entry, "agent_name")) message["agentName"] = *name;
  return message;
}

// A page elsewhere must not speak in the name of who reads it.
bool is_cross_site(const HttpRequest& request) {
  return request.method != "GET" && request.headers.find("sec-fetch-site") == "cross-site";
}

bool is_sessions_path(std::string_view path) {
  if (!path.starts_with(kSessions)) return false;
  path.remove_prefix(kSessions.size());
  if (path.empty()) return true;
  if (!path.starts_with('/')) return false;
  path.remove_prefix(1);
  if (path.ends_with(kExport)) path.remove_suffix(kExport.size());
  return is_segment(path);
}

}  // namespace

struct WebService::Call {
  const Context& context;
  const HttpRequest& request;
  net::ResponseWriter& writer;
};

bool WebService::serves(const HttpRequest& request) const {
  if (!options_.beside_agent) return true;
  return is_page_request(request, options_) || request.path.starts_with("/api/");
}

void WebService::handle(const Context& context, const HttpRequest& request,
                        net::ResponseWriter& writer) const {
  if (!request.path.starts_with("/api/")) {
    (void)writer.send(answer_page(request, options_));
    return;
  }
  if (is_cross_site(request)) {
    (void)writer.send(error_reply(403, "Requests of other sites are refused"));
    return;
  }
  api({.context = context, .request = request, .writer = writer});
}

void WebService::api(const Call& call) const {
  const std::string_view path = call.request.path;
  const std::string_view method = call.request.method;
  if (path == "/api/chat" || path == "/api/chat/stream") {
    if (method == "POST") return chat(call, path.ends_with("/stream"));
  } else if (path.starts_with(kHistory) && is_segment(path.substr(kHistory.size()))) {
    if (method == "GET") return (void)call.writer.send(history(call));
  } else if (is_sessions_path(path)) {
    return pass_on(call);
  } else if (path == "/api/config") {
    if (method == "GET") return (void)call.writer.send(config(call));
  } else if (std::ranges::find(kReadOnly, path) != std::end(kReadOnly)) {
    if (method == "GET") return pass_on(call);
  } else if (options_.desk != nullptr && path.starts_with(kOperator)) {
    return (void)call.writer.send(options_.desk->handle(call.context, call.request));
  } else {
    return (void)call.writer.send(error_reply(404, "Not Found"));
  }
  (void)call.writer.send(error_reply(405, "Method Not Allowed"));
}

HttpResponse WebService::ask(const Call& call, const HttpRequest& request) const {
  WholeReply whole;
  agent_(call.context, request, whole);
  return std::move(whole.reply);
}

void WebService::chat(const Call& call, bool stream) const {
  const auto body = codec::parse_json(call.request.body);
  if (!body || !body->is_object()) {
    return (void)call.writer.send(error_reply(500, "Failed to send message"));
  }
  const Json* message = codec::find_key(*body, "message");
  const bool retry = is_true(*body, "retry");
  if (is_missing(message) && !retry) {
    return (void)call.writer.send(error_reply(400, "Message is required"));
  }
  Json question = {{"session_id", string_or_null(*body, "sessionId")},
                   {"agent_id", string_or_null(*body, "agentId")}};
  if (!is_missing(message)) question["message"] = *message;
  if (retry) question["retry"] = true;
  if (const Json* mode = codec::find_key(*body, "mode")) question["mode"] = *mode;
  HttpRequest asked{.method = "POST",
                    .path = stream ? "/chat/stream" : "/chat",
                    .query = {},
                    .headers = {{"content-type", "application/json"}},
                    .body = codec::render_json(question)};
  if (stream) {
    StreamReply passing(call.writer);
    return agent_(call.context, asked, passing);
  }
  const HttpResponse reply = ask(call, asked);
  const auto answer = codec::parse_json(reply.body);
  if (reply.status >= 400) {
    return (void)call.writer.send(failure(reply, "Failed to send message"));
  }
  if (!answer) return (void)call.writer.send(error_reply(500, "Failed to send message"));
  const Json shown = {{"message", codec::string_or(*answer, "message", "")},
                      {"agentName", codec::string_or(*answer, "agent_name", "")},
                      {"sessionId", codec::string_or(*answer, "session_id", "")}};
  (void)call.writer.send(HttpResponse::json(200, codec::render_json(shown)));
}

HttpResponse WebService::history(const Call& call) const {
  const std::string_view session = std::string_view(call.request.path).substr(kHistory.size());
  const HttpResponse reply = ask(call, {.method = "GET",
                                        .path = "/chat/history/" + std::string(session),
                                        .query = {},
                                        .headers = {},
                                        .body = {}});
  if (reply.status >= 400) return failure(reply, "Failed to load chat history");
  const auto found = codec::parse_json(reply.body);
  const Json* list = found ? codec::find_key(*found, "messages") : nullptr;
  if (list == nullptr || !list->is_array()) return error_reply(500, "Failed to load chat history");
  const std::string now = render_timestamp(clock_.wall_now());
  Json messages = Json::array();
  for (const Json& entry : *list) messages.push_back(page_message(entry, now));
  return HttpResponse::json(
      200, codec::render_json({{"messages", std::move(messages)},
                               {"sessionId", codec::string_or(*found, "session_id", "")}}));
}

// How the agent is set up, and how the page is to look. An agent that does not tell is the demo's.
HttpResponse WebService::config(const Call& call) const {
  const HttpResponse reply =
      ask(call, {.method = "GET", .path = "/config", .query = {}, .headers = {}, .body = {}});
  auto config = codec::parse_json(reply.body);
  if (reply.status != 200 || !config || !config->is_object()) config = Json::object();
  (*config)["theme"] = options_.theme.words;
  (*config)["operator"] = options_.desk != nullptr;
  return HttpResponse::json(200, codec::render_json(*config));
}

// As the agent answers them; what must not be asked is the agent's to refuse.
void WebService::pass_on(const Call& call) const {
  HttpRequest asked = call.request;
  asked.path = call.request.path.substr(std::string_view("/api").size());
  asked.headers = {};
  if (const auto type = call.request.headers.find("content-type"); !type.empty()) {
    asked.headers.set("content-type", type);
  }
  (void)call.writer.send(ask(call, asked));
}

}  // namespace rage::assistant
