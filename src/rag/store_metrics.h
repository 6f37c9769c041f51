// How long what keeps the indexes takes, with KAITO's name and buckets; created at zero.
#pragma once

#include <array>
#include <chrono>
#include <string>

#include "obs/metrics.h"

namespace rage::rag {

enum class StoreOperation { kInsert, kQuery, kDelete };

// Resource. Thread-safe.
class StoreMetrics final {
 public:
  StoreMetrics();
  StoreMetrics(const StoreMetrics&) = delete;
  StoreMetrics& operator=(const StoreMetrics&) = delete;

  // Calls body(), which returns a Result, and counts how long it took and how it ended.
  template <class Body>
  auto observe(StoreOperation operation, Body body) {
    const auto started = std::chrono::steady_clock::now();
    auto result = body();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
    latency_[static_cast<std::size_t>(operation)][result ? 0 : 1]->observe(took.count());
    return result;
  }
  std::string render() const { return registry_.render(); }  // Prometheus text format.

 private:
  obs::MetricRegistry registry_;
  std::array<std::array<obs::Histogram*, 2>, 3> latency_{};  // [operation][failed]
};

}  // namespace rage::rag
