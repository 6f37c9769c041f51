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
const std::vector<double> kCandidateCounts = {0, 1, 2, 3, 5, 10, 20, 50, 100};
const std::vector<double> kTopK = {1, 2, 3, 5, 10, 20, 50, 100};
const std::vector<double> kSparseTopK = {3, 6, 9, 15, 30, 60, 150, 300};
const std::vector<double> kSearchSeconds = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5};
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
  obs::Histogram& sparse_only = registry.histogram("rag_hybrid_sparse_only_count",
                                                   "Results found by words alone.", kPartCounts);
  obs::Histogram& dense_candidates =
      registry.histogram("rag_hybrid_dense_candidates",
                         "Rows by meaning that a retrieval chose from.", kCandidateCounts);
  obs::Histogram& sparse_candidates =
      registry.histogram("rag_hybrid_sparse_candidates",
                         "Rows by words that a retrieval chose from.", kCandidateCounts);
  obs::Histogram& top_k = registry.histogram("rag_hybrid_top_k_requested",
                                             "Results that a retrieval was asked for.", kTopK);
  obs::Histogram& sparse_top_k = registry.histogram(
      "rag_hybrid_sparse_top_k", "Rows by words that a retrieval would have taken.", kSparseTopK);
  obs::Histogram& search_seconds =
      registry.histogram("rag_hybrid_retrieve_latency_seconds",
                         "Seconds for the question's embedding and the search.", kSearchSeconds);
  obs::Gauge& search_seconds_mean =
      registry.gauge("rag_hybrid_retrieve_latency_avg_seconds", "Mean of these since the start.");

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

void RagMetrics::retrieved(const std::vector<rag::RetrievedChunk>& hits,
                           const rag::SearchFigures& figures, std::size_t hits_max,
                           std::chrono::nanoseconds took) {
  series_->result_count.observe(static_cast<double>(hits.size()));
  series_->hybrid.add();
  series_->overlap.observe(static_cast<double>(figures.both));
  series_->dense_only.observe(static_cast<double>(figures.dense_only));
  series_->sparse_only.observe(static_cast<double>(figures.sparse_only));
  series_->dense_candidates.observe(static_cast<double>(figures.dense_candidates));
  series_->sparse_candidates.observe(static_cast<double>(figures.sparse_candidates));
  series_->top_k.observe(static_cast<double>(hits_max));
  series_->sparse_top_k.observe(static_cast<double>(figures.candidates_max));
  series_->search_seconds.observe(std::chrono::duration<double>(took).count());
  series_->search_seconds_mean.set(series_->search_seconds.sum() / series_->hybrid.value());
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
