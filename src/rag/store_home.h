// Indexes in a vector store, shared with other programs that use the same one.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
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
  // does not answer. New indexes get the first of `embedders`; those of another one of them are
  // found as well.
  static Result<std::unique_ptr<StoreHome>> open(vectordb::VectorStore& store,
                                                 std::vector<EmbedderIdentity> embedders);

  Result<std::vector<std::string>> names() override;
  Result<std::shared_ptr<Collection>> find(std::string_view name) override;
  Result<std::shared_ptr<Collection>> find_or_create(std::string_view name) override;
  Result<void> remove(std::string_view name) override;
  Result<void> create_filled(std::string_view name, const Fill& fill) override;
  // Others go on with the old vectors: there is no moment at which all of them could change.
  Result<ReindexOutcome> reindex(const Context& context, std::string_view name,
                                 const ReindexOrder& order) override;
  Result<void> await_successor(const Context& context, const Collection& retired) override;

 private:
  StoreHome(vectordb::VectorStore& store, std::vector<EmbedderIdentity> embedders)
      : store_(store), embedders_(std::move(embedders)) {}
  // The mirror of this very index, made if there is none.
  std::shared_ptr<StoreCollection> mirror_of(std::string_view name,
                                             const vectordb::StoredIndex& index);
  // Logs when the store stops answering, and when it answers again.
  void note(const Error* error);

  vectordb::VectorStore& store_;
  const std::vector<EmbedderIdentity> embedders_;
  Guarded<bool> down_{false};
  Mutex mutex_;
  std::map<std::string, std::shared_ptr<StoreCollection>, std::less<>> mirrors_ GUARDED_BY(mutex_);
};

}  // namespace rage::rag
