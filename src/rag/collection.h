// One index: what is true of it, and the snapshot derived from that (what is searched).
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/error.h"
#include "base/mutex.h"
#include "rag/document.h"
#include "rag/grounding.h"
#include "rag/ingest.h"
#include "rag/metadata_filter.h"
#include "rag/snapshot.h"

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

// Of the embedders that a service runs: that of an index whose vectors `id` made; the first, which
// new indexes get, if there is none.
const EmbedderIdentity& identity_for(std::span<const EmbedderIdentity> ours, std::string_view id);

// kFailedPrecondition if an index was not made with this embedder. `remedy`: how it gets it.
Result<void> check_embedder(std::string_view index, const EmbedderIdentity& made_with,
                            const EmbedderIdentity& embedder, std::string_view remedy);

// How a document that a client sends relates to what is stored under its id.
enum class Presence {
  kAbsent,
  kSame,
  kMetadataChanged,  // Same text, other metadata: stored anew.
  kOtherText,        // The id was updated to another text; it is left alone, as in KAITO.
};

// One index, wherever it is kept. Interface. Thread-safe: one writer at a time, readers keep the
// snapshot they took. Whatever fails for want of a database says kUnavailable: try again.
class Collection {
 public:
  virtual ~Collection() = default;

  virtual const std::string& name() const = 0;
  virtual const EmbedderIdentity& embedder() const = 0;
  // It was handed over to another embedder (IndexHome::reindex): readers go on, what writes fails
  // with kUnavailable, and the index has to be found anew.
  virtual bool retired() const = 0;
  virtual std::shared_ptr<const Snapshot> snapshot() const = 0;
  // Hybrid search, best first. `query.graph` is the collection's own business; `figures` may be
  // null.
  virtual Result<std::vector<RetrievedChunk>> search(const Context& context, RetrieveQuery query,
                                                     SearchFigures* figures) = 0;
  // Built on first use after a change, then shared.
  virtual std::shared_ptr<const Corpus> corpus() = 0;
  // Of the chunks that the filter lets through; built anew each time.
  virtual std::shared_ptr<const Corpus> corpus(const MetadataFilter& filter) = 0;
  // corpus(), for the demands of a question (demands.h); null where documents are no records, and
  // where there are more than kFieldChunksMax chunks: a search does not wait for that after each
  // change.
  virtual std::shared_ptr<const Corpus> fields() = 0;

  // How answers from this index are held to their sources; none: as the service does.
  virtual std::optional<GroundingMode> grounding_mode() const = 0;
  // Survives a crash once it returned.
  virtual Result<void> set_grounding_mode(std::optional<GroundingMode> mode) = 0;

  virtual Result<std::vector<Presence>> presence(std::span<const std::string> doc_ids,
                                                 std::span<const Document> documents) = 0;
  // Stores those that are absent or whose metadata changed, in one transaction, and returns once
  // they would survive a crash. Checks presence again while nobody else writes them.
  virtual Result<void> add(std::span<const PreparedDocument> documents) = 0;
  // Stores each under its doc_id in place of what was there (which moves to the end), all or
  // nothing.
  virtual Result<void> replace(std::span<const PreparedDocument> documents) = 0;
  // One flag an id: whether it was there. All or nothing.
  virtual Result<std::vector<bool>> remove(std::span<const std::string> doc_ids) = 0;

  // Writes a consistent copy, a file as docs/formats/collection.md has it; writers and readers go
  // on meanwhile.
  virtual Result<void> copy_to(const std::filesystem::path& file) = 0;
  // Makes this collection what such a file holds, in one transaction. kFailedPrecondition if its
  // vectors come from another embedder, kDataLoss if it is damaged: nothing has changed then.
  virtual Result<void> take_from(const std::filesystem::path& file) = 0;
  // Replaces everything by `documents`, in one transaction.
  virtual Result<void> replace_all(std::span<const PreparedDocument> documents) = 0;
};

inline constexpr std::size_t kFieldChunksMax = 1'000;  // About 0.2 ms each, once per change.

// The corpus of the snapshot last asked for. Resource. Thread-safe.
class CorpusCache final {
 public:
  std::shared_ptr<const Corpus> of(std::shared_ptr<const Snapshot> snapshot);
  // Of what the filter lets through.
  std::shared_ptr<const Corpus> of(std::shared_ptr<const Snapshot> snapshot,
                                   const MetadataFilter& filter);
  // As Collection::fields().
  std::shared_ptr<const Corpus> fields(const std::shared_ptr<const Snapshot>& snapshot);

 private:
  struct Cached {
    std::shared_ptr<const Snapshot> of;
    std::shared_ptr<const Corpus> corpus;
  };
  Guarded<Cached> cached_;
  Guarded<Cached> fields_;
  Mutex reading_;  // Of whoever reads the fields: others that ask wait for it.
};

}  // namespace rage::rag
