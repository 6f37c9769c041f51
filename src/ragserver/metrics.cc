#include "ragserver/metrics.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "obs/metrics.h"

namespace rage::ragserver {
namespace {

// In the order of Operation. The spelling of each series is KAITO's.
constexpr std::array<std::pair<std::string_view, std::string_view>, 10> kNames = {{
    {"rag_index_requests_total", "rag_index_latency_seconds"},
    {"rag_indexes_requests_total", "rag_indexes_latency_seconds"},
    {"rag_delete_index_requests_total", "rag_delete_index_latency_seconds"},
    {"rag_indexes_document_requests_total", "rag_indexes_document_latency_seconds"},
    {"rag_indexes_update_document_requests_total", "rag_indexes_update_document_latency_seconds"},
    {"rag_indexes_delete_document_requests_total", "rag_indexes_delete_document_latency_seconds"},
    {"rag_persist_requests_total", "rag_persist_latency_seconds"},
    {"rag_load_requests_total", "rag_load_latency_seconds"},
    {"rag_indexes_retrieve_requests_total", "rag_indexes_retrieve_latency_seconds"},
    {"rag_chat_requests_total", "rag_chat_latency_seconds"},
}};

const std::vector<double> kResultCounts = {0, 1, 2, 3, 5, 10, 20, 50, 100, 200, 300};
const std::vector<double> kPartCounts = {0, 1, 2, 3, 5, 10, 20, 50};
const std::vector<double> kHybridScores = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1};
const std::vector<double> kSpreads = {0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 1};
const std::vector<double> kScores = {0.1, 0.2, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1};

}  // namespace

struct RagMetrics::Series {
  struct ByStatus {
    obs::Counter* requests;
    obs::Histogram* latency;
  };
  obs::MetricRegistry registry;
  std::array<std::array<ByStatus, 2>, kNames.size()> operations{};  // [operation][failed]
  std::array<ByStatus, 2> all{};
  obs::Gauge& running = registry.gauge("num_requests_running", "Requests being served.");
  obs::Histogram& result_count =
      registry.histogram("rag_retrieve_result_count", "Results of a retrieval.", kResultCounts);
  obs::Histogram& lowest_score =
      registry.histogram("rag_lowest_source_score", "Lowest score of a retrieval.", kScores);
  obs::Histogram& mean_score =
      registry.histogram("rag_avg_source_score", "Mean score of a retrieval.", kScores);
  obs::Counter& hybrid = registry.counter("rag_hybrid_search_mode_total", "Retrievals by mode.",
                                          {{"search_mode", "hybrid"}});
  obs::Histogram& top_score =
      registry.histogram("rag_hybrid_top_score", "Best score of a retrieval.", kHybridScores);
  obs::Histogram& median_score =
      registry.histogram("rag_hybrid_median_score", "Median score of a retrieval.", kHybridScores);
  obs::Histogram& spread = registry.histogram("rag_hybrid_score_spread",
                                              "Best less lowest score of a retrieval.", kSpreads);
  obs::Histogram& overlap = registry.histogram(
      "rag_hybrid_overlap_count", "Results found by meaning and by words.", kPartCounts);
  obs::Histogram& dense_only = registry.histogram("rag_hybrid_dense_only_count",
                                                  "Results found by meaning alone.", kPartCounts);

  ByStatus make(std::string_view requests, std::string_view latency, const char* status) {
    return {.requests = &registry.counter(requests, "Requests.", {{"status", status}}),
            .latency = &registry.histogram(latency, "Seconds a request took.",
                                           obs::default_latency_buckets(), {{"status", status}})};
  }
};

RagMetrics::RagMetrics() : series_(std::make_unique<Series>()) {
  for (const std::size_t failed : {0U, 1U}) {
    const char* status = failed != 0 ? "failure" : "success";
    for (std::size_t i = 0; i < kNames.size(); ++i) {
      series_->operations[i][failed] = series_->make(kNames[i].first, kNames[i].second, status);
    }
    series_->all[failed] =
        series_->make("e2e_request_total", "e2e_request_latency_seconds", status);
  }
}

RagMetrics::~RagMetrics() = default;

void RagMetrics::started() {
  series_->running.add(1);
}

void RagMetrics::finished(Operation operation, int status, std::chrono::nanoseconds took) {
  const std::size_t failed = status >= 400 ? 1 : 0;
  const double seconds = std::chrono::duration<double>(took).count();
  const auto& one = series_->operations[static_cast<std::size_t>(operation)][failed];
  for (const auto& entry : {one, series_->all[failed]}) {
    entry.requests->add();
    entry.latency->observe(seconds);
  }
  series_->running.add(-1);
}

void RagMetrics::retrieved(const std::vector<rag::RetrievedChunk>& hits) {
  series_->result_count.observe(static_cast<double>(hits.size()));
  series_->hybrid.add();
  const auto by_words = std::ranges::count_if(
      hits, [](const rag::RetrievedChunk& hit) { return hit.sparse_score.has_value(); });
  series_->overlap.observe(static_cast<double>(by_words));
  series_->dense_only.observe(static_cast<double>(std::ssize(hits) - by_words));
  if (hits.empty()) return;
  series_->top_score.observe(hits.front().score);  // Best first.
  series_->median_score.observe(hits[hits.size() / 2].score);
  series_->spread.observe(hits.front().score - hits.back().score);
  double sum = 0;
  double lowest = 1;
  for (const rag::RetrievedChunk& hit : hits) {
    sum += hit.score;
    lowest = std::min(lowest, double{hit.score});
  }
  series_->lowest_score.observe(lowest);
  series_->mean_score.observe(sum / static_cast<double>(hits.size()));
}

std::string RagMetrics::render() const {
  return series_->registry.render();
}

}  // namespace rage::ragserver
