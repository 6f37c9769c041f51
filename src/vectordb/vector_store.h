// Indexes that live in a database of somebody else's: one interface, a back end each for PostgreSQL
// with pgvector and for Qdrant. Scores rise with relevance on every back end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/error.h"
#include "codec/json.h"

namespace rage::vectordb {

struct StoredChunk {
  std::string doc_id;
  std::string node_id;  // A UUID, new for each chunk.
  std::string text;
  codec::Json metadata = codec::Json::object();  // The document's; the order of keys is kept.
  std::vector<float> vector = {};                // Unit length; empty in what is read.
};

struct StoreHit {
  StoredChunk chunk;
  float score = 0;  // Reciprocal ranks of both sides (dense alone: the cosine); best first.
};

struct StoreQuery {
  std::span<const float> vector;  // Unit length.
  std::string text = {};          // Empty: the dense side alone.
  std::size_t hits_max = 5;
  const codec::Json* filter = nullptr;  // As parse_filter() takes it; null: all.
};

struct ListPage {
  std::size_t offset = 0;
  std::size_t limit = 100;
  const codec::Json* filter = nullptr;
};

// Interface. Thread-safe. Names of indexes are any text. kNotFound: no such index; kUnavailable:
// the database does not answer, try again; kInvalidArgument: a filter that makes no sense;
// kUnimplemented: one that this back end cannot compute.
class VectorStore {
 public:
  virtual ~VectorStore() = default;

  // Nothing happens if it is there with this dimension; kFailedPrecondition if with another.
  virtual Result<void> ensure_index(const Context& context, std::string_view index,
                                    std::size_t dimension) = 0;
  virtual Result<std::vector<std::string>> indexes(const Context& context) = 0;
  // The index and all it holds are gone from the database. kNotFound as above.
  virtual Result<void> drop_index(const Context& context, std::string_view index) = 0;

  // Stores chunks in place of all that their documents had. The documents of a call are whole or
  // unchanged for whoever searches after it failed; Qdrant may show old and new ones together while
  // it goes on, and after a failure.
  virtual Result<void> replace(const Context& context, std::string_view index,
                               std::span<const StoredChunk> chunks) = 0;
  // How many chunks went. Once this returned they are found no more, and not kept.
  virtual Result<std::size_t> remove(const Context& context, std::string_view index,
                                     std::span<const std::string> doc_ids) = 0;

  // As many as match, up to hits_max: a filter never empties a page.
  virtual Result<std::vector<StoreHit>> search(const Context& context, std::string_view index,
                                               const StoreQuery& query) = 0;
  // In the order of insertion.
  virtual Result<std::vector<StoredChunk>> list(const Context& context, std::string_view index,
                                                const ListPage& page) = 0;
  virtual Result<std::size_t> count(const Context& context, std::string_view index,
                                    const codec::Json* filter) = 0;
};

}  // namespace rage::vectordb
