// Indexes that live in a database of somebody else's: documents in chunks with their vectors, for
// several programs at once. One interface, a back end each for PostgreSQL with pgvector and for
// Qdrant.
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
  std::int64_t sequence = 0;  // Given by the store; rises with insertion, is never used again.
  std::string doc_id;
  std::string node_id;  // A UUID, new for each chunk.
  std::string text;
  std::string document = {};  // On a document's first chunk: its text, unless that is `text`.
  std::size_t begin = 0;      // Of `text` in the document's text, in Unicode code points.
  codec::Json metadata = codec::Json::object();  // The document's; the order of keys is kept.
  std::vector<float> vector = {};                // Unit length; empty unless asked for.
};

// What is kept of an index beside its chunks.
struct StoredIndex {
  std::string id;  // Of the store's making: another one after the index was dropped and made anew.
  std::string embedder;
  std::size_t dimension = 0;
  std::string setting = {};  // The caller's.
  std::string version = {};  // Another one after each change; nothing else can be told from it.
};

// What a writer takes to be stored of a document: `first` is the sequence of its first chunk, 0 if
// there is none.
struct Expected {
  std::string doc_id;
  std::int64_t first = 0;
};

struct ReplaceRequest {
  std::span<const std::string> doc_ids;     // Chunks of these go,
  bool all = false;                         // or those of every document,
  std::span<const StoredChunk> chunks;      // and these come, in this order.
  std::span<const Expected> expected = {};  // Nothing happens unless all of them hold.
};

struct Written {
  bool conflict = false;    // What was expected does not hold: nothing was written.
  std::string before = {};  // Versions around this write alone; empty if the store cannot tell.
  std::string after = {};
  std::vector<std::int64_t> sequences = {};  // Of the request's chunks, if `before` is set.
};

struct NearQuery {
  std::span<const float> vector;  // Unit length.
  std::size_t hits_max = 5;
  const std::vector<std::int64_t>* among = nullptr;  // Rising. Null: all.
  std::span<const std::int64_t> also = {};           // Reported as well, wherever they are.
};

struct Near {
  std::int64_t sequence = 0;
  float cosine = 0;  // Rises with nearness, on every back end.
};

// Interface. Thread-safe. Names of indexes are any text. kNotFound: no such index; kUnavailable:
// the database does not answer, try again; kInvalidArgument: a text that it cannot store.
class VectorStore {
 public:
  virtual ~VectorStore() = default;

  virtual Result<std::vector<std::string>> indexes(const Context& context) = 0;  // As created.
  // Nothing happens if it is there. `id` and `version` of `made` are not looked at.
  virtual Result<void> create_index(const Context& context, std::string_view index,
                                    const StoredIndex& made) = 0;
  virtual Result<StoredIndex> find_index(const Context& context, std::string_view index) = 0;
  virtual Result<void> set_setting(const Context& context, std::string_view index,
                                   std::string_view setting) = 0;
  // The index and all it holds are gone from the database.
  virtual Result<void> drop_index(const Context& context, std::string_view index) = 0;

  // Whole or not at all, for whoever reads, and after a failure. Not so with Qdrant: it may show
  // old and new chunks together while it goes on and after a failure, and checks what is expected
  // before it begins only.
  virtual Result<Written> replace(const Context& context, std::string_view index,
                                  const ReplaceRequest& request) = 0;

  // Of all chunks, as of one moment; they rise.
  virtual Result<std::vector<std::int64_t>> sequences(const Context& context,
                                                      std::string_view index) = 0;
  // Those of `wanted` that are there, in their order.
  virtual Result<std::vector<StoredChunk>> read(const Context& context, std::string_view index,
                                                std::span<const std::int64_t> wanted,
                                                bool with_vectors) = 0;
  // The nearest, as many as there are up to hits_max, and `also`; in no order, perhaps twice.
  virtual Result<std::vector<Near>> nearest(const Context& context, std::string_view index,
                                            const NearQuery& query) = 0;
};

}  // namespace rage::vectordb
