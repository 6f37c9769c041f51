// All indexes of a service, by name: embed, store, find.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/error.h"
#include "embed/embedder.h"
#include "embed/vector_cache.h"
#include "rag/collection.h"
#include "rag/demands.h"
#include "rag/index_home.h"
#include "rag/store_metrics.h"
#include "vectordb/vector_store.h"

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

// Resource. Thread-safe. What it is given outlives it.
class Collections final {
 public:
  // Opens every index below `data_directory`/indexes. One that cannot be opened does not stop the
  // others: find() then returns its error. kFailedPrecondition if another process uses the
  // directory. Indexes get their vectors from `embedder`; those built with one of `others` keep
  // theirs until reindex().
  static Result<std::unique_ptr<Collections>> open(const std::filesystem::path& data_directory,
                                                   embed::Embedder& embedder,
                                                   const IngestOptions& options,
                                                   std::vector<embed::Embedder*> others = {});
  // The same with the indexes in a store, which others may use as well; only persisted copies are
  // in the directory. kUnavailable if the store does not answer.
  static Result<std::unique_ptr<Collections>> open(const std::filesystem::path& data_directory,
                                                   vectordb::VectorStore& store,
                                                   embed::Embedder& embedder,
                                                   const IngestOptions& options,
                                                   std::vector<embed::Embedder*> others = {});
  ~Collections() = default;
  Collections(const Collections&) = delete;
  Collections& operator=(const Collections&) = delete;

  // kNotFound with KAITO's text "No such index: 'x' exists."
  Result<std::shared_ptr<Collection>> find(std::string_view name) const;
  Result<std::vector<std::string>> names() const;  // In order of creation.

  // Adds to the index, which is created if absent; all or nothing. The ids of the documents, in
  // order. No document: no index is created.
  Result<std::vector<std::string>> add(const Context& context, std::string_view name,
                                       std::vector<Document> documents);
  Result<UpdateOutcome> update(const Context& context, std::string_view name,
                               std::vector<DocumentUpdate> updates);
  // One flag an id: whether it was there. All or nothing.
  Result<std::vector<bool>> remove_documents(const Context& context, std::string_view name,
                                             std::span<const std::string> doc_ids);
  // Removes the index and all that is kept of it. kNotFound as above.
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

  // Embeds all documents of the index with our embedder, also those of an index that find()
  // refuses because of its embedder. The old vectors serve, and writes are taken, until all is done
  // and put in their place in one transaction. `progress` is told now and then, and ends it by
  // returning false (kCancelled); the next call goes on where this one stopped, whatever stopped
  // it. `if_needed`: an index that has our embedder is left alone. kAlreadyExists while another
  // call is at it; kUnimplemented, with what to do, for an index in a store.
  Result<ReindexOutcome> reindex(const Context& context, std::string_view name, bool if_needed,
                                 const std::function<bool(const ReindexProgress&)>& progress);

  // Hybrid search; embeds the question. `demands`: read_demands() of it and Collection::fields(),
  // for an order to be read; null: the candidates of an answer (fusion.h).
  Result<std::vector<RetrievedChunk>> retrieve(const Context& context, Collection& collection,
                                               const std::string& question, std::size_t hits_max,
                                               const MetadataFilter& filter = {},
                                               SearchFigures* figures = nullptr,
                                               const Demands* demands = nullptr);
  // Sets the similarity of each sentence to the question.
  Result<void> compare(const Context& context, const std::string& question,
                       std::vector<SourceSentence>& sentences);
  embed::Embedder& embedder() { return embedder_; }
  // The one that this index's vectors come from.
  embed::Embedder& embedder_of(const Collection& collection);
  std::string render_metrics() const { return metrics_.render(); }

 private:
  Collections(std::filesystem::path data_directory, std::unique_ptr<IndexHome> home,
              embed::Embedder& embedder, const IngestOptions& options,
              std::vector<embed::Embedder*> others);
  // None: the index got another embedder meanwhile, and it has to be done again.
  Result<std::optional<std::vector<std::string>>> add_once(const Context& context,
                                                           std::string_view name,
                                                           const std::vector<Document>& documents);
  Result<std::optional<UpdateOutcome>> update_once(const Context& context, std::string_view name,
                                                   const std::vector<DocumentUpdate>& updates);
  // What a folder holds, put into a collection in place of what is there.
  Result<void> fill_from(const Context& context, const std::filesystem::path& folder,
                         Collection& collection);

  const std::filesystem::path data_directory_;  // As given.
  const std::unique_ptr<IndexHome> home_;
  embed::Embedder& embedder_;
  const IngestOptions options_;
  const std::vector<embed::Embedder*> others_;
  embed::VectorCache sentence_vectors_;
  StoreMetrics metrics_;
};

}  // namespace rage::rag
