// Qdrant over its REST API (https://api.qdrant.tech): one collection an index, a dense and a sparse
// vector a chunk, both searched and fused by the server.
//
// Collections are called PREFIX and the index's name, percent-encoded: what else the server holds
// is left alone. Point ids are the chunks' node ids; payload keys: doc_id, text, metadata,
// metadata_text (the order of keys), sequence, write.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/http_client.h"
#include "vectordb/vector_store.h"

namespace rage::vectordb {

struct QdrantOptions {
  std::string url;                            // "http://localhost:6333"
  std::string api_key = {};                   // Empty: none.
  std::string prefix = "rage-";               // Of collections' names.
  std::chrono::milliseconds timeout{30'000};  // Of one request.
};

// Says when and which write this is; a test gives its own.
class WriteStamps {
 public:
  virtual ~WriteStamps() = default;
  virtual std::int64_t next_sequence() = 0;  // Rises.
  virtual std::string next_write() = 0;      // Never the same twice.
};

// Resource. Thread-safe. Transport and stamps outlive it.
class QdrantStore final : public VectorStore {
 public:
  QdrantStore(net::HttpTransport& transport, WriteStamps& stamps, const QdrantOptions& options);

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
  // The reply's `result`.
  Result<codec::Json> call(const Context& context, std::string_view method, const std::string& path,
                           const codec::Json& body) const;
  std::string path_of(std::string_view index) const;
  Result<std::size_t> count_raw(const Context& context, std::string_view index,
                                const codec::Json& filter) const;

  net::HttpTransport& transport_;
  WriteStamps& stamps_;
  const QdrantOptions options_;
};

// A text as a sparse vector of its terms: how often each occurs, levelled as BM25 does (k1 = 1.2,
// b = 0.75, a mean of 256 terms), which the collection's IDF modifier weighs. A term's index is the
// lower 32 bits of its XXH3 hash.
struct SparseText {
  std::vector<std::uint32_t> indices;  // They rise.
  std::vector<float> values;
};
SparseText sparse_passage(std::string_view text);
SparseText sparse_question(std::string_view text);

}  // namespace rage::vectordb
