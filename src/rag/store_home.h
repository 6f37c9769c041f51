// Indexes in a vector store, shared with other programs that use the same one.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "rag/index_home.h"
#include "rag/store_collection.h"

namespace rage::rag {

// Resource. Thread-safe. The store outlives it. A creation that a crash cut short leaves an empty
// index.
class StoreHome final : public IndexHome {
 public:
  // Reads all indexes; one that cannot be used does not stop the others. kUnavailable if the store
  // does not answer.
  static Result<std::unique_ptr<StoreHome>> open(vectordb::VectorStore& store,
                                                 const EmbedderIdentity& embedder);

  Result<std::vector<std::string>> names() override;
  Result<std::shared_ptr<Collection>> find(std::string_view name) override;
  Result<std::shared_ptr<Collection>> find_or_create(std::string_view name) override;
  Result<void> remove(std::string_view name) override;
  Result<void> create_filled(std::string_view name, const Fill& fill) override;

 private:
  StoreHome(vectordb::VectorStore& store, const EmbedderIdentity& embedder)
      : store_(store), embedder_(embedder) {}
  // The mirror of this very index, made if there is none.
  std::shared_ptr<StoreCollection> mirror_of(std::string_view name,
                                             const vectordb::StoredIndex& index);
  // Logs when the store stops answering, and when it answers again.
  void note(const Error* error);

  vectordb::VectorStore& store_;
  const EmbedderIdentity embedder_;
  Guarded<bool> down_{false};
  Mutex mutex_;
  std::map<std::string, std::shared_ptr<StoreCollection>, std::less<>> mirrors_ GUARDED_BY(mutex_);
};

}  // namespace rage::rag
