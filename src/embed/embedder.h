// Text to vectors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/error.h"

namespace rage::embed {

// Passages and questions may carry different prefixes (BGE, E5).
enum class TextKind { kPassage, kQuery };

// Value. Row-major, `rows` x `dimension`; every row has length 1 (L2).
struct EmbeddingMatrix {
  std::size_t rows = 0;
  std::size_t dimension = 0;
  std::vector<float> values;
  std::span<const float> row(std::size_t index) const {
    return std::span(values).subspan(index * dimension, dimension);
  }
};

// Interface. Thread-safe: calls from many threads are merged into batches.
class Embedder {
 public:
  virtual ~Embedder() = default;

  // One row a text, in order. Longer texts are cut at tokens_max(). kResourceExhausted when the
  // queue is full, kCancelled or kDeadlineExceeded as the context says.
  virtual Result<EmbeddingMatrix> embed(const Context& context, std::span<const std::string> texts,
                                        TextKind kind) = 0;

  // Whether it would answer now; kUnavailable says why not. One in this process always would.
  virtual Result<void> ready(const Context& /*context*/) { return {}; }

  // Same answer for the same model, whatever the machine: an index remembers it
  // ("all-MiniLM-L6-v2").
  virtual std::string_view id() const = 0;
  virtual std::size_t dimension() const = 0;
  virtual std::size_t tokens_max() const = 0;  // Of one text, special tokens included.
  virtual std::size_t count_tokens(std::string_view text) const = 0;  // Without special tokens.
};

}  // namespace rage::embed
