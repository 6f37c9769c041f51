// Routes, and what does not belong to one session.
#include "assistant/service.h"

#include <chrono>
#include <optional>

#include "assistant/detail/service_call.h"
#include "assistant/export.h"
#include "base/strings.h"
#include "codec/uri.h"
#include "obs/log.h"
#include "text/unicode.h"

namespace rage::assistant {
namespace {

using codec::Json;
using net::HttpResponse;

constexpr std::chrono::milliseconds kCheckLimit{3000};

enum class RouteKind {
  kHealth,
  kReady,
  kMetrics,
  kConfig,
  kModels,
  kSchedule,
  kCalendar,
  kChat,
  kHistory,
  kSessions,
  kShow,
  kRename,
  kDelete,
  kExport,
};

struct KnownRoute {
  std::string_view method;
  std::string_view prefix;  // Whole path, or what comes before a session.
  bool has_session;
  std::string_view suffix;
  RouteKind kind;
};

constexpr KnownRoute kRoutes[] = {
    {"GET", "/health", false, "", RouteKind::kHealth},
    {"GET", "/ready", false, "", RouteKind::kReady},
    {"GET", "/metrics", false, "", RouteKind::kMetrics},
    {"GET", "/config", false, "", RouteKind::kConfig},
    {"GET", "/models", false, "", RouteKind::kModels},
    {"GET", "/schedule", false, "", RouteKind::kSchedule},
    {"GET", "/calendar", false, "", RouteKind::kCalendar},
    {"POST", "/chat", false, "", RouteKind::kChat},
    {"POST", "/chat/stream", false, "", RouteKind::kChat},
    {"GET", "/chat/history/", true, "", RouteKind::kHistory},
    {"GET", "/sessions", false, "", RouteKind::kSessions},
    {"GET", "/sessions/", true, "", RouteKind::kShow},
    {"PATCH", "/sessions/", true, "", RouteKind::kRename},
    {"DELETE", "/sessions/", true, "", RouteKind::kDelete},
    {"GET", "/sessions/", true, "/export", RouteKind::kExport},
};

// The session in `path`, if it has the route's shape; empty for routes without one.
std::optional<std::string> match(const KnownRoute& route, std::string_view path) {
  if (!route.has_session) {
    return path == route.prefix ? std::optional<std::string>("") : std::nullopt;
  }
  if (!path.starts_with(route.prefix) || !path.ends_with(route.suffix)) return std::nullopt;
  if (path.size() <= route.prefix.size() + route.suffix.size()) return std::nullopt;
  const std::string_view part =
      path.substr(route.prefix.size(), path.size() - route.prefix.size() - route.suffix.size());
  if (part.find('/') != std::string_view::npos) return std::nullopt;
  auto session = codec::percent_decode(part);
  if (!session || !text::is_valid_utf8(*session)) return std::nullopt;
  return session;
}

bool is_about_the_service(RouteKind kind) {
  return kind == RouteKind::kHealth || kind == RouteKind::kReady || kind == RouteKind::kMetrics ||
         kind == RouteKind::kConfig;
}

// Puts what CORS asks for on whatever is answered.
class CorsWriter final : public net::ResponseWriter {
 public:
  CorsWriter(net::ResponseWriter& writer, std::vector<std::pair<std::string, std::string>> headers)
      : writer_(writer), headers_(std::move(headers)) {}
  Result<void> send(HttpResponse response) override {
    add_to(response.headers);
    return writer_.send(std::move(response));
  }
  Result<void> begin(int status, net::Headers headers) override {
    add_to(headers);
    return writer_.begin(status, std::move(headers));
  }
  Result<void> write(std::string_view bytes) override { return writer_.write(bytes); }
  void abort() override { writer_.abort(); }

 private:
  void add_to(net::Headers& headers) const {
    for (const auto& [name, value] : headers_) headers.add(name, value);
  }
  net::ResponseWriter& writer_;
  const std::vector<std::pair<std::string, std::string>> headers_;
};

Json check_json(const Result<void>& outcome) {
  if (outcome) return {{"ok", true}};
  return {{"ok", false}, {"error", outcome.error().message}};
}

}  // namespace

std::string route_template(const net::HttpRequest& request) {
  constexpr std::string_view kApi = "/api";
  constexpr std::string_view kOperator = "/api/operator/";
  std::string_view path = request.path;
  if (path.starts_with(kOperator)) return std::string(kOperator);
  const bool is_page = path.starts_with("/api/");
  if (is_page) path.remove_prefix(kApi.size());
  for (const KnownRoute& known : kRoutes) {
    if (known.method != request.method || !match(known, path)) continue;
    if (is_about_the_service(known.kind)) return {};
    return std::string(is_page ? kApi : "") + std::string(known.prefix) +
           (known.has_session ? "{session}" : "") + std::string(known.suffix);
  }
  return {};
}

struct AssistantService::Route {
  RouteKind kind = RouteKind::kHealth;
  std::string session;
};

HttpResponse not_initialized() {
  return detail_response(503, "Agent not initialized");
}

void AssistantService::handle(const Context& context, const net::HttpRequest& request,
                              net::ResponseWriter& writer) {
  if (auto preflight = answer_preflight(options_.cors, request)) {
    (void)writer.send(*std::move(preflight));
    return;
  }
  CorsWriter answering(writer, cors_headers(options_.cors, request));
  const Call call{.context = context, .request = request, .writer = answering};
  std::string allowed;
  for (const KnownRoute& known : kRoutes) {
    auto session = match(known, request.path);
    if (!session) continue;
    if (known.method != request.method) {
      allowed += (allowed.empty() ? "" : ", ") + std::string(known.method);
      continue;
    }
    if (known.kind == RouteKind::kChat) {
      metrics_.request(chat(call));
      return;
    }
    HttpResponse response = answer(call, {.kind = known.kind, .session = *std::move(session)});
    metrics_.request(response.status);
    (void)answering.send(std::move(response));
    return;
  }
  HttpResponse refusal = allowed.empty() ? detail_response(404, "Not Found")
                                         : detail_response(405, "Method Not Allowed");
  if (!allowed.empty()) refusal.headers.set("allow", allowed);
  metrics_.request(refusal.status);
  (void)answering.send(std::move(refusal));
}

HttpResponse AssistantService::answer(const Call& call, const Route& route) {
  switch (route.kind) {
    case RouteKind::kHealth:
      return HttpResponse::json(200, R"({"status":"healthy","service":"agent-service"})");
    case RouteKind::kReady:
      return ready(call);
    case RouteKind::kMetrics:
      return {.status = 200,
              .headers = {{"content-type", std::string(obs::kMetricsContentType)}},
              .body = registry_.render()};
    case RouteKind::kConfig:
      return show_config();
    case RouteKind::kModels:
      return models(call);
    case RouteKind::kSchedule:
      return schedule(call);
    case RouteKind::kCalendar:
      return calendar(call);
    case RouteKind::kHistory:
      return history(route.session);
    case RouteKind::kSessions:
      return list_sessions(call);
    case RouteKind::kShow:
      return show_session(route.session);
    case RouteKind::kRename:
      return rename_session(call, route.session);
    case RouteKind::kDelete:
      return delete_session(route.session);
    case RouteKind::kExport:
      return export_session(call, route.session);
    case RouteKind::kChat:
      break;  // May be a stream; handle() sends it to chat().
  }
  return detail_response(404, "Not Found");
}

HttpResponse AssistantService::ready(const Call& call) {
  const auto store = store_.check(Context::with_timeout(kCheckLimit));
  if (store) turns_.save_unsaved();
  const auto upstream = upstream_.check(call.context, kCheckLimit);
  const bool well = store && upstream;
  return json_response(
      well ? 200 : 503,
      {{"status", well ? "ready" : "not ready"},
       {"checks", {{"history", check_json(store)}, {"upstream", check_json(upstream)}}}});
}

}  // namespace rage::assistant
