// An index in a vector store that other programs may use as well (docs/adr/0029). The store keeps
// everything; here is a mirror of its texts and metadata, for words, filters and grounding.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "rag/collection.h"
#include "vectordb/vector_store.h"

namespace rage::rag {

// Resource. Thread-safe. The store outlives it.
class StoreCollection final : public Collection {
 public:
  StoreCollection(vectordb::VectorStore& store, std::string_view name,
                  const vectordb::StoredIndex& index);
  StoreCollection(const StoreCollection&) = delete;
  StoreCollection& operator=(const StoreCollection&) = delete;

  const std::string& id() const { return id_; }
  // Brings the mirror up to date with what was just read of the index, or later.
  Result<void> follow(const vectordb::StoredIndex& seen);

  const std::string& name() const override { return name_; }
  const EmbedderIdentity& embedder() const override { return embedder_; }
  bool retired() const override { return false; }
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
  // Chunks of a document, in order. `text_id`: document_id() of the document's text.
  struct Part {
    std::int64_t sequence = 0;
    std::string text_id;
  };
  using Parts = std::vector<Part>;
  // All sequences as of one moment, and the chunks that are not among those `known` already.
  struct Loaded {
    std::string version;
    std::vector<std::int64_t> sequences;
    std::vector<vectordb::StoredChunk> chunks;
  };

  Result<Loaded> load(const Context& context, std::span<const std::int64_t> known,
                      bool with_vectors);
  Result<std::vector<PreparedDocument>> read_prepared(const Context& context);
  Result<void> sync(const Context& context) REQUIRES(mirror_);
  Presence presence_of(const std::string& doc_id, const Document& document) REQUIRES(mirror_);
  std::int64_t first_of(const std::string& doc_id) REQUIRES(mirror_);
  // One write, and the mirror after it. False: what the request expects does not hold.
  Result<bool> write(const Context& context, const vectordb::ReplaceRequest& request)
      REQUIRES(mirror_);
  std::vector<std::int64_t> sequences_of(const vectordb::ReplaceRequest& request) REQUIRES(mirror_);
  // `removed` and the chunks rise.
  void apply(std::span<const std::int64_t> removed, std::span<const vectordb::StoredChunk> chunks)
      REQUIRES(mirror_);

  vectordb::VectorStore& store_;
  const std::string name_;
  const std::string id_;
  const EmbedderIdentity embedder_;
  Mutex mirror_;  // Of whoever changes the mirror; held while the store is written.
  std::unordered_map<std::string, Parts> documents_ GUARDED_BY(mirror_);
  Guarded<std::string> version_;  // Of the store that the mirror shows, or an older one.
  Guarded<std::shared_ptr<const Snapshot>> snapshot_;  // Without vectors.
  Guarded<std::optional<GroundingMode>> grounding_mode_;
  CorpusCache corpus_;
};

}  // namespace rage::rag
