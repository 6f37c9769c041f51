#include "ragserver/openapi_schemas.h"

#include <string_view>

#include "base/check.h"

namespace rage::ragserver {
namespace {

constexpr std::string_view kIndexSchemas = R"({
"HealthStatus": {"title": "HealthStatus", "type": "object", "required": ["status"], "properties": {
  "status": {"type": "string"}, "detail": {"anyOf": [{"type": "string"}, {"type": "null"}]}}},
"ReadyStatus": {"title": "ReadyStatus", "type": "object",
  "required": ["status", "indexes", "unavailable"], "properties": {
  "status": {"type": "string"}, "indexes": {"type": "integer"},
  "unavailable": {"type": "array", "items": {"type": "object", "additionalProperties": true}},
  "outdated": {"type": "array", "items": {"type": "object", "additionalProperties": true}},
  "embedder": {"type": "string"},
  "stages": {"type": "array", "items": {"type": "object", "additionalProperties": true}}}},
"Message": {"title": "Message", "type": "object", "required": ["message"], "properties": {
  "message": {"type": "string"}}},
"ErrorDetail": {"title": "ErrorDetail", "type": "object", "required": ["detail"], "properties": {
  "detail": {"type": "string"}}},
"ValidationError": {"title": "ValidationError", "type": "object", "required": ["loc", "msg",
  "type"], "properties": {
  "loc": {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]}},
  "msg": {"type": "string"}, "type": {"type": "string"}, "input": {}, "ctx": {"type": "object"}}},
"HTTPValidationError": {"title": "HTTPValidationError", "type": "object", "properties": {
  "detail": {"type": "array", "items": {"$ref": "#/components/schemas/ValidationError"}}}},
"Document": {"title": "Document", "type": "object", "required": ["text"], "properties": {
  "doc_id": {"type": "string", "default": "", "description":
    "SHA-256 of the text when it was first indexed; ignored by /index"},
  "text": {"type": "string"},
  "metadata": {"anyOf": [{"type": "object", "additionalProperties": true}, {"type": "null"}],
    "default": {}},
  "hash_value": {"anyOf": [{"type": "string"}, {"type": "null"}], "description":
    "Of the row's text and metadata, in listings"},
  "is_truncated": {"type": "boolean", "default": false, "description":
    "The text was cut in this listing"}}},
"IndexRequest": {"title": "IndexRequest", "type": "object", "required": ["index_name",
  "documents"], "properties": {
  "index_name": {"type": "string"},
  "documents": {"type": "array", "items": {"$ref": "#/components/schemas/Document"}}}},
"ListDocumentsResponse": {"title": "ListDocumentsResponse", "type": "object", "required": [
  "documents", "count", "total_items"], "properties": {
  "documents": {"type": "array", "items": {"$ref": "#/components/schemas/Document"}},
  "count": {"type": "integer", "description": "Rows of this page"},
  "total_items": {"type": "integer", "description": "Rows that match the filter"}}},
"UpdateDocumentRequest": {"title": "UpdateDocumentRequest", "type": "object", "required": [
  "documents"], "properties": {
  "documents": {"type": "array", "items": {"$ref": "#/components/schemas/Document"}}}},
"UpdateDocumentResponse": {"title": "UpdateDocumentResponse", "type": "object",
  "required": ["updated_documents", "unchanged_documents", "not_found_documents"], "properties": {
  "updated_documents": {"type": "array", "items": {"$ref": "#/components/schemas/Document"}},
  "unchanged_documents": {"type": "array", "items": {"$ref": "#/components/schemas/Document"}},
  "not_found_documents": {"type": "array", "items": {"$ref": "#/components/schemas/Document"}}}},
"DeleteDocumentRequest": {"title": "DeleteDocumentRequest", "type": "object", "required": [
  "doc_ids"], "properties": {
  "doc_ids": {"type": "array", "items": {"type": "string"}}}},
"DeleteDocumentResponse": {"title": "DeleteDocumentResponse", "type": "object", "required": [
  "deleted_doc_ids", "not_found_doc_ids"], "properties": {
  "deleted_doc_ids": {"type": "array", "items": {"type": "string"}},
  "not_found_doc_ids": {"type": "array", "items": {"type": "string"}}}},
"MetadataFilter": {"title": "MetadataFilter", "type": "object", "additionalProperties": true,
  "description":
    "Keys with values, or with $eq $ne $in $nin $gt $gte $lt $lte $exists $contains; $and $or $not",
  "examples": [{"track": "Kernel", "date": {"$gte": "2026-03-06"}}]},
"RetrieveRequest": {"title": "RetrieveRequest", "type": "object", "required": ["index_name",
  "query"], "properties": {
  "index_name": {"type": "string"}, "query": {"type": "string"},
  "max_node_count": {"type": "integer", "minimum": 1, "default": 5},
  "metadata_filter": {"anyOf": [{"$ref": "#/components/schemas/MetadataFilter"}, {"type":
    "null"}]}}},
"NodeWithScore": {"title": "NodeWithScore", "type": "object", "required": ["doc_id", "node_id",
  "text", "score"], "properties": {
  "doc_id": {"type": "string"}, "node_id": {"type": "string"}, "text": {"type": "string"},
  "score": {"type": "number", "description":
    "0 to 1 in /retrieve; squared distance in chat, as in KAITO"},
  "dense_score": {"anyOf": [{"type": "number"}, {"type": "null"}], "description":
    "Cosine similarity"},
  "sparse_score": {"anyOf": [{"type": "number"}, {"type": "null"}], "description": "BM25"},
  "source": {"anyOf": [{"type": "string"}, {"type": "null"}]},
  "metadata": {"anyOf": [{"type": "object", "additionalProperties": true}, {"type": "null"}]}}},
"RetrieveResponse": {"title": "RetrieveResponse", "type": "object", "required": ["query",
  "results", "count"], "properties": {
  "query": {"type": "string"},
  "results": {"type": "array", "items": {"$ref": "#/components/schemas/NodeWithScore"}},
  "count": {"type": "integer"}}},
"IndexSettings": {"title": "IndexSettings", "type": "object", "required": ["grounding_mode"],
  "properties": {
  "grounding_mode": {"anyOf": [{"enum": ["strict", "assist", "off"]}, {"type": "null"}],
    "description": "null: as the service does"}}}
})";

constexpr std::string_view kChatSchemas = R"({
"ChatRequest": {"title": "ChatRequest", "type": "object", "additionalProperties": true,
  "description": "OpenAI's request; what is not listed goes to the model as it is", "properties": {
  "messages": {"type": "array", "items": {"type": "object", "additionalProperties": true}},
  "model": {"type": "string", "description": "Without it the first model of the inference service"},
  "stream": {"type": "boolean"}, "max_tokens": {"type": "integer"}, "temperature": {"type":
    "number"},
  "index_name": {"type": "string", "description": "Index to answer from"},
  "context_token_ratio": {"type": "number", "minimum": 0.2, "maximum": 0.8, "description":
    "Share of the context for sources"},
  "metadata_filter": {"$ref": "#/components/schemas/MetadataFilter"},
  "max_node_count": {"type": "integer", "minimum": 1, "description":
    "Rows that retrieval considers"},
  "grounding_mode": {"enum": ["strict", "assist", "off"]}}},
"ChatCompletionMessage": {"title": "ChatCompletionMessage", "type": "object", "required": [
  "role"], "additionalProperties": true, "properties": {
  "content": {"anyOf": [{"type": "string"}, {"type": "null"}]}, "role": {"type": "string",
    "const": "assistant"}}},
"Choice": {"title": "Choice", "type": "object", "required": ["finish_reason", "index", "message"],
  "additionalProperties": true, "properties": {
  "finish_reason": {"type": "string"}, "index": {"type": "integer"},
  "message": {"$ref": "#/components/schemas/ChatCompletionMessage"}}},
"CompletionUsage": {"title": "CompletionUsage", "type": "object", "required": [
  "completion_tokens", "prompt_tokens", "total_tokens"],
  "additionalProperties": true, "properties": {
  "completion_tokens": {"type": "integer"}, "prompt_tokens": {"type": "integer"}, "total_tokens":
    {"type": "integer"}}},
"ChatCompletionResponse": {"title": "ChatCompletionResponse", "type": "object", "required": ["id",
  "choices", "created", "model", "object"],
  "additionalProperties": true, "properties": {
  "id": {"type": "string"},
  "choices": {"type": "array", "items": {"$ref": "#/components/schemas/Choice"}},
  "created": {"type": "integer"}, "model": {"type": "string"}, "object": {"type": "string",
    "const": "chat.completion"},
  "service_tier": {"anyOf": [{"type": "string"}, {"type": "null"}]},
  "system_fingerprint": {"anyOf": [{"type": "string"}, {"type": "null"}]},
  "usage": {"anyOf": [{"$ref": "#/components/schemas/CompletionUsage"}, {"type": "null"}]},
  "source_nodes": {"anyOf": [{"type": "array", "items": {"$ref":
    "#/components/schemas/NodeWithScore"}}, {"type": "null"}]},
  "grounding": {"type": "object", "additionalProperties": true, "description":
    "How the answer came about"}}},
"ModelList": {"title": "ModelList", "type": "object", "required": ["object", "data"],
  "properties": {
  "object": {"type": "string", "const": "list"},
  "data": {"type": "array", "items": {"type": "object", "required": ["id", "object"],
    "additionalProperties": true, "properties": {
    "id": {"type": "string"}, "object": {"type": "string", "const": "model"}}}}}},
"EmbeddingsRequest": {"title": "EmbeddingsRequest", "type": "object", "required": ["input"],
  "properties": {
  "input": {"anyOf": [{"type": "string", "minLength": 1},
    {"type": "array", "minItems": 1, "maxItems": 2048, "items": {"type": "string", "minLength":
      1}}]},
  "model": {"type": "string", "description": "Any: there is one embedder"},
  "encoding_format": {"enum": ["float", "base64"], "default": "float"},
  "dimensions": {"type": "integer", "description": "The embedder's own, or none"},
  "input_type": {"enum": ["passage", "query"], "default": "passage"}}},
"EmbeddingsResponse": {"title": "EmbeddingsResponse", "type": "object", "required": ["object",
  "data", "model", "usage"], "properties": {
  "object": {"type": "string", "const": "list"},
  "data": {"type": "array", "items": {"type": "object", "required": ["object", "index",
    "embedding"], "properties": {
    "object": {"type": "string", "const": "embedding"}, "index": {"type": "integer"},
    "embedding": {"anyOf": [{"type": "array", "items": {"type": "number"}}, {"type": "string"}]}}}},
  "model": {"type": "string"},
  "usage": {"type": "object", "required": ["prompt_tokens", "total_tokens"], "properties": {
    "prompt_tokens": {"type": "integer"}, "total_tokens": {"type": "integer"}}}}},
"RerankRequest": {"title": "RerankRequest", "type": "object", "required": ["query", "documents"],
  "properties": {
  "model": {"type": "string"}, "query": {"type": "string"},
  "documents": {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "object"}]}},
  "top_n": {"type": "integer", "minimum": 1}, "return_documents": {"type": "boolean"}}},
"RerankResponse": {"title": "RerankResponse", "type": "object", "required": ["model", "results"],
  "properties": {
  "model": {"type": "string"},
  "results": {"type": "array", "description": "Best first", "items": {"type": "object",
    "required": ["index", "relevance_score"], "properties": {
    "index": {"type": "integer", "description": "Of the document in the request"},
    "relevance_score": {"type": "number"},
    "document": {"type": "object", "properties": {"text": {"type": "string"}}}}}}}},
"AnswerSummary": {"title": "AnswerSummary", "type": "object", "required": ["id"],
  "additionalProperties": true, "properties": {
  "id": {"type": "string"}, "created": {"type": "integer"}, "index_name": {"type": "string"},
  "question": {"type": "string"}, "mode": {"type": "string"}}},
"AnswerTrace": {"title": "AnswerTrace", "type": "object", "required": ["id"],
  "additionalProperties": true, "description":
    "The summary, and what the answer was made of: candidates, constraints, verdicts",
  "properties": {"id": {"type": "string"}}},
"GuardrailsPolicy": {"title": "GuardrailsPolicy", "type": "object", "required": ["enabled"],
  "properties": {
  "enabled": {"type": "boolean"}, "path": {"type": "string"}, "sha256": {"type": "string"},
  "loaded_at": {"type": "integer"}, "block_message": {"type": "string"},
  "scanners": {"type": "array", "items": {"type": "object", "properties": {
    "type": {"type": "string"}, "action": {"type": "string"}}}},
  "warnings": {"type": "array", "items": {"type": "string"}},
  "hot_reload": {"type": "boolean"},
  "problem": {"anyOf": [{"type": "string"}, {"type": "null"}], "description":
    "Why the file cannot be used; the last good policy is in force then"}}}
})";

}  // namespace

codec::Json openapi_schemas() {
  auto schemas = codec::parse_json(kIndexSchemas);
  const auto chat = codec::parse_json(kChatSchemas);
  CHECK(schemas.has_value() && chat.has_value());
  for (const auto& [name, schema] : chat->items()) (*schemas)[name] = schema;
  return *std::move(schemas);
}

}  // namespace rage::ragserver
