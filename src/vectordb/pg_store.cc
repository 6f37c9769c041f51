#include "vectordb/pg_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace rage::vectordb {
namespace {

// pgvector builds HNSW for up to so many dimensions; beyond, searches are exact.
constexpr std::size_t kIndexedDimensionMax = 2000;
constexpr std::size_t kPoolMin = 200;     // Candidates of each side before their ranks are summed.
constexpr std::size_t kInsertRows = 200;  // Chunks a statement.
constexpr int kRankConstant = 60;

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 40 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

Result<StoredChunk> read_chunk(const PgRows& rows, std::size_t row) {
  StoredChunk chunk{.doc_id = std::string(rows.text(row, 0)),
                    .node_id = std::string(rows.text(row, 1)),
                    .text = std::string(rows.text(row, 2))};
  auto metadata = codec::parse_json(rows.text(row, 3));
  if (!metadata) return fail(ErrorCode::kDataLoss, "stored metadata is damaged");
  chunk.metadata = *std::move(metadata);
  return chunk;
}

constexpr std::string_view kColumns = "doc_id, node_id::text, body, metadata_text";

Sql insert_of(const std::string& table, std::span<const StoredChunk> chunks) {
  std::vector<std::string> docs;
  std::vector<std::string> nodes;
  std::vector<std::string> texts;
  std::vector<std::string> metadata;
  std::vector<std::string> vectors;
  for (const StoredChunk& chunk : chunks) {
    docs.push_back(chunk.doc_id);
    nodes.push_back(chunk.node_id);
    texts.push_back(chunk.text);
    metadata.push_back(codec::render_json(chunk.metadata));
    vectors.push_back(vector_literal(chunk.vector));
  }
  Sql sql;
  const std::string doc = sql.bind(array_literal(docs));
  const std::string node = sql.bind(array_literal(nodes));
  const std::string text = sql.bind(array_literal(texts));
  const std::string meta = sql.bind(array_literal(metadata));
  const std::string vector = sql.bind(array_literal(vectors));
  sql.text = fmt::format(
      "INSERT INTO {}(doc_id, node_id, body, metadata_text, metadata, embedding) "
      "SELECT d, n, b, m, m::jsonb, v::vector FROM unnest({}::text[], {}::uuid[], {}::text[], "
      "{}::text[], {}::text[]) WITH ORDINALITY AS u(d, n, b, m, v, place) ORDER BY place",
      table, doc, node, text, meta, vector);
  return sql;
}

Sql delete_of(const std::string& table, std::span<const std::string> doc_ids) {
  Sql sql;
  sql.text = fmt::format("DELETE FROM {} WHERE doc_id = ANY({}::text[])", table,
                         sql.bind(array_literal(doc_ids)));
  return sql;
}

// Dense alone: by cosine. With text: the sum of reciprocal ranks, 1 for first on both sides.
Sql search_of(const std::string& table, const StoreQuery& query, const Filter& filter) {
  Sql sql;
  const std::size_t pool = std::max(kPoolMin, 3 * query.hits_max);
  const std::string vector = sql.bind(vector_literal(query.vector));
  Sql condition{.text = {}, .parameters = std::move(sql.parameters)};
  append_condition(condition, filter);
  sql.parameters = std::move(condition.parameters);
  const std::string near = fmt::format(
      "SELECT sequence, 1 - (embedding <=> {0}::vector) AS cosine FROM {1} WHERE {2} "
      "ORDER BY embedding <=> {0}::vector LIMIT {3}",
      vector, table, condition.text, query.text.empty() ? query.hits_max : pool);
  if (query.text.empty()) {
    sql.text = fmt::format(
        "WITH near AS ({}) SELECT {}, cosine FROM near JOIN {} USING (sequence) "
        "ORDER BY cosine DESC, sequence",
        near, kColumns, table);
    return sql;
  }
  // Any word may match; the parser's own reading of the question, with OR between its words.
  const std::string words =
      fmt::format("replace(plainto_tsquery('english', {}::text)::text, ' & ', ' | ')::tsquery",
                  sql.bind(query.text));
  sql.text = fmt::format(
      "WITH near AS ({0}), asked AS (SELECT {1} AS words), worded AS ("
      "SELECT sequence, ts_rank_cd(terms, asked.words, 1) AS rank FROM {2}, asked "
      "WHERE terms @@ asked.words AND {3} ORDER BY rank DESC, sequence LIMIT {4}), "
      "ranked AS (SELECT sequence, "
      "row_number() OVER (ORDER BY cosine DESC, sequence) AS place FROM near UNION ALL "
      "SELECT sequence, row_number() OVER (ORDER BY rank DESC, sequence) FROM worded), "
      "fused AS (SELECT sequence, sum(({5} + 1.0) / ({5} + place)) / 2 AS score FROM ranked "
      "GROUP BY sequence ORDER BY score DESC, sequence LIMIT {6}) "
      "SELECT {7}, score FROM fused JOIN {2} USING (sequence) ORDER BY score DESC, sequence",
      near, words, table, condition.text, pool, kRankConstant, query.hits_max, kColumns);
  return sql;
}

}  // namespace

PgStore::PgStore(const PgStoreOptions& options)
    : schema_(options.schema), connection_(options.address, options.password) {}

Result<std::unique_ptr<PgStore>> PgStore::open(const Context& context,
                                               const PgStoreOptions& options) {
  if (options.address.empty()) return fail(ErrorCode::kInvalidArgument, "no address of a database");
  if (!is_name(options.schema)) {
    return fail(ErrorCode::kInvalidArgument, "'{}' is no name for a schema", options.schema);
  }
  std::unique_ptr<PgStore> store(new PgStore(options));
  RETURN_IF_ERROR(store->prepare(context));
  return store;
}

Result<void> PgStore::prepare(const Context& context) {
  MutexLock lock(mutex_);
  RETURN_IF_ERROR(connection_.run(context, "SELECT 1"));
  if (!connection_.run(context, "CREATE EXTENSION IF NOT EXISTS vector")) {
    return fail(ErrorCode::kFailedPrecondition,
                "the database has no pgvector, or does not let this user create the extension: "
                "run CREATE EXTENSION vector as its owner");
  }
  // Since 0.8 a walk goes on until a filter's page is full.
  ASSIGN_OR_RETURN(const PgRows version,
                   connection_.run(context,
                                   "SELECT string_to_array(extversion, '.')::int[] >= "
                                   "ARRAY[0, 8] FROM pg_extension WHERE extname = 'vector'"));
  if (version.size() != 1 || version.text(0, 0) != "t") {
    return fail(ErrorCode::kFailedPrecondition,
                "the database's pgvector is older than 0.8: ALTER EXTENSION vector UPDATE");
  }
  RETURN_IF_ERROR(
      connection_.run(context, fmt::format("CREATE SCHEMA IF NOT EXISTS \"{}\"", schema_)));
  RETURN_IF_ERROR(
      connection_.run(context, fmt::format("CREATE TABLE IF NOT EXISTS \"{}\".indexes("
                                           "id bigserial PRIMARY KEY, name text NOT NULL UNIQUE, "
                                           "dimension int NOT NULL)",
                                           schema_)));
  return {};
}

Result<std::string> PgStore::table_of(const Context& context, std::string_view index) {
  Sql sql;
  sql.text = fmt::format("SELECT id FROM \"{}\".indexes WHERE name = {}::text", schema_,
                         sql.bind(std::string(index)));
  ASSIGN_OR_RETURN(const PgRows rows, connection_.run(context, sql));
  if (rows.size() == 0) return fail(ErrorCode::kNotFound, "no such index: '{}'", index);
  return fmt::format("\"{}\".\"chunks_{}\"", schema_, rows.text(0, 0));
}

Result<void> PgStore::ensure_index(const Context& context, std::string_view index,
                                   std::size_t dimension) {
  MutexLock lock(mutex_);
  ASSIGN_OR_RETURN(const auto transaction, PgTransaction::begin(context, connection_));
  Sql insert;
  const std::string name = insert.bind(std::string(index));
  insert.text = fmt::format(
      "INSERT INTO \"{}\".indexes(name, dimension) VALUES({}::text, {}) "
      "ON CONFLICT (name) DO NOTHING",
      schema_, name, dimension);
  ASSIGN_OR_RETURN(const PgRows inserted, connection_.run(context, insert));
  Sql select;
  select.text = fmt::format("SELECT dimension FROM \"{}\".indexes WHERE name = {}::text", schema_,
                            select.bind(std::string(index)));
  ASSIGN_OR_RETURN(const PgRows rows, connection_.run(context, select));
  if (rows.size() != 1 || rows.number(0, 0) != static_cast<double>(dimension)) {
    return fail(ErrorCode::kFailedPrecondition, "index '{}' has vectors of {} dimensions, not {}",
                index, rows.size() == 1 ? rows.text(0, 0) : "unknown", dimension);
  }
  if (inserted.affected() == 0) return transaction->commit();
  ASSIGN_OR_RETURN(const std::string table, table_of(context, index));
  RETURN_IF_ERROR(connection_.run(
      context,
      fmt::format("CREATE TABLE {}(sequence bigserial PRIMARY KEY, doc_id text NOT NULL, "
                  "node_id uuid NOT NULL, body text NOT NULL, metadata_text text NOT NULL, "
                  "metadata jsonb NOT NULL, embedding vector({}) NOT NULL, terms tsvector "
                  "GENERATED ALWAYS AS (to_tsvector('english', body)) STORED)",
                  table, dimension)));
  RETURN_IF_ERROR(connection_.run(context, fmt::format("CREATE INDEX ON {}(doc_id)", table)));
  RETURN_IF_ERROR(
      connection_.run(context, fmt::format("CREATE INDEX ON {} USING gin(terms)", table)));
  if (dimension <= kIndexedDimensionMax) {
    RETURN_IF_ERROR(connection_.run(
        context, fmt::format("CREATE INDEX ON {} USING hnsw(embedding vector_cosine_ops)", table)));
  }
  return transaction->commit();
}

Result<std::vector<std::string>> PgStore::indexes(const Context& context) {
  MutexLock lock(mutex_);
  ASSIGN_OR_RETURN(
      const PgRows rows,
      connection_.run(context,
                      fmt::format("SELECT name FROM \"{}\".indexes ORDER BY id", schema_)));
  std::vector<std::string> names;
  for (std::size_t row = 0; row < rows.size(); ++row) names.emplace_back(rows.text(row, 0));
  return names;
}

Result<void> PgStore::drop_index(const Context& context, std::string_view index) {
  MutexLock lock(mutex_);
  ASSIGN_OR_RETURN(const auto transaction, PgTransaction::begin(context, connection_));
  ASSIGN_OR_RETURN(const std::string table, table_of(context, index));
  RETURN_IF_ERROR(connection_.run(context, "DROP TABLE " + table));
  Sql erase;
  erase.text = fmt::format("DELETE FROM \"{}\".indexes WHERE name = {}::text", schema_,
                           erase.bind(std::string(index)));
  RETURN_IF_ERROR(connection_.run(context, erase));
  return transaction->commit();
}

Result<void> PgStore::replace(const Context& context, std::string_view index,
                              std::span<const StoredChunk> chunks) {
  MutexLock lock(mutex_);
  ASSIGN_OR_RETURN(const auto transaction, PgTransaction::begin(context, connection_));
  ASSIGN_OR_RETURN(const std::string table, table_of(context, index));
  std::set<std::string> documents;
  for (const StoredChunk& chunk : chunks) documents.insert(chunk.doc_id);
  const std::vector<std::string> doc_ids(documents.begin(), documents.end());
  RETURN_IF_ERROR(connection_.run(context, delete_of(table, doc_ids)));
  for (std::size_t first = 0; first < chunks.size(); first += kInsertRows) {
    const auto part = chunks.subspan(first, std::min(kInsertRows, chunks.size() - first));
    RETURN_IF_ERROR(connection_.run(context, insert_of(table, part)));
  }
  return transaction->commit();
}

Result<std::size_t> PgStore::remove(const Context& context, std::string_view index,
                                    std::span<const std::string> doc_ids) {
  MutexLock lock(mutex_);
  ASSIGN_OR_RETURN(const std::string table, table_of(context, index));
  ASSIGN_OR_RETURN(const PgRows rows, connection_.run(context, delete_of(table, doc_ids)));
  return rows.affected();
}

Result<std::vector<StoreHit>> PgStore::search_table(const Context& context,
                                                    const std::string& table,
                                                    const StoreQuery& query, const Filter& filter) {
  ASSIGN_OR_RETURN(const PgRows rows, connection_.run(context, search_of(table, query, filter)));
  std::vector<StoreHit> hits;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    ASSIGN_OR_RETURN(StoredChunk chunk, read_chunk(rows, row));
    hits.push_back({.chunk = std::move(chunk), .score = static_cast<float>(rows.number(row, 4))});
  }
  return hits;
}

Result<std::vector<StoreHit>> PgStore::search(const Context& context, std::string_view index,
                                              const StoreQuery& query) {
  ASSIGN_OR_RETURN(const Filter filter, parse_filter(query.filter));
  if (query.hits_max == 0) return std::vector<StoreHit>{};
  MutexLock lock(mutex_);
  ASSIGN_OR_RETURN(const std::string table, table_of(context, index));
  ASSIGN_OR_RETURN(const auto transaction, PgTransaction::begin(context, connection_));
  RETURN_IF_ERROR(connection_.run(context, "SET LOCAL hnsw.ef_search = 400"));
  RETURN_IF_ERROR(connection_.run(context, "SET LOCAL hnsw.iterative_scan = relaxed_order"));
  ASSIGN_OR_RETURN(auto hits, search_table(context, table, query, filter));
  if (hits.size() < query.hits_max) {
    // The walk gives up after some rows that do not match: look at all that do.
    RETURN_IF_ERROR(connection_.run(context, "SET LOCAL enable_indexscan = off"));
    ASSIGN_OR_RETURN(hits, search_table(context, table, query, filter));
  }
  RETURN_IF_ERROR(transaction->commit());
  return hits;
}

Result<std::vector<StoredChunk>> PgStore::list(const Context& context, std::string_view index,
                                               const ListPage& page) {
  ASSIGN_OR_RETURN(const Filter filter, parse_filter(page.filter));
  MutexLock lock(mutex_);
  ASSIGN_OR_RETURN(const std::string table, table_of(context, index));
  Sql sql{.text = fmt::format("SELECT {} FROM {} WHERE ", kColumns, table)};
  append_condition(sql, filter);
  sql.text += fmt::format(" ORDER BY sequence LIMIT {} OFFSET {}", page.limit, page.offset);
  ASSIGN_OR_RETURN(const PgRows rows, connection_.run(context, sql));
  std::vector<StoredChunk> chunks;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    ASSIGN_OR_RETURN(StoredChunk chunk, read_chunk(rows, row));
    chunks.push_back(std::move(chunk));
  }
  return chunks;
}

Result<std::size_t> PgStore::count(const Context& context, std::string_view index,
                                   const codec::Json* filter) {
  ASSIGN_OR_RETURN(const Filter parsed, parse_filter(filter));
  MutexLock lock(mutex_);
  ASSIGN_OR_RETURN(const std::string table, table_of(context, index));
  Sql sql{.text = fmt::format("SELECT count(*) FROM {} WHERE ", table)};
  append_condition(sql, parsed);
  ASSIGN_OR_RETURN(const PgRows rows, connection_.run(context, sql));
  return static_cast<std::size_t>(rows.number(0, 0));
}

}  // namespace rage::vectordb
