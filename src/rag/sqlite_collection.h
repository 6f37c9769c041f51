// An index as a SQLite database of this machine (docs/formats/collection.md), searched in memory.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rag/collection.h"
#include "rag/dense_keeper.h"
#include "store/database.h"

namespace rage::rag {

// All documents of a collection's file, in the order of their rows, without its vectors. kDataLoss
// if it is damaged.
Result<std::vector<StoredDocument>> read_documents(const std::filesystem::path& file);

// Resource. Thread-safe.
class SqliteCollection final : public Collection {
 public:
  // Opens or creates the database in `directory`. kFailedPrecondition if its vectors come from
  // another embedder (the message says what to do), kDataLoss if it is damaged.
  static Result<std::shared_ptr<SqliteCollection>> open(const std::filesystem::path& directory,
                                                        std::string_view name,
                                                        const EmbedderIdentity& embedder);
  SqliteCollection(const SqliteCollection&) = delete;
  SqliteCollection& operator=(const SqliteCollection&) = delete;

  std::int64_t created_order() const { return created_order_; }  // Rises with creation.
  // All documents with their chunks and vectors, in the order of their rows.
  Result<std::vector<PreparedDocument>> read_prepared();

  // Puts the chunks of a re-embedding (reindex_staging.h) in place of its own, in one transaction.
  // If it was written to since `seen` was its snapshot, `finish` embeds what that was: meanwhile
  // writers wait. Afterwards it is retired, and has to be opened anew.
  Result<void> hand_over(const std::filesystem::path& staging, const EmbedderIdentity& embedder,
                         const std::shared_ptr<const Snapshot>& seen,
                         const std::function<Result<void>()>& finish);

  const std::string& name() const override { return name_; }
  const EmbedderIdentity& embedder() const override { return embedder_; }
  bool retired() const override { return retired_.load(std::memory_order_acquire); }
  std::shared_ptr<const Snapshot> snapshot() const override;
  Result<std::vector<RetrievedChunk>> search(const Context& context, RetrieveQuery query,
                                             SearchFigures* figures) override;
  std::shared_ptr<const Corpus> corpus() override { return corpus_.of(snapshot()); }
  std::shared_ptr<const Corpus> corpus(const MetadataFilter& filter) override {
    return corpus_.of(snapshot(), filter);
  }
  std::shared_ptr<const Corpus> fields() override { return corpus_.fields(snapshot()); }
  std::optional<GroundingMode> grounding_mode() const override;
  Result<void> set_grounding_mode(std::optional<GroundingMode> mode) override;
  Result<std::vector<Presence>> presence(std::span<const std::string> doc_ids,
                                         std::span<const Document> documents) override;
  Result<void> add(std::span<const PreparedDocument> documents) override;
  Result<void> replace(std::span<const PreparedDocument> documents) override;
  Result<std::vector<bool>> remove(std::span<const std::string> doc_ids) override;
  Result<void> copy_to(const std::filesystem::path& file) override;
  Result<void> take_from(const std::filesystem::path& file) override;
  Result<void> replace_all(std::span<const PreparedDocument> documents) override;

 private:
  SqliteCollection(std::string name, std::filesystem::path file,
                   std::unique_ptr<store::Database> database, const EmbedderIdentity& embedder);
  Result<void> initialise() REQUIRES(writer_);
  Result<void> check_not_retired() const REQUIRES(writer_);
  // `removed`: the rows that were there before, in ascending order.
  Result<void> load(std::span<const std::int64_t> removed) REQUIRES(writer_);
  Result<void> take_attached() REQUIRES(writer_);
  Result<Presence> presence_locked(const std::string& doc_id, const Document& document)
      REQUIRES(writer_);
  // Removes the rows of `doc_id`, if any, and reports their sequence numbers.
  Result<bool> remove_locked(const std::string& doc_id, std::vector<std::int64_t>& removed)
      REQUIRES(writer_);
  Result<void> insert_locked(const PreparedDocument& document, std::vector<Row>& rows,
                             std::vector<float>& vectors) REQUIRES(writer_);
  Result<void> write(std::span<const PreparedDocument* const> documents) REQUIRES(writer_);
  void publish(std::span<const std::int64_t> removed, std::vector<Row> rows,
               std::vector<float> vectors) REQUIRES(writer_);

  const std::string name_;
  const std::filesystem::path file_;
  std::int64_t created_order_ = 0;
  const EmbedderIdentity embedder_;
  const std::size_t dimension_;
  Mutex writer_;
  std::unique_ptr<store::Database> database_ GUARDED_BY(writer_);
  std::atomic<bool> retired_ = false;  // Set under writer_.
  Guarded<std::shared_ptr<const Snapshot>> snapshot_;
  CorpusCache corpus_;
  Guarded<std::optional<GroundingMode>> grounding_mode_;
  std::unique_ptr<DenseKeeper> dense_;  // Set by open().
};

}  // namespace rage::rag
