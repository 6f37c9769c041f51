#include "rag/sqlite_collection.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "base/check.h"
#include "base/files.h"
#include "base/strings.h"
#include "rag/chunk_places.h"
#include "rag/hashes.h"

namespace rage::rag {
namespace {

// docs/formats/collection.md describes the file.
constexpr std::int64_t kFormatVersion = 1;
constexpr const char* kSchema = R"(
  CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS documents(
    doc_id TEXT PRIMARY KEY, text TEXT NOT NULL, metadata TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS chunks(
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    doc_id TEXT NOT NULL REFERENCES documents(doc_id) ON DELETE CASCADE,
    node_id TEXT NOT NULL, text TEXT NOT NULL, vector BLOB NOT NULL);
  CREATE INDEX IF NOT EXISTS chunks_by_document ON chunks(doc_id);
)";

Result<std::string> read_meta(store::Database& database, std::string_view key) {
  ASSIGN_OR_RETURN(auto select, database.prepare("SELECT value FROM meta WHERE key = ?1"));
  select.bind(1, key);
  ASSIGN_OR_RETURN(const bool found, select.step());
  if (!found) return fail(ErrorCode::kNotFound, "no '{}'", key);
  return std::string(select.text(0));
}

Result<void> write_meta(store::Database& database, std::string_view key, std::string_view value) {
  ASSIGN_OR_RETURN(auto insert, database.prepare("INSERT INTO meta VALUES(?1, ?2)"));
  return insert.bind(1, key).bind(2, value).run();
}

constexpr std::string_view kGroundingMode = "grounding_mode";

// None if nothing is set; what a later version may have written is read as the strictest.
Result<std::optional<GroundingMode>> read_grounding_mode(store::Database& database) {
  const auto stored = read_meta(database, kGroundingMode);
  if (!stored && stored.error().code == ErrorCode::kNotFound) return std::optional<GroundingMode>{};
  if (!stored) return fail(stored.error());
  return std::optional(parse_grounding_mode(*stored).value_or(GroundingMode::kStrict));
}

Result<codec::Json> parse_metadata(std::string_view text) {
  auto metadata = codec::parse_json(text);
  if (!metadata) return fail(ErrorCode::kDataLoss, "stored metadata is damaged");
  return metadata;
}

}  // namespace

SqliteCollection::SqliteCollection(std::string name, std::filesystem::path file,
                                   std::unique_ptr<store::Database> database,
                                   const EmbedderIdentity& embedder)
    : name_(std::move(name)),
      file_(std::move(file)),
      embedder_(embedder),
      dimension_(embedder.dimension),
      database_(std::move(database)) {}

Result<std::shared_ptr<SqliteCollection>> SqliteCollection::open(
    const std::filesystem::path& directory, std::string_view name,
    const EmbedderIdentity& embedder) {
  RETURN_IF_ERROR(ensure_directory(directory));
  const std::filesystem::path file = directory / "collection.db";
  ASSIGN_OR_RETURN(auto database, store::Database::open(file));
  std::shared_ptr<SqliteCollection> collection(
      new SqliteCollection(std::string(name), file, std::move(database), embedder));
  MutexLock lock(collection->writer_);
  RETURN_IF_ERROR(collection->initialise());
  const std::string created = std::to_string(collection->created_order_);
  std::string identity(name);
  identity.append(1, '\0').append(created).append(1, '\0').append(embedder.id);
  collection->dense_ =
      std::make_unique<DenseKeeper>(directory / "dense.graph", identity,
                                    DenseKeeperOptions{.graph = {.dimension = embedder.dimension}});
  RETURN_IF_ERROR(collection->load({}));
  return collection;
}

Result<void> SqliteCollection::initialise() {
  RETURN_IF_ERROR(database_->execute(kSchema));
  const auto version = read_meta(*database_, "format_version");
  if (!version && version.error().code != ErrorCode::kNotFound) return fail(version.error());
  if (!version) {
    ASSIGN_OR_RETURN(auto transaction, store::Transaction::begin(*database_));
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    RETURN_IF_ERROR(write_meta(*database_, "format_version", std::to_string(kFormatVersion)));
    RETURN_IF_ERROR(write_meta(*database_, "name", name_));
    RETURN_IF_ERROR(write_meta(*database_, "created", std::to_string(now.count())));
    RETURN_IF_ERROR(write_meta(*database_, "embedder", embedder_.id));
    RETURN_IF_ERROR(write_meta(*database_, "dimension", std::to_string(embedder_.dimension)));
    RETURN_IF_ERROR(transaction->commit());
  } else if (*version != std::to_string(kFormatVersion)) {
    return fail(ErrorCode::kFailedPrecondition,
                "index '{}' has format version {}, this program reads version {}", name_, *version,
                kFormatVersion);
  }
  ASSIGN_OR_RETURN(const std::string id, read_meta(*database_, "embedder"));
  ASSIGN_OR_RETURN(const std::string dimension, read_meta(*database_, "dimension"));
  RETURN_IF_ERROR(check_embedder(name_, {.id = id, .dimension = parse_uint(dimension).value_or(0)},
                                 embedder_,
                                 fmt::format("`rage reindex {}` embeds it anew", name_)));
  ASSIGN_OR_RETURN(const std::string created, read_meta(*database_, "created"));
  created_order_ = static_cast<std::int64_t>(parse_uint(created).value_or(0));
  return {};
}

std::optional<GroundingMode> SqliteCollection::grounding_mode() const {
  return grounding_mode_.with([](const auto& mode) { return mode; });
}

Result<void> SqliteCollection::set_grounding_mode(std::optional<GroundingMode> mode) {
  MutexLock lock(writer_);
  RETURN_IF_ERROR(check_not_retired());
  ASSIGN_OR_RETURN(auto transaction, store::Transaction::begin(*database_));
  ASSIGN_OR_RETURN(auto erase, database_->prepare("DELETE FROM meta WHERE key = ?1"));
  RETURN_IF_ERROR(erase.bind(1, kGroundingMode).run());
  if (mode) RETURN_IF_ERROR(write_meta(*database_, kGroundingMode, grounding_mode_name(*mode)));
  RETURN_IF_ERROR(transaction->commit());
  grounding_mode_.with([&](auto& current) { current = mode; });
  return {};
}

Result<void> SqliteCollection::load(std::span<const std::int64_t> removed) {
  ASSIGN_OR_RETURN(const auto mode, read_grounding_mode(*database_));
  ASSIGN_OR_RETURN(
      auto select,
      database_->prepare("SELECT c.sequence, c.doc_id, c.node_id, c.text, c.vector,"
                         " d.metadata, d.text FROM chunks c JOIN documents d USING(doc_id)"
                         " ORDER BY c.sequence"));
  std::vector<Row> rows;
  std::vector<float> vectors;
  ChunkPlaces places;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, select.step());
    if (!more) break;
    auto chunk = std::make_shared<Chunk>();
    chunk->doc_id = select.text(1);
    chunk->node_id = select.text(2);
    chunk->text = select.text(3);
    chunk->begin = places.next(chunk->doc_id, select.text(6), chunk->text);
    ASSIGN_OR_RETURN(chunk->metadata, parse_metadata(select.text(5)));
    const auto bytes = select.blob(4);
    if (bytes.size() != dimension_ * sizeof(float)) {
      return fail(ErrorCode::kDataLoss, "index '{}': the vector of chunk {} has {} bytes", name_,
                  select.integer(0), bytes.size());
    }
    const std::size_t at = vectors.size();
    vectors.resize(at + dimension_);
    std::memcpy(&vectors[at], bytes.data(), bytes.size());
    rows.push_back({.sequence = select.integer(0), .chunk = std::move(chunk)});
  }
  Snapshot empty{.dimension = dimension_, .segments = {}};
  auto loaded = next_snapshot(empty, {}, build_segment(std::move(rows), std::move(vectors)));
  dense_->follow(loaded, removed);
  snapshot_.with([&](auto& current) { current.swap(loaded); });
  grounding_mode_.with([&](auto& current) { current = mode; });
  return {};
}

std::shared_ptr<const Snapshot> SqliteCollection::snapshot() const {
  return snapshot_.with([](const auto& current) { return current; });
}

Result<std::vector<RetrievedChunk>> SqliteCollection::search(const Context& context,
                                                             RetrieveQuery query,
                                                             SearchFigures* figures) {
  RETURN_IF_ERROR(context.check());
  const auto graph = dense_->graph();
  const auto current = snapshot();
  query.graph = graph.get();
  return retrieve(*current, query, figures);
}

Result<Presence> SqliteCollection::presence_locked(const std::string& doc_id,
                                                   const Document& document) {
  ASSIGN_OR_RETURN(auto select, database_->prepare(
                                    "SELECT text = ?2, metadata FROM documents WHERE doc_id = ?1"));
  select.bind(1, doc_id).bind(2, document.text);
  ASSIGN_OR_RETURN(const bool found, select.step());
  if (!found) return Presence::kAbsent;
  if (select.integer(0) == 0) return Presence::kOtherText;
  return select.text(1) == codec::render_json(document.metadata) ? Presence::kSame
                                                                 : Presence::kMetadataChanged;
}

Result<std::vector<Presence>> SqliteCollection::presence(std::span<const std::string> doc_ids,
                                                         std::span<const Document> documents) {
  CHECK(doc_ids.size() == documents.size());
  MutexLock lock(writer_);
  std::vector<Presence> all;
  for (std::size_t i = 0; i < doc_ids.size(); ++i) {
    ASSIGN_OR_RETURN(const Presence one, presence_locked(doc_ids[i], documents[i]));
    all.push_back(one);
  }
  return all;
}

Result<bool> SqliteCollection::remove_locked(const std::string& doc_id,
                                             std::vector<std::int64_t>& removed) {
  ASSIGN_OR_RETURN(auto select,
                   database_->prepare("SELECT sequence FROM chunks WHERE doc_id = ?1"));
  select.bind(1, doc_id);
  while (true) {
    ASSIGN_OR_RETURN(const bool more, select.step());
    if (!more) break;
    removed.push_back(select.integer(0));
  }
  ASSIGN_OR_RETURN(auto erase, database_->prepare("DELETE FROM documents WHERE doc_id = ?1"));
  RETURN_IF_ERROR(erase.bind(1, doc_id).run());  // Its chunks go with it.
  return database_->changes() > 0;
}

Result<void> SqliteCollection::insert_locked(const PreparedDocument& prepared,
                                             std::vector<Row>& rows, std::vector<float>& vectors) {
  CHECK(prepared.vectors.rows == prepared.chunk_texts.size());
  CHECK(prepared.vectors.rows == 0 || prepared.vectors.dimension == dimension_);
  const std::string metadata = codec::render_json(prepared.document.metadata);
  ASSIGN_OR_RETURN(auto insert, database_->prepare("INSERT INTO documents VALUES(?1, ?2, ?3)"));
  RETURN_IF_ERROR(
      insert.bind(1, prepared.doc_id).bind(2, prepared.document.text).bind(3, metadata).run());
  ASSIGN_OR_RETURN(auto insert_chunk,
                   database_->prepare("INSERT INTO chunks(doc_id, node_id, text, vector)"
                                      " VALUES(?1, ?2, ?3, ?4)"));
  ChunkPlaces places;
  for (std::size_t i = 0; i < prepared.chunk_texts.size(); ++i) {
    auto chunk = std::make_shared<Chunk>(Chunk{.doc_id = prepared.doc_id,
                                               .node_id = random_uuid(),
                                               .text = prepared.chunk_texts[i],
                                               .metadata = prepared.document.metadata});
    chunk->begin = places.next(chunk->doc_id, prepared.document.text, chunk->text);
    const std::span<const float> vector = prepared.vectors.row(i);
    RETURN_IF_ERROR(insert_chunk.bind(1, chunk->doc_id)
                        .bind(2, chunk->node_id)
                        .bind(3, chunk->text)
                        .bind_blob(4, std::as_bytes(vector))
                        .run());
    vectors.insert(vectors.end(), vector.begin(), vector.end());
    rows.push_back({.sequence = database_->last_insert_row(), .chunk = std::move(chunk)});
  }
  return {};
}

void SqliteCollection::publish(std::span<const std::int64_t> removed, std::vector<Row> rows,
                               std::vector<float> vectors) {
  const auto base = snapshot();
  std::shared_ptr<const Segment> added =
      rows.empty() ? nullptr : build_segment(std::move(rows), std::move(vectors));
  auto next = next_snapshot(*base, removed, std::move(added));
  dense_->follow(next, removed);
  snapshot_.with([&](auto& current) { current.swap(next); });
}  // The old snapshot dies here or with its last reader, outside the lock.

Result<void> SqliteCollection::check_not_retired() const {
  if (!retired()) return {};
  return fail(
      Error{.code = ErrorCode::kUnavailable,
            .message = fmt::format("index '{}' has just been embedded anew; try again", name_),
            .retry_after = std::chrono::milliseconds(1'000)});
}

Result<void> SqliteCollection::write(std::span<const PreparedDocument* const> documents) {
  RETURN_IF_ERROR(check_not_retired());
  std::vector<std::int64_t> removed;
  std::vector<Row> rows;
  std::vector<float> vectors;
  ASSIGN_OR_RETURN(auto transaction, store::Transaction::begin(*database_));
  for (const PreparedDocument* document : documents) {
    ASSIGN_OR_RETURN([[maybe_unused]] const bool was_there,
                     remove_locked(document->doc_id, removed));
    RETURN_IF_ERROR(insert_locked(*document, rows, vectors));
  }
  RETURN_IF_ERROR(transaction->commit());
  std::ranges::sort(removed);
  publish(removed, std::move(rows), std::move(vectors));
  return {};
}

Result<void> SqliteCollection::add(std::span<const PreparedDocument> documents) {
  MutexLock lock(writer_);
  std::vector<const PreparedDocument*> wanted;
  for (const PreparedDocument& document : documents) {
    ASSIGN_OR_RETURN(const Presence presence, presence_locked(document.doc_id, document.document));
    if (presence == Presence::kAbsent || presence == Presence::kMetadataChanged) {
      wanted.push_back(&document);
    }
  }
  if (wanted.empty()) return {};
  return write(wanted);
}

Result<void> SqliteCollection::replace(std::span<const PreparedDocument> documents) {
  MutexLock lock(writer_);
  std::vector<const PreparedDocument*> wanted;
  for (const PreparedDocument& document : documents) wanted.push_back(&document);
  if (wanted.empty()) return {};
  return write(wanted);
}

Result<std::vector<bool>> SqliteCollection::remove(std::span<const std::string> doc_ids) {
  MutexLock lock(writer_);
  RETURN_IF_ERROR(check_not_retired());
  std::vector<bool> found;
  std::vector<std::int64_t> removed;
  ASSIGN_OR_RETURN(auto transaction, store::Transaction::begin(*database_));
  for (const std::string& doc_id : doc_ids) {
    ASSIGN_OR_RETURN(const bool was_there, remove_locked(doc_id, removed));
    found.push_back(was_there);
  }
  RETURN_IF_ERROR(transaction->commit());
  std::ranges::sort(removed);
  if (!removed.empty()) publish(removed, {}, {});
  return found;
}

}  // namespace rage::rag
