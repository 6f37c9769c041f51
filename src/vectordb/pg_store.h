// PostgreSQL with pgvector (https://github.com/pgvector/pgvector): one table an index, an HNSW
// index on its vectors. docs/formats/vector-stores.md has the tables.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "vectordb/pg_connection.h"
#include "vectordb/vector_store.h"

namespace rage::vectordb {

struct PgStoreOptions {
  std::string address;              // As libpq takes it.
  std::string password = {};        // Empty: none, or in the address.
  std::string schema = "rage";      // Letters, digits and '_'.
  std::size_t connections_max = 8;  // At once.
};

// Resource. Thread-safe. What it reports of changes holds between any number of programs: writes to
// one index take turns.
class PgStore final : public VectorStore {
 public:
  // Makes the schema and the extension if they are not there. kInvalidArgument: the options;
  // kFailedPrecondition: the server has no pgvector of version 0.8 or later.
  static Result<std::unique_ptr<PgStore>> open(const Context& context,
                                               const PgStoreOptions& options);

  Result<std::vector<std::string>> indexes(const Context& context) override;
  Result<void> create_index(const Context& context, std::string_view index,
                            const StoredIndex& made) override;
  Result<StoredIndex> find_index(const Context& context, std::string_view index) override;
  Result<void> set_setting(const Context& context, std::string_view index,
                           std::string_view setting) override;
  Result<void> drop_index(const Context& context, std::string_view index) override;
  Result<Written> replace(const Context& context, std::string_view index,
                          const ReplaceRequest& request) override;
  Result<std::vector<std::int64_t>> sequences(const Context& context,
                                              std::string_view index) override;
  Result<std::vector<StoredChunk>> read(const Context& context, std::string_view index,
                                        std::span<const std::int64_t> wanted,
                                        bool with_vectors) override;
  Result<std::vector<Near>> nearest(const Context& context, std::string_view index,
                                    const NearQuery& query) override;

 private:
  explicit PgStore(const PgStoreOptions& options);
  Result<void> prepare(const Context& context);
  // The quoted table of chunks of the index with this id.
  std::string table_of(std::string_view id) const;
  // Likewise, by name. kNotFound with the index's name.
  Result<std::string> find_table(const Context& context, PgConnection& connection,
                                 std::string_view index);

  const std::string schema_;
  PgPool pool_;
};

}  // namespace rage::vectordb
