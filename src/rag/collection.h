// One index: a SQLite database (the truth) and the snapshot derived from it (what is searched).
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

#include "base/error.h"
#include "base/mutex.h"
#include "rag/dense_keeper.h"
#include "rag/document.h"
#include "rag/grounding.h"
#include "rag/ingest.h"
#include "rag/metadata_filter.h"
#include "rag/snapshot.h"
#include "store/database.h"

namespace rage::rag {

// What a collection must know of the embedder its vectors come from.
struct EmbedderIdentity {
  std::string id;
  std::size_t dimension = 0;
};

// A document as it is stored: its id need not be the hash of its text, which an update may have
// changed.
struct StoredDocument {
  std::string doc_id;
  Document document;
};

// All documents of a collection's database, in the order of their rows, without its vectors.
// kDataLoss if it is damaged.
Result<std::vector<StoredDocument>> read_documents(const std::filesystem::path& file);

// How a document that a client sends relates to what is stored under its id.
enum class Presence {
  kAbsent,
  kSame,
  kMetadataChanged,  // Same text, other metadata: stored anew.
  kOtherText,        // The id was updated to another text; it is left alone, as in KAITO.
};

// Resource. Thread-safe: one writer at a time, readers keep the snapshot they took.
class Collection final {
 public:
  // Opens or creates the database in `directory`. kFailedPrecondition if its vectors come from
  // another embedder (the message says what to do), kDataLoss if it is damaged.
  static Result<std::shared_ptr<Collection>> open(const std::filesystem::path& directory,
                                                  std::string_view name,
                                                  const EmbedderIdentity& embedder);
  ~Collection() = default;
  Collection(const Collection&) = delete;
  Collection& operator=(const Collection&) = delete;

  const std::string& name() const { return name_; }
  const EmbedderIdentity& embedder() const { return embedder_; }
  std::int64_t created_order() const { return created_order_; }  // Rises with creation.
  std::shared_ptr<const Snapshot> snapshot() const;
  // For retrieve(); null while a scan is quicker, or the graph is not built yet.
  std::shared_ptr<const vector::DenseGraph> dense_graph() const { return dense_->graph(); }
  // Built on first use after a change, then shared.
  std::shared_ptr<const Corpus> corpus();
  // Of the chunks that the filter lets through; built anew each time.
  std::shared_ptr<const Corpus> corpus(const MetadataFilter& filter);

  // How answers from this index are held to their sources; none: as the service does.
  std::optional<GroundingMode> grounding_mode() const;
  // Survives a crash once it returned.
  Result<void> set_grounding_mode(std::optional<GroundingMode> mode);

  Result<std::vector<Presence>> presence(std::span<const std::string> doc_ids,
                                         std::span<const Document> documents);
  // Stores those that are absent or whose metadata changed, in one transaction, and returns once
  // they would survive a crash. Checks presence again under the writer's lock.
  Result<void> add(std::span<const PreparedDocument> documents);
  // Stores each under its doc_id in place of what was there (which moves to the end), all or
  // nothing.
  Result<void> replace(std::span<const PreparedDocument> documents);
  // One flag an id: whether it was there. All or nothing.
  Result<std::vector<bool>> remove(std::span<const std::string> doc_ids);

  // Writes a consistent copy of the database; writers and readers go on meanwhile.
  Result<void> copy_to(const std::filesystem::path& file);
  // Makes this collection what another's database holds, in one transaction. kFailedPrecondition if
  // its vectors come from another embedder, kDataLoss if it is damaged: nothing has changed then.
  Result<void> take_from(const std::filesystem::path& file);
  // Replaces everything by `documents`, in one transaction.
  Result<void> replace_all(std::span<const PreparedDocument> documents);

  // Puts the chunks of a re-embedding (reindex_staging.h) in place of its own, in one transaction.
  // If it was written to since `seen` was its snapshot, `finish` embeds what that was: meanwhile
  // writers wait. Afterwards it is retired: readers go on, what writes fails with kUnavailable, and
  // the index has to be opened anew.
  Result<void> hand_over(const std::filesystem::path& staging, const EmbedderIdentity& embedder,
                         const std::shared_ptr<const Snapshot>& seen,
                         const std::function<Result<void>()>& finish);
  bool retired() const { return retired_.load(std::memory_order_acquire); }

 private:
  Collection(std::string name, std::filesystem::path file,
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
  struct CachedCorpus {
    std::shared_ptr<const Snapshot> of;
    std::shared_ptr<const Corpus> corpus;
  };
  Guarded<CachedCorpus> corpus_;
  Guarded<std::optional<GroundingMode>> grounding_mode_;
  std::unique_ptr<DenseKeeper> dense_;  // Set by open().
};

}  // namespace rage::rag
