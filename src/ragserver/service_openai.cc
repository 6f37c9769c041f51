// Routes of OpenAI's API beside chat: models and embeddings.
#include <algorithm>
#include <bit>

#include "base/base64.h"
#include "llm/stand_ins.h"
#include "rag/ingest.h"
#include "ragserver/responses.h"
#include "ragserver/service.h"
#include "ragserver/validation.h"

namespace rage::ragserver {
namespace {

using codec::Json;
using net::HttpResponse;

constexpr std::size_t kInputsMax = 2048;  // OpenAI's.
constexpr std::string_view kNoReranker =
    "No reranker is configured: this service orders by hybrid search alone. Use POST /retrieve.";

struct EmbeddingsRequest {
  std::vector<std::string> texts;
  std::string model;
  bool base64 = false;
  embed::TextKind kind = embed::TextKind::kPassage;
};

std::unexpected<Error> invalid_body(std::string message) {
  return fail(ErrorCode::kInvalidArgument, std::move(message));
}

Result<std::vector<std::string>> read_inputs(const Json& body) {
  const Json* input = codec::find_key(body, "input");
  if (input == nullptr) return invalid_body("input is missing: a text, or a list of texts.");
  const Json list = input->is_string() ? Json::array({*input}) : *input;
  if (!list.is_array() || list.empty() || list.size() > kInputsMax) {
    return invalid_body(
        fmt::format("input must be a text, or a list of 1 to {} texts.", kInputsMax));
  }
  std::vector<std::string> texts;
  for (const Json& text : list) {
    if (!text.is_string())
      return invalid_body("input must be text: token numbers are not supported.");
    if (text.get_ref<const std::string&>().empty()) return invalid_body("input must not be empty.");
    texts.push_back(text.get<std::string>());
  }
  return texts;
}

Result<EmbeddingsRequest> parse_embeddings_request(const Json& body, std::size_t dimension) {
  EmbeddingsRequest request;
  ASSIGN_OR_RETURN(request.texts, read_inputs(body));
  request.model = codec::string_or(body, "model", "");
  if (const Json* wanted = codec::find_key(body, "dimensions"); wanted && !wanted->is_null()) {
    if (*wanted != dimension) {
      return invalid_body(fmt::format("dimensions must be {}, as the embedder has it.", dimension));
    }
  }
  const Json* format = codec::find_key(body, "encoding_format");
  if (format != nullptr && !format->is_null()) {
    request.base64 = *format == "base64";
    if (!request.base64 && *format != "float") {
      return invalid_body("encoding_format must be float or base64.");
    }
  }
  if (codec::string_or(body, "input_type", "") == "query") request.kind = embed::TextKind::kQuery;
  return request;
}

// Cohere's and Jina's: texts, or objects with a text.
Result<std::vector<std::string>> read_rerank_documents(const Json& body) {
  const Json* list = codec::find_key(body, "documents");
  if (list == nullptr || !list->is_array() || list->empty() || list->size() > kInputsMax) {
    return invalid_body(fmt::format("documents must be a list of 1 to {} texts.", kInputsMax));
  }
  std::vector<std::string> texts;
  for (const Json& document : *list) {
    const Json* text = document.is_string() ? &document : codec::find_key(document, "text");
    if (text == nullptr || !text->is_string()) return invalid_body("a document must be a text.");
    texts.push_back(text->get<std::string>());
  }
  return texts;
}

Result<llm::RerankRequest> parse_rerank_request(const Json& body) {
  llm::RerankRequest request{.model = codec::string_or(body, "model", ""),
                             .query = codec::string_or(body, "query", ""),
                             .documents = {}};
  if (request.query.empty()) return invalid_body("query is missing: a text.");
  ASSIGN_OR_RETURN(request.documents, read_rerank_documents(body));
  const Json* top = codec::find_key(body, "top_n");
  if (top != nullptr && !top->is_null()) {
    if (!top->is_number_unsigned() || *top == 0) return invalid_body("top_n must be 1 or more.");
    request.hits_max = std::min(top->get<std::size_t>(), request.documents.size());
  }
  return request;
}

Json render_vector(std::span<const float> vector, bool base64) {
  static_assert(std::endian::native == std::endian::little);
  if (!base64) return Json(std::vector<float>(vector.begin(), vector.end()));
  const auto bytes = std::as_bytes(vector);
  return encode_base64({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

}  // namespace

HttpResponse RagService::list_models(const Call& call) {
  Json models = Json::array();
  if (llm_ != nullptr) {
    const auto found = llm_->list_models(call.context);
    if (!found) return render_error(found.error());
    for (const llm::ModelInfo& model : *found) {
      Json entry = {{"id", model.id}, {"object", "model"}, {"created", 0}, {"owned_by", "rage"}};
      if (model.context_tokens_max) entry["max_model_len"] = *model.context_tokens_max;
      if (!model.stand_in.empty()) {
        entry["tags"] = Json::array({llm::render_stand_in_tag(model.stand_in)});
      }
      models.push_back(std::move(entry));
    }
  }
  return json_ok({{"object", "list"}, {"data", models}});
}

HttpResponse RagService::rerank(const Call& call) {
  if (options_.reranker == nullptr) return render_error(404, kNoReranker);
  ValidationErrors errors;
  const auto body = read_json_object(call.request, errors);
  if (!body) return errors.response();
  const auto request = parse_rerank_request(*body);
  if (!request) return render_error(request.error());
  const auto ranked = options_.reranker->rerank(call.context, *request);
  if (!ranked) return render_error(ranked.error());
  const bool with_documents = body->value("return_documents", Json(false)) == Json(true);
  Json results = Json::array();
  for (const llm::RankedDocument& document : *ranked) {
    Json result = {{"index", document.index}, {"relevance_score", document.relevance}};
    if (with_documents) result["document"] = {{"text", request->documents[document.index]}};
    results.push_back(std::move(result));
  }
  const std::string& model = request->model.empty() ? options_.reranker->model() : request->model;
  return json_ok({{"model", model}, {"results", std::move(results)}});
}

HttpResponse RagService::embed(const Call& call) {
  ValidationErrors errors;
  const auto body = read_json_object(call.request, errors);
  if (!body) return errors.response();
  embed::Embedder& embedder = collections_.embedder();
  const auto request = parse_embeddings_request(*body, embedder.dimension());
  if (!request) return render_error(request.error());
  const auto vectors = rag::embed_texts(call.context, embedder, request->texts, request->kind);
  if (!vectors) return render_error(vectors.error());
  Json data = Json::array();
  std::size_t tokens = 0;
  for (std::size_t i = 0; i < vectors->rows; ++i) {
    tokens += embedder.count_tokens(request->texts[i]);
    data.push_back({{"object", "embedding"},
                    {"index", i},
                    {"embedding", render_vector(vectors->row(i), request->base64)}});
  }
  return json_ok({{"object", "list"},
                  {"data", std::move(data)},
                  {"model", request->model.empty() ? std::string(embedder.id()) : request->model},
                  {"usage", {{"prompt_tokens", tokens}, {"total_tokens", tokens}}}});
}

}  // namespace rage::ragserver
