#include "embed/packing.h"

#include <algorithm>

#include "base/check.h"

namespace rage::embed {
namespace {

// Short texts share rows of this size: measured fastest for questions of a dozen tokens.
constexpr std::size_t kSharedRowTokens = 48;

// Coarser for longer rows: a step is never more than a few per cent of wasted work.
std::size_t round_up_length(std::size_t tokens) {
  const std::size_t step = tokens <= 64 ? 4 : tokens <= 256 ? 16 : 32;
  return (tokens + step - 1) / step * step;
}

std::size_t choose_row_tokens(std::span<const std::size_t> lengths) {
  std::size_t total = 0;
  for (const std::size_t length : lengths) {
    if (length <= kSharedRowTokens) total += length;
    if (total >= kSharedRowTokens) break;
  }
  return round_up_length(std::max(lengths.front(), std::min(total, kSharedRowTokens)));
}

}  // namespace

Packing plan_packing(std::span<const std::size_t> lengths, const PackingOptions& options) {
  CHECK(!lengths.empty());
  Packing packing{.rows = 1, .row_tokens = choose_row_tokens(lengths)};
  const std::size_t rows_max =
      std::max<std::size_t>(1, options.batch_tokens_max / packing.row_tokens);
  std::vector<std::size_t> used(1, 0);
  for (std::size_t text = 0; text < lengths.size(); ++text) {
    if (packing.placements.size() == options.texts_max) break;
    const std::size_t length = lengths[text];
    CHECK(length > 0);
    if (length > packing.row_tokens) continue;
    const auto fits = [&](std::size_t tokens) { return tokens + length <= packing.row_tokens; };
    auto row = std::ranges::find_if(used, fits);
    if (row == used.end()) {
      // A text that would leave most of a third of its row empty waits for a better fitting batch.
      const bool fills = length * 4 >= packing.row_tokens * 3 || length * 2 <= packing.row_tokens;
      if (used.size() == rows_max || !fills) continue;
      row = used.insert(used.end(), 0);
    }
    packing.placements.push_back(
        {.text = text, .row = static_cast<std::size_t>(row - used.begin()), .column = *row});
    *row += length;
  }
  packing.rows = used.size();
  return packing;
}

}  // namespace rage::embed
