// Which texts a micro-batch takes. For an encoder of rows of one length it is sequence packing:
// several short texts share a row, separated by the attention mask, so that little is computed for
// padding and few shapes occur (the runtime prepares kernels for each new shape). Idea: Krell et
// al., "Efficient Sequence Packing without Cross-contamination".
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace rage::embed {

struct PackingOptions {
  bool padded = true;  // False: the encoder takes text by text, all of them lie in one row.
  std::size_t batch_tokens_max = 512;  // Rows x row_tokens, unless the first text alone is longer.
  std::size_t texts_max = 32;
};

// Value. Where text number `text` lies: `row`, from token `column` on.
struct Placement {
  std::size_t text = 0;
  std::size_t row = 0;
  std::size_t column = 0;
};

// Value. A shape of rows x row_tokens; placements do not overlap and lie inside.
struct Packing {
  std::size_t rows = 0;
  std::size_t row_tokens = 0;
  std::vector<Placement> placements;
};

// Pure. `lengths`, in tokens and positive, are the waiting texts, oldest first. The oldest is
// always taken, so nobody starves; later ones are taken where they fit without much padding. Linear
// times rows.
Packing plan_packing(std::span<const std::size_t> lengths, const PackingOptions& options);

}  // namespace rage::embed
