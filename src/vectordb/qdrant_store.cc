#include "vectordb/qdrant_store.h"

#include <xxhash.h>

#include <algorithm>
#include <map>
#include <set>

#include "codec/documents.h"
#include "codec/uri.h"
#include "text/analyzer.h"
#include "vectordb/qdrant_filter.h"

namespace rage::vectordb {
namespace {

using codec::Json;

constexpr const char* kDense = "text-dense";
constexpr const char* kSparse = "text-sparse";
constexpr std::size_t kPoolMin = 200;
constexpr std::size_t kUpsertPoints = 256;  // A request.

Json sparse_json(const SparseText& text) {
  return {{"indices", text.indices}, {"values", text.values}};
}

Json any_document(std::span<const std::string> doc_ids) {
  return {{"key", "doc_id"},
          {"match", {{"any", std::vector<std::string>(doc_ids.begin(), doc_ids.end())}}}};
}

Result<StoredChunk> read_chunk(const Json& point) {
  const Json& payload = codec::map_at(point, {"payload"});
  StoredChunk chunk{.doc_id = codec::text_at(payload, {"doc_id"}),
                    .node_id = codec::text_at(point, {"id"}),
                    .text = codec::text_at(payload, {"text"})};
  auto metadata = codec::parse_json(codec::text_at(payload, {"metadata_text"}));
  if (chunk.node_id.empty() || !metadata) {
    return fail(ErrorCode::kDataLoss, "the database holds a point that is no chunk");
  }
  chunk.metadata = *std::move(metadata);
  return chunk;
}

std::map<std::uint32_t, float> count_terms(std::string_view text, std::size_t& terms) {
  std::map<std::uint32_t, float> counts;
  for (const std::string& term : text::analyze(text)) {
    counts[static_cast<std::uint32_t>(XXH3_64bits(term.data(), term.size()))] += 1;
    ++terms;
  }
  return counts;
}

std::unexpected<Error> error_of(const net::HttpResponse& reply, std::string_view path) {
  const auto body = codec::parse_json(reply.body);
  const std::string why = body ? codec::text_at(*body, {"status", "error"}) : std::string();
  const std::string detail =
      std::to_string(reply.status) + " from " + std::string(path) + ": " + why;
  if (reply.status == 404) {
    return fail(Error{.code = ErrorCode::kNotFound, .message = "no such index", .detail = detail});
  }
  if (reply.status == 401 || reply.status == 403) {
    return fail(Error{.code = ErrorCode::kUnauthenticated,
                      .message = "Qdrant refuses the API key",
                      .detail = detail});
  }
  const bool later = reply.status == 429 || reply.status >= 500;
  return fail(Error{.code = later ? ErrorCode::kUnavailable : ErrorCode::kInternal,
                    .message = later ? "Qdrant does not answer" : "Qdrant refused a request",
                    .detail = detail});
}

Json query_of(const StoreQuery& query, const Json& filter) {
  const std::size_t pool = std::max(kPoolMin, 3 * query.hits_max);
  Json body = {{"limit", query.hits_max}, {"with_payload", true}, {"filter", filter}};
  const SparseText words = sparse_question(query.text);
  const std::vector<float> vector(query.vector.begin(), query.vector.end());
  if (words.indices.empty()) {
    body["query"] = vector;
    body["using"] = kDense;
    return body;
  }
  // The filter acts inside each side, so neither is emptied by what does not match.
  body["prefetch"] = Json::array(
      {{{"query", vector}, {"using", kDense}, {"limit", pool}, {"filter", filter}},
       {{"query", sparse_json(words)}, {"using", kSparse}, {"limit", pool}, {"filter", filter}}});
  body["query"] = {{"fusion", "rrf"}};
  return body;
}

}  // namespace

SparseText sparse_passage(std::string_view text) {
  constexpr float kK1 = 1.2F;
  constexpr float kB = 0.75F;
  constexpr float kMean = 256;
  std::size_t terms = 0;
  SparseText sparse;
  for (const auto& [index, count] : count_terms(text, terms)) {
    sparse.indices.push_back(index);
    sparse.values.push_back(count);
  }
  const float norm = kK1 * (1 - kB + kB * static_cast<float>(terms) / kMean);
  for (float& value : sparse.values) value = value * (kK1 + 1) / (value + norm);
  return sparse;
}

SparseText sparse_question(std::string_view text) {
  std::size_t terms = 0;
  SparseText sparse;
  for (const auto& [index, count] : count_terms(text, terms)) {
    sparse.indices.push_back(index);
    sparse.values.push_back(count);
  }
  return sparse;
}

QdrantStore::QdrantStore(net::HttpTransport& transport, WriteStamps& stamps,
                         const QdrantOptions& options)
    : transport_(transport), stamps_(stamps), options_(options) {}

std::string QdrantStore::path_of(std::string_view index) const {
  // Twice: once as the collection's name, once to put that into a path.
  return "/collections/" + codec::percent_encode(options_.prefix + codec::percent_encode(index));
}

Result<Json> QdrantStore::call(const Context& context, std::string_view method,
                               const std::string& path, const Json& body) const {
  RETURN_IF_ERROR(context.check());
  net::ClientRequest request{.method = std::string(method), .url = options_.url + path};
  if (!options_.api_key.empty()) request.headers.set("api-key", options_.api_key);
  if (!body.is_null()) {
    request.headers.set("content-type", "application/json");
    request.body = codec::render_json(body);
  }
  Context limited = context;
  limited.deadline = std::chrono::steady_clock::now() + context.remaining(options_.timeout);
  ASSIGN_OR_RETURN(const net::HttpResponse reply, transport_.fetch(limited, request));
  if (reply.status < 200 || reply.status > 299) return error_of(reply, path);
  auto json = codec::parse_json(reply.body);
  const Json* result = json ? codec::find_key(*json, "result") : nullptr;
  if (result == nullptr)
    return fail(ErrorCode::kDataLoss, "Qdrant's reply is not what it should be");
  return *result;
}

Result<void> QdrantStore::ensure_index(const Context& context, std::string_view index,
                                       std::size_t dimension) {
  const std::string path = path_of(index);
  const auto there = call(context, "GET", path, nullptr);
  if (there) {
    const int size = codec::int_at(*there, {"config", "params", "vectors", kDense, "size"}, 0);
    if (size == static_cast<int>(dimension)) return {};
    return fail(ErrorCode::kFailedPrecondition, "index '{}' has vectors of {} dimensions, not {}",
                index, size, dimension);
  }
  if (there.error().code != ErrorCode::kNotFound) return fail(there.error());
  RETURN_IF_ERROR(call(context, "PUT", path,
                       {{"vectors", {{kDense, {{"size", dimension}, {"distance", "Cosine"}}}}},
                        {"sparse_vectors", {{kSparse, {{"modifier", "idf"}}}}}}));
  // Deleting by document and listing in order need these.
  for (const auto& [field, kind] :
       {std::pair("doc_id", "keyword"), std::pair("sequence", "integer")}) {
    RETURN_IF_ERROR(call(context, "PUT", path + "/index?wait=true",
                         {{"field_name", field}, {"field_schema", kind}}));
  }
  return {};
}

Result<std::vector<std::string>> QdrantStore::indexes(const Context& context) {
  ASSIGN_OR_RETURN(const Json result, call(context, "GET", "/collections", nullptr));
  std::vector<std::string> names;
  for (const Json& collection : codec::list_at(result, {"collections"})) {
    const std::string name = codec::text_at(collection, {"name"});
    if (!name.starts_with(options_.prefix)) continue;
    const auto decoded =
        codec::percent_decode(std::string_view(name).substr(options_.prefix.size()));
    if (decoded) names.push_back(*decoded);
  }
  std::ranges::sort(names);
  return names;
}

Result<void> QdrantStore::drop_index(const Context& context, std::string_view index) {
  // Qdrant deletes what is not there without a word.
  RETURN_IF_ERROR(call(context, "GET", path_of(index), nullptr));
  RETURN_IF_ERROR(call(context, "DELETE", path_of(index), nullptr));
  return {};
}

Result<void> QdrantStore::replace(const Context& context, std::string_view index,
                                  std::span<const StoredChunk> chunks) {
  const std::string write = stamps_.next_write();
  std::set<std::string> documents;
  for (std::size_t first = 0; first < chunks.size(); first += kUpsertPoints) {
    Json points = Json::array();
    for (const StoredChunk& chunk :
         chunks.subspan(first, std::min(kUpsertPoints, chunks.size() - first))) {
      documents.insert(chunk.doc_id);
      points.push_back(
          {{"id", chunk.node_id},
           {"vector", {{kDense, chunk.vector}, {kSparse, sparse_json(sparse_passage(chunk.text))}}},
           {"payload",
            {{"doc_id", chunk.doc_id},
             {"text", chunk.text},
             {"metadata", chunk.metadata},
             {"metadata_text", codec::render_json(chunk.metadata)},
             {"sequence", stamps_.next_sequence()},
             {"write", write}}}});
    }
    RETURN_IF_ERROR(call(context, "PUT", path_of(index) + "/points?wait=true",
                         {{"points", std::move(points)}}));
  }
  if (documents.empty()) return {};
  // What is new is there; only now may what was there go.
  const std::vector<std::string> doc_ids(documents.begin(), documents.end());
  const Json old = {
      {"must", Json::array({any_document(doc_ids)})},
      {"must_not", Json::array({Json{{"key", "write"}, {"match", {{"value", write}}}}})}};
  RETURN_IF_ERROR(
      call(context, "POST", path_of(index) + "/points/delete?wait=true", {{"filter", old}}));
  return {};
}

Result<std::size_t> QdrantStore::count_raw(const Context& context, std::string_view index,
                                           const Json& filter) const {
  ASSIGN_OR_RETURN(const Json result, call(context, "POST", path_of(index) + "/points/count",
                                           {{"filter", filter}, {"exact", true}}));
  return static_cast<std::size_t>(codec::int_at(result, {"count"}));
}

Result<std::size_t> QdrantStore::remove(const Context& context, std::string_view index,
                                        std::span<const std::string> doc_ids) {
  const Json filter = {{"must", Json::array({any_document(doc_ids)})}};
  ASSIGN_OR_RETURN(const std::size_t there, count_raw(context, index, filter));
  RETURN_IF_ERROR(
      call(context, "POST", path_of(index) + "/points/delete?wait=true", {{"filter", filter}}));
  return there;
}

Result<std::vector<StoreHit>> QdrantStore::search(const Context& context, std::string_view index,
                                                  const StoreQuery& query) {
  if (query.hits_max == 0) return std::vector<StoreHit>{};
  ASSIGN_OR_RETURN(const Filter parsed, parse_filter(query.filter));
  ASSIGN_OR_RETURN(const Json filter, qdrant_filter(parsed));
  ASSIGN_OR_RETURN(const Json result, call(context, "POST", path_of(index) + "/points/query",
                                           query_of(query, filter)));
  std::vector<StoreHit> hits;
  for (const Json& point : codec::list_at(result, {"points"})) {
    ASSIGN_OR_RETURN(StoredChunk chunk, read_chunk(point));
    hits.push_back({.chunk = std::move(chunk),
                    .score = static_cast<float>(codec::number_or(point, "score", 0))});
  }
  return hits;
}

Result<std::vector<StoredChunk>> QdrantStore::list(const Context& context, std::string_view index,
                                                   const ListPage& page) {
  ASSIGN_OR_RETURN(const Filter parsed, parse_filter(page.filter));
  ASSIGN_OR_RETURN(const Json filter, qdrant_filter(parsed));
  // With an order, Qdrant has no page that begins somewhere: what lies before it is read as well.
  ASSIGN_OR_RETURN(const Json result,
                   call(context, "POST", path_of(index) + "/points/scroll",
                        {{"filter", filter},
                         {"limit", page.offset + page.limit},
                         {"with_payload", true},
                         {"with_vector", false},
                         {"order_by", {{"key", "sequence"}, {"direction", "asc"}}}}));
  std::vector<StoredChunk> chunks;
  const Json& points = codec::list_at(result, {"points"});
  for (std::size_t i = page.offset; i < points.size(); ++i) {
    ASSIGN_OR_RETURN(StoredChunk chunk, read_chunk(points[i]));
    chunks.push_back(std::move(chunk));
  }
  return chunks;
}

Result<std::size_t> QdrantStore::count(const Context& context, std::string_view index,
                                       const Json* filter) {
  ASSIGN_OR_RETURN(const Filter parsed, parse_filter(filter));
  ASSIGN_OR_RETURN(const Json json, qdrant_filter(parsed));
  return count_raw(context, index, json);
}

}  // namespace rage::vectordb
