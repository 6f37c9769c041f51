// Counts what an embedder is asked, with KAITO's names of series and one of ours.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "embed/embedder.h"

namespace rage::embed {

// Resource. Thread-safe. `inner` outlives it; `mode` is the label: "local" or "remote".
//   rag_embedding_requests_total, rag_embedding_latency_seconds {status, mode}: calls
//   rage_embeddings_total {kind}: texts that got a vector, passages and queries apart
class MeteredEmbedder final : public Embedder {
 public:
  MeteredEmbedder(Embedder& inner, std::string_view mode);
  ~MeteredEmbedder() override;

  Result<EmbeddingMatrix> embed(const Context& context, std::span<const std::string> texts,
                                TextKind kind) override;
  Result<void> ready(const Context& context) override { return inner_.ready(context); }
  std::string_view id() const override { return inner_.id(); }
  std::size_t dimension() const override { return inner_.dimension(); }
  std::size_t tokens_max() const override { return inner_.tokens_max(); }
  std::size_t count_tokens(std::string_view text) const override {
    return inner_.count_tokens(text);
  }
  std::string render_metrics() const;  // Prometheus text format.

 private:
  struct Series;
  Embedder& inner_;
  const std::unique_ptr<Series> series_;
};

}  // namespace rage::embed
