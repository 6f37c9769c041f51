// PostgreSQL with pgvector (https://github.com/pgvector/pgvector): one table an index, an HNSW
// index on its vectors, a GIN index on its words; filters are SQL on jsonb.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "vectordb/pg_connection.h"
#include "vectordb/vector_store.h"

namespace rage::vectordb {

struct PgStoreOptions {
  std::string address;          // As libpq takes it.
  std::string password = {};    // Empty: none, or in the address.
  std::string schema = "rage";  // Letters, digits and '_'.
};

// Resource. Thread-safe: one statement at a time.
class PgStore final : public VectorStore {
 public:
  // Makes the schema and the extension if they are not there. kInvalidArgument: the options;
  // kFailedPrecondition: the server has no pgvector of version 0.8 or later.
  static Result<std::unique_ptr<PgStore>> open(const Context& context,
                                               const PgStoreOptions& options);

  Result<void> ensure_index(const Context& context, std::string_view index,
                            std::size_t dimension) override;
  Result<std::vector<std::string>> indexes(const Context& context) override;
  Result<void> drop_index(const Context& context, std::string_view index) override;
  Result<void> replace(const Context& context, std::string_view index,
                       std::span<const StoredChunk> chunks) override;
  Result<std::size_t> remove(const Context& context, std::string_view index,
                             std::span<const std::string> doc_ids) override;
  Result<std::vector<StoreHit>> search(const Context& context, std::string_view index,
                                       const StoreQuery& query) override;
  Result<std::vector<StoredChunk>> list(const Context& context, std::string_view index,
                                        const ListPage& page) override;
  Result<std::size_t> count(const Context& context, std::string_view index,
                            const codec::Json* filter) override;

 private:
  explicit PgStore(const PgStoreOptions& options);
  Result<void> prepare(const Context& context);
  // The table of an index, quoted. kNotFound with the index's name.
  Result<std::string> table_of(const Context& context, std::string_view index) REQUIRES(mutex_);
  Result<std::vector<StoreHit>> search_table(const Context& context, const std::string& table,
                                             const StoreQuery& query, const Filter& filter)
      REQUIRES(mutex_);

  const std::string schema_;
  Mutex mutex_;
  PgConnection connection_ GUARDED_BY(mutex_);
};

}  // namespace rage::vectordb
