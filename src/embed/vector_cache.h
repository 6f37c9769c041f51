// Vectors of texts that were embedded lately: what one question compared itself with, the next need
// not wait for.
#pragma once

#include <cstddef>
#include <list>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/context.h"
#include "base/error.h"
#include "base/mutex.h"
#include "embed/embedder.h"

namespace rage::embed {

// Resource. Thread-safe. The embedder outlives it. Passages only, for a question is seldom asked
// twice.
class VectorCache final {
 public:
  // `texts_max` vectors are kept, those used last: 4096 of 384 numbers are 6 MiB, and their texts.
  explicit VectorCache(Embedder& embedder, std::size_t texts_max = 4096)
      : embedder_(embedder), texts_max_(texts_max) {}

  // As Embedder::embed() of passages; texts that are kept do not reach the embedder.
  Result<EmbeddingMatrix> embed(const Context& context, std::span<const std::string> texts);

 private:
  struct Entry {
    std::string text;
    std::vector<float> vector;
  };
  struct Kept {
    std::list<Entry> entries;  // Used last: in front.
    std::unordered_map<std::string_view, std::list<Entry>::iterator> by_text;
  };
  // Fills the rows that are kept; which of `texts` are not.
  std::vector<std::size_t> take_kept(std::span<const std::string> texts, EmbeddingMatrix& rows);
  void keep(const std::string& text, std::span<const float> vector);

  Embedder& embedder_;
  const std::size_t texts_max_;
  Guarded<Kept> kept_;
};

}  // namespace rage::embed
