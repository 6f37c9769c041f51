#include "rag/reindex_staging.h"

#include <system_error>

#include "base/check.h"
#include "base/sha256.h"
#include "base/strings.h"

namespace rage::rag {
namespace {

constexpr const char* kStagingSchema = R"(
  CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS staged(
    doc_id TEXT PRIMARY KEY, digest TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS chunks(
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    doc_id TEXT NOT NULL, node_id TEXT NOT NULL, text TEXT NOT NULL, vector BLOB NOT NULL);
  CREATE INDEX IF NOT EXISTS chunks_by_document ON chunks(doc_id);
)";

// The place of a document is that of its first chunk.
constexpr const char* kTakeStaged =
    "INSERT INTO chunks(doc_id, node_id, text, vector)"
    " SELECT s.doc_id, s.node_id, s.text, s.vector FROM staged.chunks s JOIN documents d"
    " USING(doc_id) ORDER BY (SELECT min(o.sequence) FROM chunks o WHERE o.doc_id = s.doc_id),"
    " s.sequence";

Result<std::int64_t> last_sequence(store::Database& database) {
  ASSIGN_OR_RETURN(auto select, database.prepare("SELECT coalesce(max(sequence), 0) FROM chunks"));
  RETURN_IF_ERROR(select.step());
  return select.integer(0);
}

Result<void> take_attached(store::Database& database, const EmbedderIdentity& embedder) {
  ASSIGN_OR_RETURN(auto transaction, store::Transaction::begin(database));
  ASSIGN_OR_RETURN(const std::int64_t last, last_sequence(database));
  RETURN_IF_ERROR(database.execute(kTakeStaged));
  ASSIGN_OR_RETURN(auto erase, database.prepare("DELETE FROM chunks WHERE sequence <= ?1"));
  RETURN_IF_ERROR(erase.bind(1, last).run());
  ASSIGN_OR_RETURN(auto set, database.prepare("UPDATE meta SET value = ?2 WHERE key = ?1"));
  const std::string dimension = std::to_string(embedder.dimension);
  RETURN_IF_ERROR(set.bind(1, "embedder").bind(2, embedder.id).run());
  RETURN_IF_ERROR(set.bind(1, "dimension").bind(2, dimension).run());
  return transaction->commit();
}

}  // namespace

std::string reindex_digest(std::string_view text, std::string_view metadata) {
  Sha256 hash;
  hash.update(metadata);  // JSON has no zero byte: no two documents look the same joined.
  hash.update(std::string_view("\0", 1));
  hash.update(text);
  return to_hex(hash.finish());
}

Result<std::unique_ptr<ReindexStaging>> ReindexStaging::open(const std::filesystem::path& file,
                                                             const EmbedderIdentity& embedder) {
  for (int attempt = 1;; ++attempt) {
    auto database = store::Database::open(file);
    if (database) {
      std::unique_ptr<ReindexStaging> staging(new ReindexStaging(*std::move(database)));
      const auto usable = staging->prepare_for(embedder);
      if (usable && *usable) return staging;
      if (!usable && attempt > 1) return fail(usable.error());
    } else if (attempt > 1) {
      return fail(database.error());
    }
    CHECK(attempt == 1);
    remove_staging(file);  // Of another embedder, or damaged: nothing is lost but work.
  }
}

Result<bool> ReindexStaging::prepare_for(const EmbedderIdentity& embedder) {
  RETURN_IF_ERROR(database_->execute(kStagingSchema));
  const std::string wanted = embedder.id + "\n" + std::to_string(embedder.dimension);
  ASSIGN_OR_RETURN(auto select,
                   database_->prepare("SELECT value FROM meta WHERE key = 'embedder'"));
  ASSIGN_OR_RETURN(const bool found, select.step());
  if (found && select.text(0) != wanted) return false;
  if (!found) {
    ASSIGN_OR_RETURN(auto insert, database_->prepare("INSERT INTO meta VALUES('embedder', ?1)"));
    RETURN_IF_ERROR(insert.bind(1, wanted).run());
  }
  RETURN_IF_ERROR(read_digests());
  return true;
}

Result<void> ReindexStaging::read_digests() {
  ASSIGN_OR_RETURN(auto select, database_->prepare("SELECT doc_id, digest FROM staged"));
  while (true) {
    ASSIGN_OR_RETURN(const bool more, select.step());
    if (!more) return {};
    digests_.emplace(select.text(0), select.text(1));
  }
}

bool ReindexStaging::has(const std::string& doc_id, const std::string& digest) const {
  const auto found = digests_.find(doc_id);
  return found != digests_.end() && found->second == digest;
}

Result<void> ReindexStaging::put(std::span<const PreparedDocument> documents,
                                 std::span<const std::string> digests) {
  CHECK(documents.size() == digests.size());
  ASSIGN_OR_RETURN(auto transaction, store::Transaction::begin(*database_));
  ASSIGN_OR_RETURN(auto erase, database_->prepare("DELETE FROM chunks WHERE doc_id = ?1"));
  ASSIGN_OR_RETURN(auto mark, database_->prepare("INSERT OR REPLACE INTO staged VALUES(?1, ?2)"));
  ASSIGN_OR_RETURN(auto insert,
                   database_->prepare("INSERT INTO chunks(doc_id, node_id, text, vector)"
                                      " VALUES(?1, ?2, ?3, ?4)"));
  for (std::size_t i = 0; i < documents.size(); ++i) {
    const PreparedDocument& document = documents[i];
    RETURN_IF_ERROR(erase.bind(1, document.doc_id).run());
    RETURN_IF_ERROR(mark.bind(1, document.doc_id).bind(2, digests[i]).run());
    for (std::size_t c = 0; c < document.chunk_texts.size(); ++c) {
      const std::string node_id = random_uuid();
      RETURN_IF_ERROR(insert.bind(1, document.doc_id)
                          .bind(2, node_id)
                          .bind(3, document.chunk_texts[c])
                          .bind_blob(4, std::as_bytes(document.vectors.row(c)))
                          .run());
    }
  }
  RETURN_IF_ERROR(transaction->commit());
  for (std::size_t i = 0; i < documents.size(); ++i) {
    digests_.insert_or_assign(documents[i].doc_id, digests[i]);
  }
  return {};
}

Result<void> take_staged_chunks(store::Database& database, const std::filesystem::path& staging,
                                const EmbedderIdentity& embedder) {
  {
    ASSIGN_OR_RETURN(auto attach, database.prepare("ATTACH DATABASE ?1 AS staged"));
    RETURN_IF_ERROR(attach.bind(1, staging.string()).run());
  }
  const Result<void> taken = take_attached(database, embedder);
  const Result<void> detached = database.execute("DETACH DATABASE staged");
  RETURN_IF_ERROR(taken);
  return detached;
}

void remove_staging(const std::filesystem::path& file) {
  std::error_code ignored;
  for (const char* suffix : {"", "-wal", "-shm"}) {
    std::filesystem::remove(file.string() + suffix, ignored);
  }
}

}  // namespace rage::rag
