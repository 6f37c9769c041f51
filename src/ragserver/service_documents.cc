// Routes of documents: indexing, listing, changing, finding.
#include <algorithm>
#include <chrono>
#include <map>
#include <optional>

#include "base/strings.h"
#include "codec/uri.h"
#include "rag/hashes.h"
#include "ragserver/documents.h"
#include "ragserver/responses.h"
#include "ragserver/service.h"
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

// Of a query string; absent, empty and null are none.
Result<rag::MetadataFilter> read_filter(const codec::QueryParameters& query) {
  const auto text = codec::find_parameter(query, "metadata_filter");
  if (!text || text->empty()) return rag::MetadataFilter();
  const auto parsed = codec::parse_json(*text);
  if (parsed && parsed->is_null()) return rag::MetadataFilter();
  if (!parsed || !parsed->is_object()) {
    return fail(ErrorCode::kInvalidArgument,
                "Invalid metadata filter format. Must be a valid JSON string.");
  }
  return rag::MetadataFilter::parse(*parsed);
}

// A row of a listing is a chunk, perhaps cut: stored as the text of its document it would cost the
// rest. Listed rows are known by what only listings fill. None if nothing would be lost.
std::optional<std::string> find_loss(const rag::Snapshot& snapshot,
                                     const std::vector<RequestDocument>& documents) {
  std::map<std::string_view, std::size_t> rows;  // Of the documents that look listed.
  for (const RequestDocument& document : documents) {
    if (document.is_truncated) {
      return fmt::format(
          "Document '{}' is marked is_truncated: its text was cut when it was listed, and storing "
          "it "
          "would lose the rest. List it with a larger max_text_length.",
          document.doc_id);
    }
    if (document.hash_value.is_string()) rows[document.doc_id] = 0;
  }
  if (rows.empty()) return std::nullopt;
  snapshot.for_each_row([&](const rag::Row& row) {
    const auto found = rows.find(row.chunk->doc_id);
    if (found != rows.end()) ++found->second;
    return true;
  });
  for (const auto& [doc_id, count] : rows) {
    if (count <= 1) continue;
    return fmt::format(
        "Document '{}' has {} rows, and a row with its hash_value is one of them: storing it would "
        "lose the others. Send the whole text, without hash_value.",
        doc_id, count);
  }
  return std::nullopt;
}

}  // namespace

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

HttpResponse RagService::list_documents(const Call& call, const std::string& name) {
  ValidationErrors errors;
  const auto query = codec::parse_query(call.request.query);
  const auto limit = read_query_integer(query, "limit", kPageDefault, {1, kPageMax}, errors);
  const auto offset = read_query_integer(query, "offset", 0, {.min = 0}, errors);
  const auto length =
      read_query_integer(query, "max_text_length", kTextLengthDefault, {.min = 1}, errors);
  if (!errors.empty()) return errors.response();
  auto collection = collections_.find(name);
  if (const auto decoded = codec::percent_decode(name); !collection && decoded) {
    collection =
        collections_.find(*decoded);  // Clients that encode twice: the original takes them here.
  }
  if (!collection) return render_error(collections_.find(name).error());
  const auto filter = read_filter(query);
  if (!filter) return render_error(filter.error());
  Json rows = Json::array();
  std::int64_t total = 0;
  (*collection)->snapshot()->for_each_row([&](const rag::Row& row) {
    const rag::Chunk& chunk = *row.chunk;
    if (!filter->matches(chunk.metadata)) return true;
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
  const auto collection = collections_.find(name);
  if (!collection) return render_error(collection.error());
  const auto loss = find_loss(*(*collection)->snapshot(), documents);
  if (loss) return render_error(400, *loss);
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
  // The same id twice is reported twice, as in the original: remove each once, look each up.
  std::vector<std::string> distinct = ids;
  std::ranges::sort(distinct);
  distinct.erase(std::ranges::unique(distinct).begin(), distinct.end());
  const auto found = collections_.remove_documents(call.context, name, distinct);
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
  const auto filter_json = read_object(*body, loc, "metadata_filter", nullptr, errors);
  if (!errors.empty()) return errors.response();
  const auto collection = collections_.find(*name);
  if (!collection) return render_error(collection.error());
  if (trim(*query).empty()) return render_error(400, "Query string cannot be empty.");
  const auto filter =
      filter_json->is_object() ? rag::MetadataFilter::parse(*filter_json) : rag::MetadataFilter();
  if (!filter) return render_error(filter.error());
  const auto started = std::chrono::steady_clock::now();
  const auto wanted = static_cast<std::size_t>(*hits_max);
  rag::SearchFigures figures;
  const rag::Demands demands = rag::read_demands(*query, (*collection)->fields().get());
  const auto hits = collections_.retrieve(call.context, **collection, *query, wanted, *filter,
                                          &figures, &demands);
  if (!hits) return render_error(hits.error());
  metrics_.retrieved(*hits, figures, wanted, std::chrono::steady_clock::now() - started);
  Json results = Json::array();
  for (const rag::RetrievedChunk& hit : *hits) results.push_back(render_hit(hit));
  const std::size_t count = results.size();
  return json_ok({{"query", *query}, {"results", std::move(results)}, {"count", count}});
}

}  // namespace rage::ragserver
