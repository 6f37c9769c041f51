#include "vectordb/pg_store.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"

namespace rage::vectordb {
namespace {

// pgvector builds HNSW for up to so many dimensions; beyond, searches are exact.
constexpr std::size_t kIndexedDimensionMax = 2000;
constexpr std::size_t kInsertRows = 200;  // Chunks a statement.
// Of programs that make the schema at the same moment, which "IF NOT EXISTS" alone does not bear.
constexpr std::string_view kPrepareLock = "SELECT pg_advisory_xact_lock(7221835461)";

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 40 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

std::unexpected<Error> no_such_index(std::string_view index) {
  return fail(ErrorCode::kNotFound, "no such index: '{}'", index);
}

std::int64_t integer_at(const PgRows& rows, std::size_t row, int column) {
  return static_cast<std::int64_t>(parse_uint(rows.text(row, column)).value_or(0));
}

std::string version_of(std::string_view id, std::int64_t version) {
  return fmt::format("{}.{}", id, version);
}

Result<std::vector<float>> read_vector(std::string_view text) {
  const auto numbers = codec::parse_json(text);
  if (!numbers || !numbers->is_array()) {
    return fail(ErrorCode::kDataLoss, "a stored vector is damaged");
  }
  std::vector<float> vector;
  for (const codec::Json& number : *numbers) {
    if (!number.is_number()) return fail(ErrorCode::kDataLoss, "a stored vector is damaged");
    vector.push_back(number.get<float>());
  }
  return vector;
}

constexpr std::string_view kColumns =
    "sequence, doc_id, node_id::text, body, metadata, begin_at, document";

Result<StoredChunk> read_chunk(const PgRows& rows, std::size_t row, bool with_vector) {
  StoredChunk chunk{.sequence = integer_at(rows, row, 0),
                    .doc_id = std::string(rows.text(row, 1)),
                    .node_id = std::string(rows.text(row, 2)),
                    .text = std::string(rows.text(row, 3)),
                    .document = std::string(rows.text(row, 6)),
                    .begin = static_cast<std::size_t>(integer_at(rows, row, 5))};
  auto metadata = codec::parse_json(rows.text(row, 4));
  if (!metadata) return fail(ErrorCode::kDataLoss, "stored metadata is damaged");
  chunk.metadata = *std::move(metadata);
  if (with_vector) {
    ASSIGN_OR_RETURN(chunk.vector, read_vector(rows.text(row, 7)));
  }
  return chunk;
}

Sql insert_of(const std::string& table, std::span<const StoredChunk> chunks) {
  std::vector<std::string> columns[7];
  for (const StoredChunk& chunk : chunks) {
    columns[0].push_back(chunk.doc_id);
    columns[1].push_back(chunk.node_id);
    columns[2].push_back(chunk.text);
    columns[3].push_back(codec::render_json(chunk.metadata));
    columns[4].push_back(std::to_string(chunk.begin));
    columns[5].push_back(chunk.document);
    columns[6].push_back(vector_literal(chunk.vector));
  }
  Sql sql;
  std::string arrays;
  for (const auto& column : columns) {
    arrays +=
        fmt::format("{}{}::text[]", arrays.empty() ? "" : ", ", sql.bind(array_literal(column)));
  }
  sql.text = fmt::format(
      "INSERT INTO {}(doc_id, node_id, body, metadata, begin_at, document, embedding) "
      "SELECT d, n::uuid, b, m, a::int, w, v::vector FROM unnest({}) WITH ORDINALITY "
      "AS u(d, n, b, m, a, w, v, place) ORDER BY place RETURNING sequence",
      table, arrays);
  return sql;
}

// Whether documents begin with the chunks that the request takes them to begin with.
Result<bool> is_as_expected(const Context& context, PgConnection& connection,
                            const std::string& table, std::span<const Expected> expected) {
  if (expected.empty()) return true;
  std::vector<std::string> doc_ids;
  std::vector<std::int64_t> firsts;
  for (const Expected& one : expected) {
    doc_ids.push_back(one.doc_id);
    firsts.push_back(one.first);
  }
  Sql sql;
  const std::string docs = sql.bind(array_literal(doc_ids));
  const std::string first = sql.bind(array_literal(firsts));
  sql.text = fmt::format(
      "SELECT count(*) FROM unnest({}::text[], {}::bigint[]) AS e(doc, first) WHERE first <> "
      "COALESCE((SELECT min(sequence) FROM {} WHERE doc_id = e.doc), 0)",
      docs, first, table);
  ASSIGN_OR_RETURN(const PgRows rows, connection.run(context, sql));
  return integer_at(rows, 0, 0) == 0;
}

Result<void> delete_old(const Context& context, PgConnection& connection, const std::string& table,
                        const ReplaceRequest& request) {
  Sql erase{.text = "DELETE FROM " + table};
  if (!request.all) {
    if (request.doc_ids.empty()) return {};
    erase.text += " WHERE doc_id = ANY(" + erase.bind(array_literal(request.doc_ids)) + "::text[])";
  }
  RETURN_IF_ERROR(connection.run(context, erase));
  return {};
}

// The rows nearest to the query's vector, or those of `wanted` with their cosine.
Sql near_of(const std::string& table, const NearQuery& query,
            const std::span<const std::int64_t>* wanted, bool nearest) {
  Sql sql;
  const std::string vector = sql.bind(vector_literal(query.vector));
  sql.text = fmt::format("SELECT sequence, 1 - (embedding <=> {}::vector) FROM {}", vector, table);
  if (wanted != nullptr) {
    sql.text +=
        fmt::format(" WHERE sequence = ANY({}::bigint[])", sql.bind(array_literal(*wanted)));
  }
  if (nearest) {
    sql.text += fmt::format(" ORDER BY embedding <=> {}::vector LIMIT {}", vector, query.hits_max);
  }
  return sql;
}

void append_near(const PgRows& rows, std::vector<Near>& found) {
  for (std::size_t row = 0; row < rows.size(); ++row) {
    found.push_back(
        {.sequence = integer_at(rows, row, 0), .cosine = static_cast<float>(rows.number(row, 1))});
  }
}

}  // namespace

PgStore::PgStore(const PgStoreOptions& options)
    : schema_(options.schema), pool_(options.address, options.password, options.connections_max) {}

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
  ASSIGN_OR_RETURN(auto connection, pool_.take(context));
  ASSIGN_OR_RETURN(const auto transaction, PgTransaction::begin(context, *connection));
  RETURN_IF_ERROR(connection->run(context, kPrepareLock));
  if (!connection->run(context, "CREATE EXTENSION IF NOT EXISTS vector")) {
    return fail(ErrorCode::kFailedPrecondition,
                "the database has no pgvector, or does not let this user create the extension: "
                "run CREATE EXTENSION vector as its owner");
  }
  // Since 0.8 a walk goes on until a filter's page is full.
  ASSIGN_OR_RETURN(const PgRows version,
                   connection->run(context,
                                   "SELECT string_to_array(extversion, '.')::int[] >= "
                                   "ARRAY[0, 8] FROM pg_extension WHERE extname = 'vector'"));
  if (version.size() != 1 || version.text(0, 0) != "t") {
    return fail(ErrorCode::kFailedPrecondition,
                "the database's pgvector is older than 0.8: ALTER EXTENSION vector UPDATE");
  }
  RETURN_IF_ERROR(
      connection->run(context, fmt::format("CREATE SCHEMA IF NOT EXISTS \"{}\"", schema_)));
  RETURN_IF_ERROR(
      connection->run(context, fmt::format("CREATE TABLE IF NOT EXISTS \"{}\".indexes("
                                           "id bigserial PRIMARY KEY, name text NOT NULL UNIQUE, "
                                           "embedder text NOT NULL, dimension int NOT NULL, "
                                           "setting text NOT NULL, version bigint NOT NULL)",
                                           schema_)));
  return transaction->commit();
}

std::string PgStore::table_of(std::string_view id) const {
  return fmt::format("\"{}\".\"chunks_{}\"", schema_, id);
}

Result<std::string> PgStore::find_table(const Context& context, PgConnection& connection,
                                        std::string_view index) {
  Sql sql;
  sql.text = fmt::format("SELECT id FROM \"{}\".indexes WHERE name = {}::text", schema_,
                         sql.bind(std::string(index)));
  ASSIGN_OR_RETURN(const PgRows rows, connection.run(context, sql));
  if (rows.size() == 0) return no_such_index(index);
  return table_of(rows.text(0, 0));
}

Result<std::vector<std::string>> PgStore::indexes(const Context& context) {
  ASSIGN_OR_RETURN(auto connection, pool_.take(context));
  ASSIGN_OR_RETURN(
      const PgRows rows,
      connection->run(context,
                      fmt::format("SELECT name FROM \"{}\".indexes ORDER BY id", schema_)));
  std::vector<std::string> names;
  for (std::size_t row = 0; row < rows.size(); ++row) names.emplace_back(rows.text(row, 0));
  return names;
}

Result<void> PgStore::create_index(const Context& context, std::string_view index,
                                   const StoredIndex& made) {
  ASSIGN_OR_RETURN(auto connection, pool_.take(context));
  ASSIGN_OR_RETURN(const auto transaction, PgTransaction::begin(context, *connection));
  Sql insert;
  const std::string name = insert.bind(std::string(index));
  const std::string embedder = insert.bind(made.embedder);
  const std::string setting = insert.bind(made.setting);
  insert.text = fmt::format(
      "INSERT INTO \"{}\".indexes(name, embedder, dimension, setting, version) "
      "VALUES({}::text, {}::text, {}, {}::text, 0) ON CONFLICT (name) DO NOTHING RETURNING id",
      schema_, name, embedder, made.dimension, setting);
  ASSIGN_OR_RETURN(const PgRows inserted, connection->run(context, insert));
  if (inserted.size() == 0) return transaction->commit();
  const std::string table = table_of(inserted.text(0, 0));
  RETURN_IF_ERROR(connection->run(
      context, fmt::format("CREATE TABLE {}(sequence bigserial PRIMARY KEY, doc_id text NOT NULL, "
                           "node_id uuid NOT NULL, body text NOT NULL, metadata text NOT NULL, "
                           "begin_at int NOT NULL, document text NOT NULL, "
                           "embedding vector({}) NOT NULL)",
                           table, made.dimension)));
  RETURN_IF_ERROR(connection->run(context, fmt::format("CREATE INDEX ON {}(doc_id)", table)));
  if (made.dimension <= kIndexedDimensionMax) {
    RETURN_IF_ERROR(connection->run(
        context, fmt::format("CREATE INDEX ON {} USING hnsw(embedding vector_cosine_ops)", table)));
  }
  return transaction->commit();
}

Result<StoredIndex> PgStore::find_index(const Context& context, std::string_view index) {
  ASSIGN_OR_RETURN(auto connection, pool_.take(context));
  Sql sql;
  sql.text = fmt::format(
      "SELECT id, embedder, dimension, setting, version FROM \"{}\".indexes WHERE name = {}::text",
      schema_, sql.bind(std::string(index)));
  ASSIGN_OR_RETURN(const PgRows rows, connection->run(context, sql));
  if (rows.size() == 0) return no_such_index(index);
  return StoredIndex{.id = std::string(rows.text(0, 0)),
                     .embedder = std::string(rows.text(0, 1)),
                     .dimension = static_cast<std::size_t>(integer_at(rows, 0, 2)),
                     .setting = std::string(rows.text(0, 3)),
                     .version = version_of(rows.text(0, 0), integer_at(rows, 0, 4))};
}

Result<void> PgStore::set_setting(const Context& context, std::string_view index,
                                  std::string_view setting) {
  ASSIGN_OR_RETURN(auto connection, pool_.take(context));
  Sql sql;
  const std::string value = sql.bind(std::string(setting));
  sql.text =
      fmt::format("UPDATE \"{}\".indexes SET setting = {}::text WHERE name = {}::text RETURNING id",
                  schema_, value, sql.bind(std::string(index)));
  ASSIGN_OR_RETURN(const PgRows rows, connection->run(context, sql));
  if (rows.size() == 0) return no_such_index(index);
  return {};
}

Result<void> PgStore::drop_index(const Context& context, std::string_view index) {
  ASSIGN_OR_RETURN(auto connection, pool_.take(context));
  ASSIGN_OR_RETURN(const auto transaction, PgTransaction::begin(context, *connection));
  Sql erase;
  erase.text = fmt::format("DELETE FROM \"{}\".indexes WHERE name = {}::text RETURNING id", schema_,
                           erase.bind(std::string(index)));
  ASSIGN_OR_RETURN(const PgRows rows, connection->run(context, erase));
  if (rows.size() == 0) return no_such_index(index);
  RETURN_IF_ERROR(connection->run(context, "DROP TABLE " + table_of(rows.text(0, 0))));
  return transaction->commit();
}

Result<Written> PgStore::replace(const Context& context, std::string_view index,
                                 const ReplaceRequest& request) {
  ASSIGN_OR_RETURN(auto connection, pool_.take(context));
  ASSIGN_OR_RETURN(const auto transaction, PgTransaction::begin(context, *connection));
  // The row is locked from here on: writers of an index take turns, and so do its versions.
  Sql begin;
  begin.text = fmt::format(
      "UPDATE \"{}\".indexes SET version = version + 1 WHERE name = {}::text RETURNING id, version",
      schema_, begin.bind(std::string(index)));
  ASSIGN_OR_RETURN(const PgRows counted, connection->run(context, begin));
  if (counted.size() == 0) return no_such_index(index);
  const std::string id(counted.text(0, 0));
  const std::int64_t version = integer_at(counted, 0, 1);
  const std::string table = table_of(id);
  ASSIGN_OR_RETURN(const bool expected,
                   is_as_expected(context, *connection, table, request.expected));
  if (!expected) return Written{.conflict = true};
  RETURN_IF_ERROR(delete_old(context, *connection, table, request));
  Written written{.before = version_of(id, version - 1), .after = version_of(id, version)};
  for (std::size_t first = 0; first < request.chunks.size(); first += kInsertRows) {
    const auto part =
        request.chunks.subspan(first, std::min(kInsertRows, request.chunks.size() - first));
    ASSIGN_OR_RETURN(const PgRows rows, connection->run(context, insert_of(table, part)));
    for (std::size_t row = 0; row < rows.size(); ++row) {
      written.sequences.push_back(integer_at(rows, row, 0));
    }
  }
  RETURN_IF_ERROR(transaction->commit());
  if (!std::ranges::is_sorted(written.sequences)) written.before.clear();
  return written;
}

Result<std::vector<std::int64_t>> PgStore::sequences(const Context& context,
                                                     std::string_view index) {
  ASSIGN_OR_RETURN(auto connection, pool_.take(context));
  ASSIGN_OR_RETURN(const std::string table, find_table(context, *connection, index));
  ASSIGN_OR_RETURN(const PgRows rows, connection->run(context, "SELECT sequence FROM " + table +
                                                                   " ORDER BY sequence"));
  std::vector<std::int64_t> all;
  all.reserve(rows.size());
  for (std::size_t row = 0; row < rows.size(); ++row) all.push_back(integer_at(rows, row, 0));
  return all;
}

Result<std::vector<StoredChunk>> PgStore::read(const Context& context, std::string_view index,
                                               std::span<const std::int64_t> wanted,
                                               bool with_vectors) {
  ASSIGN_OR_RETURN(auto connection, pool_.take(context));
  ASSIGN_OR_RETURN(const std::string table, find_table(context, *connection, index));
  Sql sql;
  sql.text = fmt::format("SELECT {}{} FROM {} WHERE sequence = ANY({}::bigint[]) ORDER BY sequence",
                         kColumns, with_vectors ? ", embedding::text" : "", table,
                         sql.bind(array_literal(wanted)));
  ASSIGN_OR_RETURN(const PgRows rows, connection->run(context, sql));
  std::vector<StoredChunk> chunks;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    ASSIGN_OR_RETURN(StoredChunk chunk, read_chunk(rows, row, with_vectors));
    chunks.push_back(std::move(chunk));
  }
  return chunks;
}

Result<std::vector<Near>> PgStore::nearest(const Context& context, std::string_view index,
                                           const NearQuery& query) {
  ASSIGN_OR_RETURN(auto connection, pool_.take(context));
  ASSIGN_OR_RETURN(const std::string table, find_table(context, *connection, index));
  ASSIGN_OR_RETURN(const auto transaction, PgTransaction::begin(context, *connection));
  RETURN_IF_ERROR(connection->run(
      context, fmt::format("SET LOCAL hnsw.ef_search = {}",
                           std::clamp<std::size_t>(2 * query.hits_max, 400, 1000))));
  RETURN_IF_ERROR(connection->run(context, "SET LOCAL hnsw.iterative_scan = relaxed_order"));
  const std::span<const std::int64_t> among =
      query.among == nullptr ? std::span<const std::int64_t>() : std::span(*query.among);
  const Sql near = near_of(table, query, query.among == nullptr ? nullptr : &among, true);
  const std::size_t wanted =
      query.among == nullptr ? query.hits_max : std::min(query.hits_max, among.size());
  std::vector<Near> found;
  if (wanted > 0) {
    ASSIGN_OR_RETURN(const PgRows rows, connection->run(context, near));
    append_near(rows, found);
    if (found.size() < wanted) {
      // The walk gives up after some rows that do not match: look at all that do.
      found.clear();
      RETURN_IF_ERROR(connection->run(context, "SET LOCAL enable_indexscan = off"));
      ASSIGN_OR_RETURN(const PgRows all, connection->run(context, near));
      append_near(all, found);
    }
  }
  if (!query.also.empty()) {
    ASSIGN_OR_RETURN(const PgRows rows,
                     connection->run(context, near_of(table, query, &query.also, false)));
    append_near(rows, found);
  }
  RETURN_IF_ERROR(transaction->commit());
  return found;
}

}  // namespace rage::vectordb
