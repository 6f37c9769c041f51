// Where a re-embedding keeps what it has done so far: `reindex.db` beside the index's own database
// (docs/formats/collection.md). A crash, or whoever stops it, loses no more than a batch.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "rag/collection.h"
#include "rag/ingest.h"
#include "store/database.h"

namespace rage::rag {

// Of a document as it was embedded; another one means that it has to be done again.
std::string reindex_digest(std::string_view text, std::string_view metadata);

// Resource. One thread.
class ReindexStaging final {
 public:
  // Goes on with what the file holds, if that is of the same embedder; begins anew otherwise.
  static Result<std::unique_ptr<ReindexStaging>> open(const std::filesystem::path& file,
                                                      const EmbedderIdentity& embedder);

  bool has(const std::string& doc_id, const std::string& digest) const;
  // Stores them, in one transaction; one digest a document.
  Result<void> put(std::span<const PreparedDocument> documents,
                   std::span<const std::string> digests);

 private:
  explicit ReindexStaging(std::unique_ptr<store::Database> database)
      : database_(std::move(database)) {}
  Result<bool> prepare_for(const EmbedderIdentity& embedder);
  Result<void> read_digests();

  std::unique_ptr<store::Database> database_;
  std::unordered_map<std::string, std::string> digests_;  // By doc_id.
};

// Puts the staged chunks of all documents of `database`, an index, in place of its chunks, and the
// embedder's name with them; in one transaction. Documents keep their order.
Result<void> take_staged_chunks(store::Database& database, const std::filesystem::path& staging,
                                const EmbedderIdentity& embedder);

// The file and those that SQLite keeps beside it.
void remove_staging(const std::filesystem::path& file);

}  // namespace rage::rag
