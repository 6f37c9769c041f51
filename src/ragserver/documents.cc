#include "ragserver/documents.h"

namespace rage::ragserver {
namespace {

using codec::Json;

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
  const Json* hash = codec::find_key(value, "hash_value");
  const bool has_hash = hash != nullptr && !hash->is_null();
  const auto hash_text = has_hash ? read_string(value, loc, "hash_value", errors) : std::string();
  const auto is_truncated = read_bool(value, loc, "is_truncated", false, errors);
  if (!text || !doc_id || !metadata || !hash_text || !is_truncated) return std::nullopt;
  // A null metadata object is none: the original fails with 500 here.
  if (metadata->is_null()) metadata = Json::object();
  return RequestDocument{.doc_id = *std::move(doc_id),
                         .document = {.text = *std::move(text), .metadata = *std::move(metadata)},
                         .hash_value = has_hash ? Json(*hash_text) : Json(nullptr),
                         .is_truncated = *is_truncated};
}

Json score_or_null(const std::optional<float>& score) {
  return score ? Json(*score) : Json(nullptr);
}

}  // namespace

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

}  // namespace rage::ragserver
