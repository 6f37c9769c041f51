// Vectors without a model, by feature hashing (Weinberger et al. 2009): words and the character
// trigrams inside them, each adding or subtracting at a place given by its hash. Lexical only: it
// finds shared words and shared parts of words ("deploy", "deployment"), never synonyms.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "embed/embedder.h"

namespace rage::embed {

// Resource. Thread-safe: it has no state. The same text gives the same vector on every machine.
// Letters are compared as ASCII ignores case; bytes beyond ASCII count as letters. Text without a
// word gets a fixed vector, so every row has length 1. kQuery and kPassage are the same.
class HashingEmbedder final : public Embedder {
 public:
  // `dimension` from 16 to 65,536; a bug of the caller otherwise.
  explicit HashingEmbedder(std::size_t dimension = 384);

  Result<EmbeddingMatrix> embed(const Context& context, std::span<const std::string> texts,
                                TextKind kind) override;
  std::string_view id() const override { return id_; }  // "hashing-384".
  std::size_t dimension() const override { return dimension_; }
  std::size_t tokens_max() const override { return 8192; }
  std::size_t count_tokens(std::string_view text) const override;  // Words.

 private:
  void embed_text(std::string_view text, std::span<float> vector) const;

  const std::size_t dimension_;
  const std::string id_;
};

}  // namespace rage::embed
