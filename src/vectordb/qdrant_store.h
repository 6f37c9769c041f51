// Qdrant over its REST API (https://api.qdrant.tech): one collection an index, and one more that
// says what indexes there are. docs/formats/vector-stores.md has names and payloads. What else the
// server holds is left alone.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
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

// Thread-safe. Sequences are the nanoseconds of the clock, so that those of several programs hardly
// ever meet; writes are UUIDs.
class ClockStamps final : public WriteStamps {
 public:
  std::int64_t next_sequence() override;
  std::string next_write() override;

 private:
  Guarded<std::int64_t> last_{0};
};

// Resource. Thread-safe. Transport and stamps outlive it. It never knows `Written::before`: Qdrant
// has no transactions.
class QdrantStore final : public VectorStore {
 public:
  QdrantStore(net::HttpTransport& transport, WriteStamps& stamps, const QdrantOptions& options);

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
  // The reply's `result`.
  Result<codec::Json> call(const Context& context, std::string_view method, const std::string& path,
                           const codec::Json& body) const;
  std::string path_of(std::string_view index) const;
  std::string registry() const;
  // The payloads of all indexes; none if there is no registry yet.
  Result<std::vector<codec::Json>> registered(const Context& context) const;
  Result<void> ensure_registry(const Context& context) const;
  // Changes keys of the index's payload in the registry.
  Result<void> note(const Context& context, std::string_view index, codec::Json changes) const;
  // All points that match, page by page.
  Result<std::vector<codec::Json>> scroll(const Context& context, const std::string& path,
                                          const codec::Json& request) const;
  Result<bool> is_as_expected(const Context& context, std::string_view index,
                              std::span<const Expected> expected) const;

  net::HttpTransport& transport_;
  WriteStamps& stamps_;
  const QdrantOptions options_;
};

}  // namespace rage::vectordb
