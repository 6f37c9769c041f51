#include "ragserver/service.h"

#include <chrono>
#include <optional>

#include "obs/log.h"
#include "ragserver/docs_page.h"
#include "ragserver/guarded_writer.h"
#include "ragserver/openapi.h"
#include "ragserver/responses.h"

namespace rage::ragserver {
namespace {

using net::HttpResponse;

constexpr auto kReadyLimit = std::chrono::milliseconds(1'500);

// Gives back what try_enter() took, however the request ends.
class Leaving final {
 public:
  explicit Leaving(SlowRequests* slow) : slow_(slow) {}
  ~Leaving() {
    if (slow_ != nullptr) slow_->leave();
  }
  Leaving(const Leaving&) = delete;
  Leaving& operator=(const Leaving&) = delete;

 private:
  SlowRequests* slow_;
};

Error too_many(std::size_t at_once_max) {
  return {.code = ErrorCode::kResourceExhausted,
          .message = fmt::format("{} requests that may take long are being served; try again",
                                 at_once_max),
          .retry_after = std::chrono::milliseconds(1'000)};
}

// The operation whose counters a request belongs to; none for those that are not counted.
std::optional<Operation> operation_of(RouteKind kind) {
  switch (kind) {
    case RouteKind::kIndex:
      return Operation::kIndex;
    case RouteKind::kIndexes:
      return Operation::kIndexes;
    case RouteKind::kDeleteIndex:
      return Operation::kDeleteIndex;
    case RouteKind::kListDocuments:
      return Operation::kListDocuments;
    case RouteKind::kUpdateDocuments:
      return Operation::kUpdateDocuments;
    case RouteKind::kDeleteDocuments:
      return Operation::kDeleteDocuments;
    case RouteKind::kPersist:
      return Operation::kPersist;
    case RouteKind::kLoad:
      return Operation::kLoad;
    case RouteKind::kRetrieve:
      return Operation::kRetrieve;
    case RouteKind::kChat:
      return Operation::kChat;
    case RouteKind::kHealth:
    case RouteKind::kReady:
    case RouteKind::kMetrics:
    case RouteKind::kOpenApi:
    case RouteKind::kDocs:
    case RouteKind::kModels:
    case RouteKind::kEmbeddings:
    case RouteKind::kRerank:
    case RouteKind::kReadSettings:
    case RouteKind::kWriteSettings:
    case RouteKind::kAnswers:
    case RouteKind::kAnswer:
    case RouteKind::kGuardrails:
    case RouteKind::kReindex:
      return std::nullopt;
  }
  return std::nullopt;
}

ChatOptions chat_options(const RagServiceOptions& options) {
  ChatOptions chat = options.chat;
  chat.top_k_max = static_cast<std::size_t>(options.top_k_max);
  return chat;
}

// What a request without a route gets: 404, 405, or 307 to the same path without its last slash.
HttpResponse refuse(const net::HttpRequest& request, const std::string& allow) {
  if (!allow.empty()) {
    HttpResponse response = render_error(405, "Method Not Allowed");
    response.headers.set("allow", allow);
    return response;
  }
  if (request.path.size() > 1 && request.path.ends_with('/')) {
    net::HttpRequest shorter{
        .method = request.method, .path = request.path, .query = {}, .headers = {}, .body = {}};
    shorter.path.pop_back();
    if (find_route(shorter).route) {
      if (!request.query.empty()) shorter.path += "?" + request.query;
      return {.status = 307, .headers = {{"location", shorter.path}}, .body = {}};
    }
  }
  return render_error(404, "Not Found");
}

}  // namespace

bool may_take_long(RouteKind kind) {
  return kind == RouteKind::kChat || kind == RouteKind::kIndex || kind == RouteKind::kLoad ||
         kind == RouteKind::kUpdateDocuments || kind == RouteKind::kPersist ||
         kind == RouteKind::kReindex;
}

RagService::RagService(rag::Collections& collections, llm::LlmClient* llm,
                       const RagServiceOptions& options)
    : collections_(collections),
      llm_(llm),
      options_(options),
      access_(options.api_keys, clock_),
      slow_(options.slow_requests_max),
      chat_(collections, llm, chat_options(options)) {}

RagService::~RagService() = default;

void RagService::handle(const Context& context, const net::HttpRequest& request,
                        net::ResponseWriter& writer) {
  const auto [route, allow] = find_route(request);
  if (!route) {
    (void)writer.send(refuse(request, allow));
    return;
  }
  const Scope scope = scope_of(route->kind);
  const Result<std::string> caller = access_.admit(request, scope);
  if (!caller) {
    HttpResponse response = render_error(caller.error());
    if (response.status == 401) response.headers.set("www-authenticate", "Bearer");
    (void)writer.send(std::move(response));
    return;
  }
  const bool slow = may_take_long(route->kind);
  if (slow && !slow_.try_enter()) {
    (void)writer.send(render_error(too_many(slow_.at_once_max())));
    return;
  }
  const Leaving leaving(slow ? &slow_ : nullptr);
  const int status = serve({.context = context, .request = request}, *route, writer);
  if (options_.audit && (scope == Scope::kWrite || scope == Scope::kAdmin)) {
    obs::log().info("audit", {{"caller", *caller},
                              {"method", request.method},
                              {"path", request.path},
                              {"status", status}});
  }
  if (status >= 500 &&
      status != 503) {  // 503 says "not now" or "not configured"; nothing is broken.
    obs::log().error("request failed",
                     {{"method", request.method}, {"path", request.path}, {"status", status}});
  }
}

int RagService::serve(const Call& call, const Route& route, net::ResponseWriter& writer) {
  const std::optional<Operation> operation = operation_of(route.kind);
  const auto started = std::chrono::steady_clock::now();
  if (operation) metrics_.started();
  int status = 200;
  if (route.kind == RouteKind::kChat) {
    GuardedWriter guarded(options_.guardrails, writer);
    status = guarded.finish(chat_.handle(call.context, call.request, guarded));
  } else if (route.kind == RouteKind::kReindex) {
    status = reindex(call, route.name, writer);
  } else {
    HttpResponse response = answer(call, route);
    status = response.status;
    (void)writer.send(std::move(response));
  }
  if (operation) {
    metrics_.finished(*operation, status, std::chrono::steady_clock::now() - started);
  }
  return status;
}

// Models and indexes are loaded once this service exists (warm_up.h); an embedder elsewhere is
// asked whether it still answers. What could not be opened does not keep the rest from serving, and
// is named.
HttpResponse RagService::report_ready(const Call& call) {
  Context brief = call.context;
  brief.deadline = std::chrono::steady_clock::now() + call.context.remaining(kReadyLimit);
  if (const auto ready = collections_.embedder().ready(brief); !ready) {
    return HttpResponse::json(503, codec::render_json({{"status", "NotReady"},
                                                       {"detail", ready.error().message},
                                                       {"stages", options_.start_stages}}));
  }
  const std::string ours(collections_.embedder().id());
  codec::Json unavailable = codec::Json::array();
  codec::Json outdated = codec::Json::array();  // Served, and `rage reindex` would change them.
  const auto names = collections_.names();
  if (!names) return render_error(names.error());  // Nothing can be answered at the moment.
  for (const std::string& name : *names) {
    const auto collection = collections_.find(name);
    if (!collection) {
      unavailable.push_back({{"index", name}, {"error", collection.error().message}});
    } else if ((*collection)->embedder().id != ours) {
      outdated.push_back({{"index", name}, {"embedder", (*collection)->embedder().id}});
    }
  }
  return json_ok({{"status", "Ready"},
                  {"indexes", names->size() - unavailable.size()},
                  {"unavailable", unavailable},
                  {"outdated", outdated},
                  {"embedder", ours},
                  {"stages", options_.start_stages}});
}

HttpResponse RagService::answer(const Call& call, const Route& route) {
  switch (route.kind) {
    case RouteKind::kHealth:
      return health();
    case RouteKind::kReady:
      return report_ready(call);
    case RouteKind::kMetrics:
      return {.status = 200,
              .headers = {{"content-type", "text/plain; version=0.0.4; charset=utf-8"}},
              .body = render_metrics()};
    case RouteKind::kOpenApi:
      return json_ok(openapi_document(options_.top_k_max));
    case RouteKind::kDocs:
      return docs_page(openapi_document(options_.top_k_max));
    case RouteKind::kIndex:
      return create_index(call);
    case RouteKind::kIndexes:
      return list_indexes();
    case RouteKind::kDeleteIndex:
      return delete_index(route.name);
    case RouteKind::kListDocuments:
      return list_documents(call, route.name);
    case RouteKind::kUpdateDocuments:
      return update_documents(call, route.name);
    case RouteKind::kDeleteDocuments:
      return delete_documents(call, route.name);
    case RouteKind::kPersist:
      return persist_index(call, route.name);
    case RouteKind::kLoad:
      return load_index(call, route.name);
    case RouteKind::kRetrieve:
      return retrieve(call);
    case RouteKind::kModels:
      return list_models(call);
    case RouteKind::kEmbeddings:
      return embed(call);
    case RouteKind::kRerank:
      return rerank(call);
    case RouteKind::kReadSettings:
      return read_settings(route.name);
    case RouteKind::kWriteSettings:
      return write_settings(call, route.name);
    case RouteKind::kAnswers:
      return list_answers();
    case RouteKind::kAnswer:
      return explain_answer(route.name);
    case RouteKind::kGuardrails:
      return describe_guardrails();
    case RouteKind::kChat:
    case RouteKind::kReindex:
      break;  // They stream; serve() sends them elsewhere.
  }
  return render_error(404, "Not Found");
}

}  // namespace rage::ragserver
