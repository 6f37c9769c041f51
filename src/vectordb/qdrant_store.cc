#include "vectordb/qdrant_store.h"

#include <algorithm>
#include <chrono>
#include <map>

#include "base/sha256.h"
#include "base/strings.h"
#include "codec/documents.h"
#include "codec/uri.h"

namespace rage::vectordb {
namespace {

using codec::Json;

constexpr const char* kDense = "text-dense";
constexpr std::size_t kUpsertPoints = 256;  // A request.
constexpr std::size_t kPagePoints = 5000;   // Of a scroll.
constexpr int kPagesMax = 1000;
constexpr std::chrono::milliseconds kQdrantTryAgainAfter{1'000};

Json any_of(const char* key, Json values) {
  return {{"key", key}, {"match", {{"any", std::move(values)}}}};
}

Json all_of(Json condition) {
  return {{"must", Json::array({std::move(condition)})}};
}

template <class T>
Json list_of(std::span<const T> values) {
  return std::vector<T>(values.begin(), values.end());
}

std::int64_t integer_at(const Json& object, std::string_view key) {
  const Json* value = codec::find_key(object, key);
  return value != nullptr && value->is_number_integer() ? value->get<std::int64_t>() : 0;
}

std::vector<float> vector_at(const Json& point) {
  std::vector<float> vector;
  for (const Json& number : codec::list_at(point, {"vector", kDense})) {
    if (number.is_number()) vector.push_back(number.get<float>());
  }
  return vector;
}

Result<StoredChunk> read_chunk(const Json& point) {
  const Json& payload = codec::map_at(point, {"payload"});
  StoredChunk chunk{
      .sequence = integer_at(payload, "sequence"),
      .doc_id = codec::text_at(payload, {"doc_id"}),
      .node_id = codec::text_at(point, {"id"}),
      .text = codec::text_at(payload, {"text"}),
      .document = codec::text_at(payload, {"document"}),
      .begin = static_cast<std::size_t>(std::max<std::int64_t>(0, integer_at(payload, "begin")))};
  auto metadata = codec::parse_json(codec::text_at(payload, {"metadata_text"}));
  if (chunk.node_id.empty() || chunk.sequence <= 0 || !metadata || !metadata->is_object()) {
    return fail(ErrorCode::kDataLoss, "the database holds a point that is no chunk");
  }
  chunk.metadata = *std::move(metadata);
  chunk.vector = vector_at(point);
  return chunk;
}

Json point_of(const StoredChunk& chunk, std::int64_t sequence, const std::string& write) {
  return {{"id", chunk.node_id},
          {"vector", {{kDense, chunk.vector}}},
          {"payload",
           {{"doc_id", chunk.doc_id},
            {"text", chunk.text},
            {"document", chunk.document},
            {"begin", chunk.begin},
            {"metadata", chunk.metadata},
            {"metadata_text", codec::render_json(chunk.metadata)},
            {"sequence", sequence},
            {"write", write}}}};
}

std::unexpected<Error> unavailable(const std::string& detail) {
  return fail(Error{.code = ErrorCode::kUnavailable,
                    .message = "the vector database does not answer: try again",
                    .detail = detail,
                    .retry_after = kQdrantTryAgainAfter});
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
    return fail(Error{
        .code = ErrorCode::kInternal, .message = "Qdrant refuses the API key", .detail = detail});
  }
  if (reply.status == 429 || reply.status >= 500) return unavailable(detail);
  return fail(
      Error{.code = ErrorCode::kInternal, .message = "Qdrant refused a request", .detail = detail});
}

// Ids of points are UUIDs: this one is the index's in the registry.
std::string point_id_of(std::string_view index) {
  const std::string hash = sha256_hex(index);
  return fmt::format("{}-{}-{}-{}-{}", hash.substr(0, 8), hash.substr(8, 4), hash.substr(12, 4),
                     hash.substr(16, 4), hash.substr(20, 12));
}

}  // namespace

std::int64_t ClockStamps::next_sequence() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const std::int64_t clock = std::chrono::nanoseconds(now).count();
  return last_.with([&](std::int64_t& last) { return last = std::max(last + 1, clock); });
}

std::string ClockStamps::next_write() {
  return random_uuid();
}

QdrantStore::QdrantStore(net::HttpTransport& transport, WriteStamps& stamps,
                         const QdrantOptions& options)
    : transport_(transport), stamps_(stamps), options_(options) {}

std::string QdrantStore::path_of(std::string_view index) const {
  // Twice: once as the collection's name, once to put that into a path.
  return "/collections/" +
         codec::percent_encode(options_.prefix + "index-" + codec::percent_encode(index));
}

std::string QdrantStore::registry() const {
  return "/collections/" + codec::percent_encode(options_.prefix + "registry");
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
  const auto reply = transport_.fetch(limited, request);
  if (!reply && reply.error().code == ErrorCode::kUnavailable) {
    return unavailable(reply.error().message);
  }
  if (!reply) return fail(reply.error());
  if (reply->status < 200 || reply->status > 299) return error_of(*reply, path);
  auto json = codec::parse_json(reply->body);
  const Json* result = json ? codec::find_key(*json, "result") : nullptr;
  if (result == nullptr)
    return fail(ErrorCode::kDataLoss, "Qdrant's reply is not what it should be");
  return *result;
}

Result<std::vector<Json>> QdrantStore::scroll(const Context& context, const std::string& path,
                                              const Json& request) const {
  std::vector<Json> points;
  Json page = request;
  page["limit"] = kPagePoints;
  for (int pages = 0; pages < kPagesMax; ++pages) {
    ASSIGN_OR_RETURN(const Json result, call(context, "POST", path + "/points/scroll", page));
    for (const Json& point : codec::list_at(result, {"points"})) points.push_back(point);
    const Json* next = codec::find_key(result, "next_page_offset");
    if (next == nullptr || next->is_null()) return points;
    page["offset"] = *next;
  }
  return fail(ErrorCode::kResourceExhausted, "Qdrant's collection has no end, or too many points");
}

Result<std::vector<Json>> QdrantStore::registered(const Context& context) const {
  auto points = scroll(context, registry(), {{"with_payload", true}, {"with_vector", false}});
  if (!points && points.error().code == ErrorCode::kNotFound) return std::vector<Json>{};
  if (!points) return fail(points.error());
  std::vector<Json> payloads;
  for (const Json& point : *points) payloads.push_back(codec::map_at(point, {"payload"}));
  std::ranges::sort(payloads, {},
                    [](const Json& payload) { return integer_at(payload, "created"); });
  return payloads;
}

Result<std::vector<std::string>> QdrantStore::indexes(const Context& context) {
  ASSIGN_OR_RETURN(const auto payloads, registered(context));
  std::vector<std::string> names;
  for (const Json& payload : payloads) names.push_back(codec::text_at(payload, {"name"}));
  return names;
}

Result<void> QdrantStore::ensure_registry(const Context& context) const {
  const auto there = call(context, "GET", registry(), nullptr);
  if (there) return {};
  if (there.error().code != ErrorCode::kNotFound) return fail(there.error());
  // Its points have no meaning but their payload; collections need a vector.
  RETURN_IF_ERROR(
      call(context, "PUT", registry(), {{"vectors", {{"size", 1}, {"distance", "Dot"}}}}));
  return {};
}

Result<void> QdrantStore::create_index(const Context& context, std::string_view index,
                                       const StoredIndex& made) {
  const auto known = find_index(context, index);
  if (known) return {};
  if (known.error().code != ErrorCode::kNotFound) return fail(known.error());
  RETURN_IF_ERROR(ensure_registry(context));
  const std::string path = path_of(index);
  const auto there = call(context, "GET", path, nullptr);  // A creation that was cut short.
  if (!there) {
    if (there.error().code != ErrorCode::kNotFound) return fail(there.error());
    RETURN_IF_ERROR(
        call(context, "PUT", path,
             {{"vectors", {{kDense, {{"size", made.dimension}, {"distance", "Cosine"}}}}}}));
  }
  for (const auto& [field, kind] :
       {std::pair("doc_id", "keyword"), std::pair("sequence", "integer")}) {
    RETURN_IF_ERROR(call(context, "PUT", path + "/index?wait=true",
                         {{"field_name", field}, {"field_schema", kind}}));
  }
  // Last: from here on the index is there.
  const Json payload = {{"name", index},
                        {"created", stamps_.next_sequence()},
                        {"embedder", made.embedder},
                        {"dimension", made.dimension},
                        {"setting", made.setting},
                        {"version", stamps_.next_write()}};
  const Json point = {
      {"id", point_id_of(index)}, {"vector", Json::array({1.0})}, {"payload", payload}};
  RETURN_IF_ERROR(
      call(context, "PUT", registry() + "/points?wait=true", {{"points", Json::array({point})}}));
  return {};
}

Result<StoredIndex> QdrantStore::find_index(const Context& context, std::string_view index) {
  const auto point = call(context, "GET", registry() + "/points/" + point_id_of(index), nullptr);
  if (!point && point.error().code == ErrorCode::kNotFound) {
    return fail(ErrorCode::kNotFound, "no such index: '{}'", index);
  }
  if (!point) return fail(point.error());
  const Json& payload = codec::map_at(*point, {"payload"});
  return StoredIndex{.id = std::to_string(integer_at(payload, "created")),
                     .embedder = codec::text_at(payload, {"embedder"}),
                     .dimension = static_cast<std::size_t>(integer_at(payload, "dimension")),
                     .setting = codec::text_at(payload, {"setting"}),
                     .version = codec::text_at(payload, {"version"})};
}

Result<void> QdrantStore::note(const Context& context, std::string_view index, Json changes) const {
  RETURN_IF_ERROR(
      call(context, "POST", registry() + "/points/payload?wait=true",
           {{"payload", std::move(changes)}, {"points", Json::array({point_id_of(index)})}}));
  return {};
}

Result<void> QdrantStore::set_setting(const Context& context, std::string_view index,
                                      std::string_view setting) {
  RETURN_IF_ERROR(find_index(context, index));
  return note(context, index, {{"setting", setting}});
}

Result<void> QdrantStore::drop_index(const Context& context, std::string_view index) {
  RETURN_IF_ERROR(find_index(context, index));
  // The registry last: a drop that was cut short can be done again.
  RETURN_IF_ERROR(call(context, "DELETE", path_of(index), nullptr));
  RETURN_IF_ERROR(call(context, "POST", registry() + "/points/delete?wait=true",
                       {{"points", Json::array({point_id_of(index)})}}));
  return {};
}

Result<bool> QdrantStore::is_as_expected(const Context& context, std::string_view index,
                                         std::span<const Expected> expected) const {
  if (expected.empty()) return true;
  Json doc_ids = Json::array();
  std::map<std::string, std::int64_t> firsts;
  for (const Expected& one : expected) doc_ids.push_back(one.doc_id);
  ASSIGN_OR_RETURN(const auto points,
                   scroll(context, path_of(index),
                          {{"filter", all_of(any_of("doc_id", std::move(doc_ids)))},
                           {"with_payload", Json::array({"doc_id", "sequence"})},
                           {"with_vector", false}}));
  for (const Json& point : points) {
    const Json& payload = codec::map_at(point, {"payload"});
    const std::int64_t sequence = integer_at(payload, "sequence");
    auto& first = firsts.try_emplace(codec::text_at(payload, {"doc_id"}), sequence).first->second;
    first = std::min(first, sequence);
  }
  return std::ranges::all_of(expected, [&](const Expected& one) {
    const auto found = firsts.find(one.doc_id);
    return one.first == (found == firsts.end() ? 0 : found->second);
  });
}

Result<Written> QdrantStore::replace(const Context& context, std::string_view index,
                                     const ReplaceRequest& request) {
  RETURN_IF_ERROR(find_index(context, index));
  ASSIGN_OR_RETURN(const bool expected, is_as_expected(context, index, request.expected));
  if (!expected) return Written{.conflict = true};
  const std::string write = stamps_.next_write();
  for (std::size_t first = 0; first < request.chunks.size(); first += kUpsertPoints) {
    Json points = Json::array();
    for (const StoredChunk& chunk :
         request.chunks.subspan(first, std::min(kUpsertPoints, request.chunks.size() - first))) {
      points.push_back(point_of(chunk, stamps_.next_sequence(), write));
    }
    RETURN_IF_ERROR(call(context, "PUT", path_of(index) + "/points?wait=true",
                         {{"points", std::move(points)}}));
  }
  // What is new is there; only now may what was there go.
  if (request.all || !request.doc_ids.empty()) {
    Json old = {{"must_not", Json::array({Json{{"key", "write"}, {"match", {{"value", write}}}}})}};
    if (!request.all) {
      old["must"] = Json::array({any_of("doc_id", list_of(request.doc_ids))});
    }
    RETURN_IF_ERROR(
        call(context, "POST", path_of(index) + "/points/delete?wait=true", {{"filter", old}}));
  }
  Written written{.after = stamps_.next_write()};
  RETURN_IF_ERROR(note(context, index, {{"version", written.after}}));
  return written;
}

Result<std::vector<std::int64_t>> QdrantStore::sequences(const Context& context,
                                                         std::string_view index) {
  ASSIGN_OR_RETURN(const auto points,
                   scroll(context, path_of(index),
                          {{"with_payload", Json::array({"sequence"})}, {"with_vector", false}}));
  std::vector<std::int64_t> all;
  for (const Json& point : points) {
    all.push_back(integer_at(codec::map_at(point, {"payload"}), "sequence"));
  }
  std::ranges::sort(all);
  return all;
}

Result<std::vector<StoredChunk>> QdrantStore::read(const Context& context, std::string_view index,
                                                   std::span<const std::int64_t> wanted,
                                                   bool with_vectors) {
  ASSIGN_OR_RETURN(const auto points,
                   scroll(context, path_of(index),
                          {{"filter", all_of(any_of("sequence", list_of(wanted)))},
                           {"with_payload", true},
                           {"with_vector", with_vectors}}));
  std::vector<StoredChunk> chunks;
  for (const Json& point : points) {
    ASSIGN_OR_RETURN(StoredChunk chunk, read_chunk(point));
    chunks.push_back(std::move(chunk));
  }
  std::ranges::sort(chunks, {}, &StoredChunk::sequence);
  return chunks;
}

Result<std::vector<Near>> QdrantStore::nearest(const Context& context, std::string_view index,
                                               const NearQuery& query) {
  Json searches = Json::array();
  const auto add = [&](std::size_t limit, const std::span<const std::int64_t>* among) {
    Json search = {{"query", list_of(query.vector)},
                   {"using", kDense},
                   {"limit", limit},
                   {"with_payload", Json::array({"sequence"})}};
    if (among != nullptr) search["filter"] = all_of(any_of("sequence", list_of(*among)));
    searches.push_back(std::move(search));
  };
  if (query.among == nullptr) {
    add(query.hits_max, nullptr);
  } else if (!query.among->empty()) {
    const std::span<const std::int64_t> among = *query.among;
    add(std::min(query.hits_max, among.size()), &among);
  }
  if (!query.also.empty()) add(query.also.size(), &query.also);
  std::vector<Near> found;
  if (searches.empty()) return found;
  ASSIGN_OR_RETURN(const Json result, call(context, "POST", path_of(index) + "/points/query/batch",
                                           {{"searches", std::move(searches)}}));
  for (std::size_t i = 0; result.is_array() && i < result.size(); ++i) {
    for (const Json& point : codec::list_at(result[i], {"points"})) {
      found.push_back({.sequence = integer_at(codec::map_at(point, {"payload"}), "sequence"),
                       .cosine = static_cast<float>(codec::number_or(point, "score", 0))});
    }
  }
  return found;
}

}  // namespace rage::vectordb
