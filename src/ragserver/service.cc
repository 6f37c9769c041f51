#include "ragserver/service.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <span>

#include "base/strings.h"
#include "codec/uri.h"
#include "obs/log.h"
#include "rag/hashes.h"
#include "ragserver/guarded_writer.h"
#include "ragserver/responses.h"
#include "ragserver/validation.h"
#include "text/unicode.h"

namespace rage::ragserver {
namespace {

using codec::Json;
using net::HttpResponse;

constexpr std::int64_t kPageMax = 100;
constexpr std::int64_t kPageDefault = 10;
constexpr std::int64_t kTextLengthDefault = 1000;  // Unicode code points.
constexpr std::int64_t kRetrieveDefault = 5;

HttpResponse json_ok(const Json& body) {
  return HttpResponse::json(200, codec::render_json(body));
}

// A document as a request carries it. doc_id, hash_value and is_truncated are echoed where KAITO
// does.
struct RequestDocument {
  std::string doc_id;
  rag::Document document;
  Json hash_value = nullptr;
  bool is_truncated = false;
};

std::optional<RequestDocument> read_document(const Json& value, const Json& loc,
                                             ValidationErrors& errors) {
  if (!value.is_object()) {
    errors.add("model_attributes_type", loc,
               "Input should be a valid dictionary or object to extract fields from", value);
    return std::nullopt;
  }
  auto text = read_string(value, loc, "text", errors);
  auto doc_id = read_optional_string(value, loc, "doc_id", "", errors);
  auto metadata = read_object(value, loc, "metadata", Json::object(), errors);
  if (!text || !doc_id || !metadata) return std::nullopt;
  // A null metadata object is none: the original fails with 500 here.
  if (metadata->is_null()) metadata = Json::object();
  RequestDocument document{
      .doc_id = *std::move(doc_id),
      .document = {.text = *std::move(text), .metadata = *std::move(metadata)}};
  if (const Json* hash = codec::find_key(value, "hash_value"); hash && hash->is_string()) {
    document.hash_value = *hash;
  }
  if (const Json* cut = codec::find_key(value, "is_truncated"); cut && cut->is_boolean()) {
    document.is_truncated = cut->get<bool>();
  }
  return document;
}

std::vector<RequestDocument> read_documents(const Json& body, ValidationErrors& errors) {
  std::vector<RequestDocument> documents;
  const Json* list = read_array(body, location({"body"}), "documents", errors);
  if (list == nullptr) return documents;
  for (std::size_t i = 0; i < list->size(); ++i) {
    auto document = read_document((*list)[i], location({"body", "documents", i}), errors);
    if (document) documents.push_back(*std::move(document));
  }
  return documents;
}

Json render_document(std::string_view doc_id, std::string_view text, const Json& metadata,
                     const Json& hash_value, bool is_truncated) {
  return {{"doc_id", doc_id},
          {"text", text},
          {"metadata", metadata},
          {"hash_value", hash_value},
          {"is_truncated", is_truncated}};
}

Json render_document(const RequestDocument& document) {
  return render_document(document.doc_id, document.document.text, document.document.metadata,
                         document.hash_value, document.is_truncated);
}

Json score_or_null(const std::optional<float>& score) {
  return score ? Json(*score) : Json(nullptr);
}

Json render_hit(const rag::RetrievedChunk& hit) {
  const Json& metadata = hit.chunk.metadata;
  return {{"doc_id", hit.chunk.doc_id},
          {"node_id", hit.chunk.node_id},
          {"text", hit.chunk.text},
          {"score", hit.score},
          {"dense_score", score_or_null(hit.dense_score)},
          {"sparse_score", score_or_null(hit.sparse_score)},
          {"source", hit.sparse_score ? "both" : "dense_only"},
          {"metadata", metadata.empty() ? Json(nullptr) : metadata}};
}

}  // namespace

enum class RouteKind {
  kHealth,
  kMetrics,
  kIndex,
  kIndexes,
  kDeleteIndex,
  kListDocuments,
  kUpdateDocuments,
  kDeleteDocuments,
  kRetrieve,
  kChat,
  kModels,
  kReadSettings,
  kWriteSettings,
  kAnswers,
  kAnswer,
  kGuardrails,
};

struct RagService::Route {
  RouteKind kind = RouteKind::kHealth;
  std::string index_name;
  std::string answer_id = {};
};

namespace {

struct FixedRoute {
  std::string_view method;
  std::string_view path;
  RouteKind kind;
};

constexpr FixedRoute kFixedRoutes[] = {
    {"GET", "/health", RouteKind::kHealth},
    {"GET", "/metrics", RouteKind::kMetrics},
    {"POST", "/index", RouteKind::kIndex},
    {"GET", "/indexes", RouteKind::kIndexes},
    {"POST", "/retrieve", RouteKind::kRetrieve},
    {"POST", "/v1/chat/completions", RouteKind::kChat},
    {"GET", "/v1/models", RouteKind::kModels},
    {"GET", "/answers", RouteKind::kAnswers},
    {"GET", "/guardrails/policy", RouteKind::kGuardrails},
};

struct NamedRoute {
  std::string_view method;
  std::string_view suffix;  // After /indexes/{name}.
  RouteKind kind;
};

constexpr NamedRoute kNamedRoutes[] = {
    {"DELETE", "", RouteKind::kDeleteIndex},
    {"GET", "/documents", RouteKind::kListDocuments},
    {"POST", "/documents", RouteKind::kUpdateDocuments},
    {"POST", "/documents/delete", RouteKind::kDeleteDocuments},
    {"GET", "/settings", RouteKind::kReadSettings},
    {"PUT", "/settings", RouteKind::kWriteSettings},
};

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
    case RouteKind::kRetrieve:
      return Operation::kRetrieve;
    case RouteKind::kChat:
      return Operation::kChat;
    case RouteKind::kHealth:
    case RouteKind::kMetrics:
    case RouteKind::kModels:
    case RouteKind::kReadSettings:
    case RouteKind::kWriteSettings:
    case RouteKind::kAnswers:
    case RouteKind::kAnswer:
    case RouteKind::kGuardrails:
      return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

RagService::RagService(rag::Collections& collections, llm::LlmClient* llm,
                       const RagServiceOptions& options)
    : collections_(collections),
      llm_(llm),
      options_(options),
      chat_(collections, llm, options.chat) {}

RagService::~RagService() = default;

// kNotFound: no such path. kFailedPrecondition: the path exists, the method does not.
Result<RagService::Route> RagService::find_route(const net::HttpRequest& request) {
  bool path_exists = false;
  for (const FixedRoute& route : kFixedRoutes) {
    if (route.path != request.path) continue;
    if (route.method == request.method) return Route{.kind = route.kind, .index_name = {}};
    path_exists = true;
  }
  constexpr std::string_view kPrefix = "/indexes/";
  if (request.path.starts_with(kPrefix) && request.path.size() > kPrefix.size()) {
    const std::string_view rest = std::string_view(request.path).substr(kPrefix.size());
    const std::size_t slash = std::min(rest.find('/'), rest.size());
    const auto name = codec::percent_decode(rest.substr(0, slash));
    for (const NamedRoute& route : kNamedRoutes) {
      if (route.suffix != rest.substr(slash) || slash == 0 || !name) continue;
      if (!text::is_valid_utf8(*name)) continue;
      if (route.method == request.method) return Route{.kind = route.kind, .index_name = *name};
      path_exists = true;
    }
  }
  constexpr std::string_view kAnswers = "/answers/";
  if (request.path.starts_with(kAnswers) && request.path.size() > kAnswers.size()) {
    if (request.method == "GET") {
      return Route{.kind = RouteKind::kAnswer,
                   .index_name = {},
                   .answer_id = request.path.substr(kAnswers.size())};
    }
    path_exists = true;
  }
  if (path_exists) return fail(ErrorCode::kFailedPrecondition, "Method Not Allowed");
  return fail(ErrorCode::kNotFound, "Not Found");
}

void RagService::handle(const Context& context, const net::HttpRequest& request,
                        net::ResponseWriter& writer) {
  const Result<Route> route = find_route(request);
  if (!route) {
    const bool wrong_method = route.error().code == ErrorCode::kFailedPrecondition;
    HttpResponse response = render_error(wrong_method ? 405 : 404, route.error().message);
    if (!wrong_method && request.path.size() > 1 && request.path.ends_with('/')) {
      net::HttpRequest shorter{
          .method = request.method, .path = request.path, .query = {}, .headers = {}, .body = {}};
      shorter.path.pop_back();
      if (find_route(shorter)) {
        response = {.status = 307, .headers = {{"location", shorter.path}}, .body = {}};
      }
    }
    (void)writer.send(std::move(response));
    return;
  }
  const std::optional<Operation> operation = operation_of(route->kind);
  const auto started = std::chrono::steady_clock::now();
  if (operation) metrics_.started();
  int status = 200;
  if (route->kind == RouteKind::kChat) {
    GuardedWriter guarded(options_.guardrails, writer);
    status = guarded.finish(chat_.handle(context, request, guarded));
  } else {
    HttpResponse response = answer({.context = context, .request = request}, *route);
    status = response.status;
    (void)writer.send(std::move(response));
  }
  if (operation) {
    metrics_.finished(*operation, status, std::chrono::steady_clock::now() - started);
  }
  if (status >= 500 &&
      status != 503) {  // 503 says "not now" or "not configured"; nothing is broken.
    obs::log().error("request failed",
                     {{"method", request.method}, {"path", request.path}, {"status", status}});
  }
}

HttpResponse RagService::answer(const Call& call, const Route& route) {
  switch (route.kind) {
    case RouteKind::kHealth:
      return health();
    case RouteKind::kMetrics:
      return {.status = 200,
              .headers = {{"content-type", "text/plain; version=0.0.4; charset=utf-8"}},
              .body = render_metrics()};
    case RouteKind::kIndex:
      return create_index(call);
    case RouteKind::kIndexes:
      return list_indexes();
    case RouteKind::kDeleteIndex:
      return delete_index(route.index_name);
    case RouteKind::kListDocuments:
      return list_documents(call, route.index_name);
    case RouteKind::kUpdateDocuments:
      return update_documents(call, route.index_name);
    case RouteKind::kDeleteDocuments:
      return delete_documents(call, route.index_name);
    case RouteKind::kRetrieve:
      return retrieve(call);
    case RouteKind::kModels:
      return list_models(call);
    case RouteKind::kReadSettings:
      return read_settings(route.index_name);
    case RouteKind::kWriteSettings:
      return write_settings(call, route.index_name);
    case RouteKind::kAnswers:
      return list_answers();
    case RouteKind::kAnswer:
      return explain_answer(route.answer_id);
    case RouteKind::kGuardrails:
      return describe_guardrails();
    case RouteKind::kChat:
      break;  // Streams; handle() sends it to the chat endpoint.
  }
  return render_error(404, "Not Found");
}

HttpResponse RagService::create_index(const Call& call) {
  ValidationErrors errors;
  const auto body = read_json_object(call.request, errors);
  if (!body) return errors.response();
  const auto name = read_string(*body, location({"body"}), "index_name", errors);
  const std::vector<RequestDocument> documents = read_documents(*body, errors);
  if (!errors.empty()) return errors.response();
  std::vector<rag::Document> wanted;
  for (const RequestDocument& document : documents) wanted.push_back(document.document);
  const auto ids = collections_.add(call.context, *name, std::move(wanted));
  if (!ids) return render_error(ids.error());
  Json stored = Json::array();
  for (std::size_t i = 0; i < documents.size(); ++i) {
    const rag::Document& document = documents[i].document;
    stored.push_back(render_document((*ids)[i], document.text, document.metadata, nullptr, false));
  }
  return json_ok(stored);
}

HttpResponse RagService::list_indexes() {
  Json names = Json::array();
  for (const std::string& name : collections_.names()) names.push_back(name);
  return json_ok(names);
}

HttpResponse RagService::delete_index(const std::string& name) {
  const Result<void> removed = collections_.remove(name);
  if (!removed) return render_error(removed.error());
  return json_ok({{"message", fmt::format("Successfully deleted index {}.", name)}});
}

HttpResponse RagService::list_documents(const Call& call, const std::string& name) {
  ValidationErrors errors;
  const auto query = codec::parse_query(call.request.query);
  const auto limit = read_query_integer(query, "limit", kPageDefault, {1, kPageMax}, errors);
  const auto offset = read_query_integer(query, "offset", 0, {.min = 0}, errors);
  const auto length =
      read_query_integer(query, "max_text_length", kTextLengthDefault, {.min = 1}, errors);
  if (!errors.empty()) return errors.response();
  const auto collection = collections_.find(name);
  if (!collection) return render_error(collection.error());
  Json filter;
  const auto filter_text = codec::find_parameter(query, "metadata_filter");
  if (filter_text && !filter_text->empty()) {
    auto parsed = codec::parse_json(*filter_text);
    if (!parsed || !(parsed->is_object() || parsed->is_null())) {
      return render_error(400, "Invalid metadata filter format. Must be a valid JSON string.");
    }
    filter = *std::move(parsed);
  }
  Json rows = Json::array();
  std::int64_t total = 0;
  (*collection)->snapshot()->for_each_row([&](const rag::Row& row) {
    const rag::Chunk& chunk = *row.chunk;
    if (filter.is_object() && !rag::matches_filter(chunk.metadata, filter)) return true;
    if (total >= *offset && total - *offset < *limit) {
      const std::string_view shown =
          text::take_code_points(chunk.text, static_cast<std::size_t>(*length));
      rows.push_back(render_document(chunk.doc_id, shown, chunk.metadata,
                                     rag::chunk_hash(chunk.text, chunk.metadata),
                                     shown.size() < chunk.text.size()));
    }
    ++total;
    return true;
  });
  const std::size_t count = rows.size();
  return json_ok({{"documents", std::move(rows)}, {"count", count}, {"total_items", total}});
}

HttpResponse RagService::update_documents(const Call& call, const std::string& name) {
  ValidationErrors errors;
  const auto body = read_json_object(call.request, errors);
  if (!body) return errors.response();
  const std::vector<RequestDocument> documents = read_documents(*body, errors);
  if (!errors.empty()) return errors.response();
  std::vector<rag::DocumentUpdate> updates;
  for (const RequestDocument& document : documents) {
    updates.push_back({.doc_id = document.doc_id, .document = document.document});
  }
  const auto outcome = collections_.update(call.context, name, std::move(updates));
  if (!outcome) return render_error(outcome.error());
  const auto pick = [&](const std::vector<std::size_t>& indexes) {
    Json list = Json::array();
    for (const std::size_t i : indexes) list.push_back(render_document(documents[i]));
    return list;
  };
  return json_ok({{"updated_documents", pick(outcome->updated)},
                  {"unchanged_documents", pick(outcome->unchanged)},
                  {"not_found_documents", pick(outcome->not_found)}});
}

HttpResponse RagService::delete_documents(const Call& call, const std::string& name) {
  ValidationErrors errors;
  const auto body = read_json_object(call.request, errors);
  if (!body) return errors.response();
  std::vector<std::string> ids;
  if (const Json* list = read_array(*body, location({"body"}), "doc_ids", errors)) {
    for (std::size_t i = 0; i < list->size(); ++i) {
      if ((*list)[i].is_string()) {
        ids.push_back((*list)[i].get<std::string>());
      } else {
        errors.add("string_type", location({"body", "doc_ids", i}),
                   "Input should be a valid string", (*list)[i]);
      }
    }
  }
  if (!errors.empty()) return errors.response();
  const auto collection = collections_.find(name);
  if (!collection) return render_error(collection.error());
  // The same id twice is reported twice, as in the original: remove each once, look each up.
  std::vector<std::string> distinct = ids;
  std::ranges::sort(distinct);
  distinct.erase(std::ranges::unique(distinct).begin(), distinct.end());
  const auto found = (*collection)->remove(distinct);
  if (!found) return render_error(found.error());
  Json deleted = Json::array();
  Json not_found = Json::array();
  for (const std::string& id : ids) {
    const auto at = std::ranges::lower_bound(distinct, id) - distinct.begin();
    ((*found)[static_cast<std::size_t>(at)] ? deleted : not_found).push_back(id);
  }
  return json_ok({{"deleted_doc_ids", deleted}, {"not_found_doc_ids", not_found}});
}

HttpResponse RagService::retrieve(const Call& call) {
  ValidationErrors errors;
  const auto body = read_json_object(call.request, errors);
  if (!body) return errors.response();
  const Json loc = location({"body"});
  const auto name = read_string(*body, loc, "index_name", errors);
  const auto query = read_string(*body, loc, "query", errors);
  const auto hits_max =
      read_integer(*body, loc, "max_node_count", kRetrieveDefault, {1, options_.top_k_max}, errors);
  const auto filter = read_object(*body, loc, "metadata_filter", nullptr, errors);
  if (!errors.empty()) return errors.response();
  const auto collection = collections_.find(*name);
  if (!collection) return render_error(collection.error());
  if (trim(*query).empty()) return render_error(400, "Query string cannot be empty.");
  const auto hits =
      collections_.retrieve(call.context, **collection, *query, static_cast<std::size_t>(*hits_max),
                            filter->is_object() ? &*filter : nullptr);
  if (!hits) return render_error(hits.error());
  Json results = Json::array();
  for (const rag::RetrievedChunk& hit : *hits) results.push_back(render_hit(hit));
  metrics_.retrieved(*hits);
  const std::size_t count = results.size();
  return json_ok({{"query", *query}, {"results", std::move(results)}, {"count", count}});
}

HttpResponse RagService::list_models(const Call& call) {
  Json models = Json::array();
  if (llm_ != nullptr) {
    const auto found = llm_->list_models(call.context);
    if (!found) return render_error(found.error());
    for (const llm::ModelInfo& model : *found) {
      Json entry = {{"id", model.id}, {"object", "model"}, {"created", 0}, {"owned_by", "rage"}};
      if (model.context_tokens_max) entry["max_model_len"] = *model.context_tokens_max;
      models.push_back(std::move(entry));
    }
  }
  return json_ok({{"object", "list"}, {"data", models}});
}

}  // namespace rage::ragserver
