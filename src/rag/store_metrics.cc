#include "rag/store_metrics.h"

namespace rage::rag {

StoreMetrics::StoreMetrics() {
  const std::vector<double> buckets = {.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10};
  const char* operations[] = {"insert", "query", "delete"};  // In the order of StoreOperation.
  for (std::size_t i = 0; i < latency_.size(); ++i) {
    for (const std::size_t failed : {0U, 1U}) {
      latency_[i][failed] = &registry_.histogram(
          "rag_vector_store_operation_latency_seconds", "Seconds a store's operation took.",
          buckets, {{"operation", operations[i]}, {"status", failed != 0 ? "error" : "success"}});
    }
  }
}

}  // namespace rage::rag
