#include "ragserver/openapi.h"

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "ragserver/openapi_schemas.h"

namespace rage::ragserver {
namespace {

using codec::Json;

struct OpenApiOperation {
  std::string_view method;
  std::string_view path;
  std::string_view id;
  std::string_view tag;
  std::string_view summary;
  std::string_view request = {};   // Name of a schema; empty: no body.
  std::string_view response = {};  // Name of a schema; "[Name]": a list of it; empty: any JSON.
  std::string_view errors = {};    // Statuses beside 422, separated by spaces.
};

// Every operation may also be refused while the service is busy, and fail.
constexpr OpenApiOperation kOperations[] = {
    {"get", "/health", "get_health", "Monitoring", "Whether the service lives", "", "HealthStatus"},
    {"get", "/readyz", "get_ready", "Monitoring",
     "Whether it answers now: models and indexes are loaded; indexes that could not be opened are "
     "named",
     "", "ReadyStatus"},
    {"get", "/metrics", "get_metrics", "Monitoring", "Prometheus metrics, as text"},
    {"post", "/index", "create_index", "Index",
     "Adds documents to an index, which is created if it does not exist. What is stored already "
     "under "
     "the same text is left alone. All or nothing",
     "IndexRequest", "[Document]", "400 412"},
    {"get", "/indexes", "list_indexes", "Index", "Names of all indexes, oldest first", "", "[]"},
    {"get", "/indexes/{index_name}/documents", "list_documents_in_index", "Index",
     "Rows of an index, in the order of insertion. A row is a chunk: a long document has several, "
     "with "
     "one doc_id",
     "", "ListDocumentsResponse", "400 404 412"},
    {"post", "/indexes/{index_name}/documents", "update_documents_in_index", "Index",
     "Replaces documents by their doc_id", "UpdateDocumentRequest", "UpdateDocumentResponse",
     "400 404 412"},
    {"post", "/indexes/{index_name}/documents/delete", "delete_documents_in_index", "Index",
     "Deletes documents by their doc_id, with all their chunks", "DeleteDocumentRequest",
     "DeleteDocumentResponse", "404 412"},
    {"post", "/indexes/{index_name}/reindex", "reindex_index", "Index",
     "Embeds all documents of an index anew with the embedder that the service runs, while it "
     "serves. "
     "A line of JSON now and then tells how far it is; whoever leaves ends it, and the next "
     "request goes on",
     "", "", "404 409"},
    {"post", "/persist/{index_name}", "persist_index", "Index",
     "Writes a consistent copy of an index below the data directory. Indexes are durable without "
     "it",
     "", "Message", "400 404 412"},
    {"post", "/load/{index_name}", "load_index", "Index",
     "Loads an index from a folder below the data directory: one that /persist wrote, here or in "
     "KAITO",
     "", "Message", "400 404 409 412"},
    {"post", "/retrieve", "retrieve_index", "Index",
     "Hybrid search: the rows nearest in meaning and in words, best first", "RetrieveRequest",
     "RetrieveResponse", "400 404 412"},
    {"delete", "/indexes/{index_name}", "delete_index", "Index", "Deletes an index and its files",
     "", "Message", "404"},
    {"post", "/v1/chat/completions", "chat", "Chat",
     "OpenAI's chat completions. With index_name the answer stays with the documents of the index "
     "and "
     "names them; without, the request goes to the model as it is",
     "ChatRequest", "ChatCompletionResponse", "400 401 403 404 412 429 502"},
    {"get", "/v1/models", "list_models", "OpenAI", "Models of the inference service", "",
     "ModelList", "401 403 404 429"},
    {"post", "/v1/embeddings", "create_embeddings", "OpenAI",
     "Vectors of texts, by the embedder of the indexes", "EmbeddingsRequest", "EmbeddingsResponse",
     "400"},
    {"post", "/v1/rerank", "rerank", "OpenAI",
     "Orders texts by how well they answer a query, by the reranker that is configured; 404 while "
     "none is",
     "RerankRequest", "RerankResponse", "400 401 404 429"},
    {"get", "/indexes/{index_name}/settings", "read_settings", "Settings", "Settings of an index",
     "", "IndexSettings", "404 412"},
    {"put", "/indexes/{index_name}/settings", "write_settings", "Settings",
     "Sets how answers from an index are held to their sources", "IndexSettings", "IndexSettings",
     "400 404 412"},
    {"get", "/answers", "list_answers", "Answers", "The last answers, newest first", "",
     "[AnswerSummary]", "404"},
    {"get", "/answers/{answer_id}", "explain_answer", "Answers",
     "How an answer came about: question, candidates, verdicts", "", "AnswerTrace", "404"},
    {"get", "/guardrails/policy", "get_guardrails_policy", "Guardrails",
     "What a model's words are held to, and what is wrong with the policy's file", "",
     "GuardrailsPolicy"},
};

constexpr std::string_view kParameters = R"({
"list_documents_in_index": [
  {"name": "limit", "in": "query", "required": false, "description": "Rows of the page",
   "schema": {"type": "integer", "minimum": 1, "maximum": 100, "default": 10}},
  {"name": "offset", "in": "query", "required": false, "description": "Rows before it",
   "schema": {"type": "integer", "minimum": 0, "default": 0}},
  {"name": "max_text_length", "in": "query", "required": false,
   "description":
     "Texts are cut to so many characters; raise it before you edit and send back what you listed",
   "schema": {"type": "integer", "minimum": 1, "default": 1000}},
  {"name": "metadata_filter", "in": "query", "required": false,
   "description": "A filter as JSON, as in /retrieve", "schema": {"type": "string"}}],
"reindex_index": [
  {"name": "if_needed", "in": "query", "required": false,
   "description": "Leave an index alone that has the service's embedder",
   "schema": {"type": "boolean", "default": false}}],
"persist_index": [
  {"name": "path", "in": "query", "required": false,
   "description": "Folder below the data directory; storage: the index's own",
   "schema": {"type": "string", "default": "storage"}}],
"load_index": [
  {"name": "path", "in": "query", "required": false,
   "description": "Folder below the data directory; without it the index's own",
   "schema": {"type": "string"}},
  {"name": "overwrite", "in": "query", "required": false, "description":
    "Replace an index that exists",
   "schema": {"type": "boolean", "default": false}}]
})";

Json reference(std::string_view name) {
  return {{"$ref", fmt::format("#/components/schemas/{}", name)}};
}

Json json_content(Json schema) {
  return {{"application/json", {{"schema", std::move(schema)}}}};
}

Json response_schema(std::string_view name) {
  if (name.empty()) return Json::object();
  if (!name.starts_with('[')) return reference(name);
  const std::string_view item = name.substr(1, name.size() - 2);
  return {{"type", "array"}, {"items", item.empty() ? Json{{"type", "string"}} : reference(item)}};
}

// `passes_on`: the operation gives back what another service answers.
std::string_view reason_of(std::string_view status, bool passes_on) {
  if (passes_on && (status == "401" || status == "403" || status == "429")) {
    return "The API key does not allow it, or the service that was asked for it refuses";
  }
  if (status == "400") return "The request asks for what cannot be done; detail says what";
  if (status == "401") return "No API key, or none that is known";
  if (status == "403") return "The API key does not allow this";
  if (status == "412") return "The index has another embedder; detail says how it gets this one";
  if (status == "429") return "Too many requests; Retry-After says when to come back";
  if (status == "404") return "There is no such index, folder or answer";
  if (status == "409") return "The index exists already, or is being embedded anew already";
  if (status == "502") return "The inference service's reply cannot be read";
  if (status == "503") return "Not now, or not configured; detail says which";
  return "Failed; detail says why";
}

Json success(const OpenApiOperation& operation) {
  if (operation.id == "get_metrics") {
    return {{"description", "Successful Response"},
            {"content", {{"text/plain", {{"schema", {{"type", "string"}}}}}}}};
  }
  if (operation.id == "reindex_index") {
    return {{"description", "Lines of JSON; the last has status done, unchanged or failed"},
            {"content", {{"application/x-ndjson", {{"schema", {{"type", "string"}}}}}}}};
  }
  Json content = json_content(response_schema(operation.response));
  if (operation.id == "chat") content["text/event-stream"] = {{"schema", {{"type", "string"}}}};
  return {{"description", "Successful Response"}, {"content", std::move(content)}};
}

Json render_responses(const OpenApiOperation& operation, bool has_input) {
  Json responses = {{"200", success(operation)}};
  const bool passes_on = operation.tag == "Chat" || operation.tag == "OpenAI";
  const auto add_error = [&](std::string_view status) {
    responses[std::string(status)] = {{"description", reason_of(status, passes_on)},
                                      {"content", json_content(reference("ErrorDetail"))}};
  };
  std::string_view rest = operation.errors;
  while (!rest.empty()) {
    add_error(rest.substr(0, 3));
    rest.remove_prefix(std::min<std::size_t>(4, rest.size()));
  }
  // A name in a path need not be UTF-8: then there is no such path.
  if (operation.path.find('{') != std::string_view::npos && !responses.contains("404")) {
    add_error("404");
  }
  if (has_input) {
    responses["422"] = {{"description", "Validation Error"},
                        {"content", json_content(reference("HTTPValidationError"))}};
  }
  if (operation.tag != "Monitoring") {  // Those need no API key.
    for (const std::string_view status : {"401", "403", "429"}) {
      if (!responses.contains(status)) add_error(status);
    }
  }
  for (const std::string_view status : {"500", "503"}) add_error(status);
  return responses;
}

Json path_parameters(std::string_view path) {
  Json parameters = Json::array();
  const std::size_t open = path.find('{');
  if (open == std::string_view::npos) return parameters;
  const std::string name(path.substr(open + 1, path.find('}') - open - 1));
  parameters.push_back({{"name", name},
                        {"in", "path"},
                        {"required", true},
                        {"schema", {{"type", "string"}, {"minLength", 1}}}});
  return parameters;
}

Json render_operation(const OpenApiOperation& operation, const Json& query_parameters) {
  Json parameters = path_parameters(operation.path);
  if (const Json* more = codec::find_key(query_parameters, operation.id)) {
    for (const Json& parameter : *more) parameters.push_back(parameter);
  }
  const bool has_input = !operation.request.empty() || !parameters.empty();
  Json rendered = {{"tags", Json::array({operation.tag})},
                   {"summary", operation.summary},
                   {"operationId", operation.id}};
  if (!parameters.empty()) rendered["parameters"] = std::move(parameters);
  if (!operation.request.empty()) {
    rendered["requestBody"] = {{"required", true},
                               {"content", json_content(reference(operation.request))}};
  }
  rendered["responses"] = render_responses(operation, has_input);
  return rendered;
}

}  // namespace

Json openapi_document(std::int64_t top_k_max) {
  const auto query_parameters = codec::parse_json(kParameters);
  CHECK(query_parameters.has_value());
  Json paths = Json::object();
  for (const OpenApiOperation& operation : kOperations) {
    paths[std::string(operation.path)][std::string(operation.method)] =
        render_operation(operation, *query_parameters);
  }
  Json schemas = openapi_schemas();
  schemas["RetrieveRequest"]["properties"]["max_node_count"]["maximum"] = top_k_max;
  schemas["ChatRequest"]["properties"]["max_node_count"]["maximum"] = top_k_max;
  return {{"openapi", "3.1.0"},
          {"info",
           {{"title", "KAITO RAG Engine"},
            {"version", "0.1.0"},
            {"description",
             "Documents, retrieval and answers that stay with their sources. "
             "KAITO's RAG API, served by RAGE."}}},
          {"paths", std::move(paths)},
          {"components", {{"schemas", std::move(schemas)}}}};
}

}  // namespace rage::ragserver
