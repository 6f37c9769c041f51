#include "embed/metered_embedder.h"

#include <chrono>

#include "obs/metrics.h"

namespace rage::embed {

struct MeteredEmbedder::Series {
  struct ByStatus {
    obs::Counter& requests;
    obs::Histogram& latency;
  };

  explicit Series(std::string_view mode)
      : succeeded(by_status(mode, "success")), failed(by_status(mode, "failure")) {}

  ByStatus by_status(std::string_view mode, const char* status) {
    const obs::Labels labels = {{"status", status}, {"mode", std::string(mode)}};
    return {
        .requests = registry.counter("rag_embedding_requests_total",
                                     "Calls of the embedder, of one or more texts.", labels),
        .latency = registry.histogram("rag_embedding_latency_seconds", "Seconds such a call took.",
                                      obs::default_latency_buckets(), labels)};
  }
  obs::Counter& texts(const char* kind) {
    return registry.counter("rage_embeddings_total", "Texts that were given a vector.",
                            {{"kind", kind}});
  }

  obs::MetricRegistry registry;
  ByStatus succeeded;
  ByStatus failed;
  obs::Counter& passages = texts("passage");
  obs::Counter& queries = texts("query");
};

MeteredEmbedder::MeteredEmbedder(Embedder& inner, std::string_view mode)
    : inner_(inner), series_(std::make_unique<Series>(mode)) {}

MeteredEmbedder::~MeteredEmbedder() = default;

Result<EmbeddingMatrix> MeteredEmbedder::embed(const Context& context,
                                               std::span<const std::string> texts, TextKind kind) {
  const auto started = std::chrono::steady_clock::now();
  auto vectors = inner_.embed(context, texts, kind);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
  const Series::ByStatus& series = vectors ? series_->succeeded : series_->failed;
  series.requests.add();
  series.latency.observe(took.count());
  if (vectors) {
    (kind == TextKind::kQuery ? series_->queries : series_->passages)
        .add(static_cast<double>(vectors->rows));
  }
  return vectors;
}

std::string MeteredEmbedder::render_metrics() const {
  return series_->registry.render();
}

}  // namespace rage::embed
