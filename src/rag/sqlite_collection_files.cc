// A collection as a file of its own: copies of it, and becoming what such a file holds.
#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "rag/reindex_staging.h"
#include "rag/sqlite_collection.h"

namespace rage::rag {
namespace {

// What a database claims to be must hold before anything of it is taken.
constexpr const char* kDamaged =
    "SELECT (SELECT count(*) FROM source.chunks WHERE length(vector) != ?1)"
    " + (SELECT count(*) FROM source.chunks WHERE doc_id NOT IN (SELECT doc_id FROM "
    "source.documents))"
    " + (SELECT count(*) FROM source.documents WHERE NOT json_valid(metadata))";

constexpr const char* kTake =
    "DELETE FROM chunks; DELETE FROM documents;"
    "INSERT INTO documents SELECT doc_id, text, metadata FROM source.documents;"
    "INSERT INTO chunks(doc_id, node_id, text, vector)"
    " SELECT doc_id, node_id, text, vector FROM source.chunks ORDER BY sequence;"
    "DELETE FROM meta WHERE key = 'grounding_mode';"
    "INSERT INTO meta SELECT key, value FROM source.meta WHERE key = 'grounding_mode';";

Result<std::string> read_source_meta(store::Database& database, std::string_view key) {
  ASSIGN_OR_RETURN(auto select, database.prepare("SELECT value FROM source.meta WHERE key = ?1"));
  select.bind(1, key);
  ASSIGN_OR_RETURN(const bool found, select.step());
  if (!found) return fail(ErrorCode::kDataLoss, "the index's file lacks its '{}'", key);
  return std::string(select.text(0));
}

Result<void> check_source(store::Database& database, const EmbedderIdentity& embedder) {
  ASSIGN_OR_RETURN(const std::string version, read_source_meta(database, "format_version"));
  if (version != "1") {
    return fail(ErrorCode::kFailedPrecondition,
                "the index's file has format version {}, this program reads 1", version);
  }
  ASSIGN_OR_RETURN(const std::string id, read_source_meta(database, "embedder"));
  ASSIGN_OR_RETURN(const std::string dimension, read_source_meta(database, "dimension"));
  if (id != embedder.id || dimension != std::to_string(embedder.dimension)) {
    return fail(ErrorCode::kFailedPrecondition, "the index's vectors come from the embedder '{}'",
                id);
  }
  ASSIGN_OR_RETURN(auto damaged, database.prepare(kDamaged));
  damaged.bind(1, static_cast<std::int64_t>(embedder.dimension * sizeof(float)));
  ASSIGN_OR_RETURN(const bool counted, damaged.step());
  if (!counted || damaged.integer(0) != 0) {
    return fail(ErrorCode::kDataLoss, "the index's file is damaged");
  }
  return {};
}

std::vector<std::int64_t> sequences_of(const Snapshot& snapshot) {
  std::vector<std::int64_t> sequences;
  snapshot.for_each_row([&](const Row& row) {
    sequences.push_back(row.sequence);
    return true;
  });
  return sequences;
}

}  // namespace

Result<void> SqliteCollection::copy_to(const std::filesystem::path& file) {
  // A connection of its own: the writer's stays free.
  ASSIGN_OR_RETURN(auto reader, store::Database::open(file_));
  return reader->copy_to(file);
}

Result<void> SqliteCollection::take_attached() {
  RETURN_IF_ERROR(check_source(*database_, embedder_));
  ASSIGN_OR_RETURN(auto transaction, store::Transaction::begin(*database_));
  RETURN_IF_ERROR(database_->execute(kTake));
  RETURN_IF_ERROR(transaction->commit());
  return {};
}

Result<void> SqliteCollection::take_from(const std::filesystem::path& file) {
  MutexLock lock(writer_);
  RETURN_IF_ERROR(check_not_retired());
  {
    ASSIGN_OR_RETURN(auto attach, database_->prepare("ATTACH DATABASE ?1 AS source"));
    RETURN_IF_ERROR(attach.bind(1, file.string()).run());
  }
  const Result<void> taken = take_attached();
  const Result<void> detached = database_->execute("DETACH DATABASE source");
  RETURN_IF_ERROR(taken);
  RETURN_IF_ERROR(detached);
  return load(sequences_of(*snapshot()));
}

Result<void> SqliteCollection::hand_over(const std::filesystem::path& staging,
                                         const EmbedderIdentity& embedder,
                                         const std::shared_ptr<const Snapshot>& seen,
                                         const std::function<Result<void>()>& finish) {
  MutexLock lock(writer_);
  RETURN_IF_ERROR(check_not_retired());
  if (snapshot() != seen) RETURN_IF_ERROR(finish());
  RETURN_IF_ERROR(take_staged_chunks(*database_, staging, embedder));
  retired_.store(true, std::memory_order_release);
  return {};
}

Result<void> SqliteCollection::replace_all(std::span<const PreparedDocument> documents) {
  MutexLock lock(writer_);
  RETURN_IF_ERROR(check_not_retired());
  const std::vector<std::int64_t> removed = sequences_of(*snapshot());
  std::vector<Row> rows;
  std::vector<float> vectors;
  ASSIGN_OR_RETURN(auto transaction, store::Transaction::begin(*database_));
  RETURN_IF_ERROR(database_->execute("DELETE FROM chunks; DELETE FROM documents;"));
  for (const PreparedDocument& document : documents) {
    RETURN_IF_ERROR(insert_locked(document, rows, vectors));
  }
  RETURN_IF_ERROR(transaction->commit());
  publish(removed, std::move(rows), std::move(vectors));
  return {};
}

Result<std::vector<PreparedDocument>> SqliteCollection::read_prepared() {
  MutexLock lock(writer_);
  ASSIGN_OR_RETURN(auto select,
                   database_->prepare("SELECT d.doc_id, d.text, d.metadata, c.text, c.vector"
                                      " FROM chunks c JOIN documents d USING(doc_id)"
                                      " ORDER BY c.sequence"));
  std::vector<PreparedDocument> documents;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, select.step());
    if (!more) return documents;
    if (documents.empty() || documents.back().doc_id != select.text(0)) {
      auto metadata = codec::parse_json(select.text(2));
      if (!metadata) return fail(ErrorCode::kDataLoss, "stored metadata is damaged");
      documents.push_back(
          {.document = {.text = std::string(select.text(1)), .metadata = *std::move(metadata)},
           .doc_id = std::string(select.text(0)),
           .chunk_texts = {},
           .vectors = {.rows = 0, .dimension = dimension_, .values = {}}});
    }
    PreparedDocument& document = documents.back();
    document.chunk_texts.emplace_back(select.text(3));
    const auto bytes = select.blob(4);
    if (bytes.size() != dimension_ * sizeof(float)) {
      return fail(ErrorCode::kDataLoss, "a stored vector is damaged");
    }
    auto& values = document.vectors.values;
    values.resize(values.size() + dimension_);
    std::memcpy(&values[values.size() - dimension_], bytes.data(), bytes.size());
    ++document.vectors.rows;
  }
}

Result<std::vector<StoredDocument>> read_documents(const std::filesystem::path& file) {
  ASSIGN_OR_RETURN(auto database, store::Database::open(file));
  ASSIGN_OR_RETURN(
      auto select,
      database->prepare("SELECT d.doc_id, d.text, d.metadata FROM documents d LEFT JOIN chunks c"
                        " USING(doc_id) GROUP BY d.doc_id ORDER BY min(c.sequence)"));
  std::vector<StoredDocument> documents;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, select.step());
    if (!more) return documents;
    auto metadata = codec::parse_json(select.text(2));
    if (!metadata || !metadata->is_object()) {
      return fail(ErrorCode::kDataLoss, "stored metadata is damaged");
    }
    documents.push_back(
        {.doc_id = std::string(select.text(0)),
         .document = {.text = std::string(select.text(1)), .metadata = *std::move(metadata)}});
  }
}

}  // namespace rage::rag
