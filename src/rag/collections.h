// All indexes of a data directory, by name.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/error.h"
#include "base/files.h"
#include "base/mutex.h"
#include "embed/embedder.h"
#include "embed/vector_cache.h"
#include "rag/collection.h"

namespace rage::rag {

struct UpdateOutcome {  // Indexes into the request's documents.
  std::vector<std::size_t> updated;
  std::vector<std::size_t> unchanged;
  std::vector<std::size_t> not_found;
};

struct DocumentUpdate {
  std::string doc_id;
  Document document;
};

// Resource. Thread-safe. The embedder outlives it.
class Collections final {
 public:
  // Opens every index below `data_directory`/indexes. One that cannot be opened does not stop the
  // others: find() then returns its error. kFailedPrecondition if another process uses the
  // directory.
  static Result<std::unique_ptr<Collections>> open(const std::filesystem::path& data_directory,
                                                   embed::Embedder& embedder,
                                                   const IngestOptions& options);
  ~Collections() = default;
  Collections(const Collections&) = delete;
  Collections& operator=(const Collections&) = delete;

  // kNotFound with KAITO's text "No such index: 'x' exists."
  Result<std::shared_ptr<Collection>> find(std::string_view name) const;
  std::vector<std::string> names() const;  // In order of creation.

  // Adds to the index, which is created if absent; all or nothing. The ids of the documents, in
  // order. No document: no index is created.
  Result<std::vector<std::string>> add(const Context& context, std::string_view name,
                                       std::vector<Document> documents);
  Result<UpdateOutcome> update(const Context& context, std::string_view name,
                               std::vector<DocumentUpdate> updates);
  // Removes the index and its files. kNotFound as above.
  Result<void> remove(std::string_view name);

  // Writes a consistent copy of the index into the folder of `path` (persisted.h) while it is read
  // and written, and returns the folder as replies name it. kNotFound as above, kInvalidArgument
  // for a bad path.
  Result<std::string> persist(std::string_view name, std::string_view path);
  // The other way round, under any name; all or nothing. A folder that KAITO persisted is embedded
  // anew, and so are the documents of an index of another embedder. kAlreadyExists if the index
  // exists and `overwrite` is not set; kNotFound "Path does not exist: x"; kInvalidArgument if the
  // folder holds no index.
  Result<std::string> load_persisted(const Context& context, std::string_view name,
                                     std::string_view path, bool overwrite);

  // Hybrid search; embeds the question.
  Result<std::vector<RetrievedChunk>> retrieve(const Context& context, Collection& collection,
                                               const std::string& question, std::size_t hits_max,
                                               const MetadataFilter& filter = {});
  // Sets the similarity of each sentence to the question.
  Result<void> compare(const Context& context, const std::string& question,
                       std::vector<SourceSentence>& sentences);
  embed::Embedder& embedder() { return embedder_; }

 private:
  using Entry = Result<std::shared_ptr<Collection>>;
  Collections(std::filesystem::path data_directory, embed::Embedder& embedder,
              const IngestOptions& options, std::unique_ptr<FileLock> lock);
  Result<void> load();
  Result<std::shared_ptr<Collection>> find_or_create(std::string_view name);
  Result<void> fill_from(const Context& context, const std::filesystem::path& folder,
                         Collection& collection);
  Result<void> create_from(const Context& context, const std::filesystem::path& folder,
                           std::string_view name);

  const std::filesystem::path data_directory_;  // As given.
  const std::filesystem::path root_;
  embed::Embedder& embedder_;
  const IngestOptions options_;
  const EmbedderIdentity identity_;
  embed::VectorCache sentence_vectors_;
  std::unique_ptr<FileLock> lock_;  // One process a data directory.
  mutable Mutex mutex_;
  std::map<std::string, Entry, std::less<>> entries_ GUARDED_BY(mutex_);
};

}  // namespace rage::rag
