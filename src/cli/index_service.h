// The documents of one index of a running RAG service, over its HTTP API.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "base/error.h"
#include "cli/auto_index_diff.h"
#include "cli/rag_client.h"
#include "codec/json.h"

namespace rage::cli {

// Resource. One thread. What it is given outlives it. A service that cannot be reached or has no
// time is asked again for two minutes: all these requests may be repeated.
class IndexService final {
 public:
  IndexService(const Context& context, Clock& clock, RagClient& client, const std::string& index);

  // Every document once, without its text. An index that does not exist is empty. Rows that come or
  // go while we turn the pages shift the others, so then it is read again.
  Result<std::vector<IndexedDocument>> list();
  // Adds source[i] for each i of `wanted`.
  Result<void> write(const std::vector<SourceDocument>& source,
                     const std::vector<std::size_t>& wanted);
  // Puts source[i] in the place of the document with that id, which keeps the id.
  Result<void> update(const std::vector<SourceDocument>& source,
                      const std::vector<std::pair<std::size_t, std::string>>& wanted);
  Result<void> remove(const std::vector<std::string>& ids);

 private:
  Result<std::vector<IndexedDocument>> list_once(bool& moved);
  Result<void> post(const std::string& path, const codec::Json& body);
  Result<codec::Json> retried(const std::function<Result<codec::Json>()>& send);

  const Context& context_;
  Clock& clock_;
  RagClient& client_;
  const std::string path_;
  const std::string index_;
};

}  // namespace rage::cli
