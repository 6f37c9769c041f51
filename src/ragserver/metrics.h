// All series of the RAG service, with KAITO's names, created at zero.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "rag/document.h"
#include "rag/snapshot.h"

namespace rage::ragserver {

enum class Operation {
  kIndex,
  kIndexes,
  kDeleteIndex,
  kListDocuments,
  kUpdateDocuments,
  kDeleteDocuments,
  kPersist,
  kLoad,
  kRetrieve,
  kChat,
};

// Resource. Thread-safe.
class RagMetrics final {
 public:
  RagMetrics();
  ~RagMetrics();
  RagMetrics(const RagMetrics&) = delete;
  RagMetrics& operator=(const RagMetrics&) = delete;

  void started();
  // A status of 400 and above counts as failure.
  void finished(Operation operation, int status, std::chrono::nanoseconds took);
  // `took`: embedding of the question and search.
  void retrieved(const std::vector<rag::RetrievedChunk>& hits, const rag::SearchFigures& figures,
                 std::size_t hits_max, std::chrono::nanoseconds took);
  std::string render() const;  // Prometheus text format.

 private:
  struct Series;
  std::unique_ptr<Series> series_;
};

}  // namespace rage::ragserver
