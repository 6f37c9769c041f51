#include "embed/packing.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace rage::embed {
namespace {

// Texts up to kShortTokens share rows. Rows longer than kSharedRowTokensMax waste more on
// attention, whose cost grows with the length of a row, than they save on padding.
constexpr std::size_t kShortTokens = 48;
constexpr std::size_t kSharedRowTokensMax = 96;
constexpr std::size_t kSharedRowStep = 8;
// A row of this length spends as much on attention as on everything else (6 layers of width 384).
constexpr double kAttentionParityTokens = 2300;

// Coarser for longer rows: a step is never more than a few per cent of wasted work.
std::size_t round_up_length(std::size_t tokens) {
  const std::size_t step = tokens <= 64 ? 4 : tokens <= 256 ? 16 : 32;
  return (tokens + step - 1) / step * step;
}

// First fit, the oldest first.
Packing pack_into_rows(std::span<const std::size_t> lengths, std::size_t row_tokens,
                       const PackingOptions& options) {
  Packing packing{.rows = 1, .row_tokens = row_tokens};
  const std::size_t rows_max = std::max<std::size_t>(1, options.batch_tokens_max / row_tokens);
  std::vector<std::size_t> used(1, 0);
  for (std::size_t text = 0; text < lengths.size(); ++text) {
    if (packing.placements.size() == options.texts_max) break;
    const std::size_t length = lengths[text];
    CHECK(length > 0);
    if (length > row_tokens) continue;
    const auto fits = [&](std::size_t tokens) { return tokens + length <= row_tokens; };
    auto row = std::ranges::find_if(used, fits);
    if (row == used.end()) {
      // A text that would leave up to half of its row empty waits for a better fitting batch.
      const bool fills = length * 4 >= row_tokens * 3 || length * 2 <= row_tokens;
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

Packing line_up(std::span<const std::size_t> lengths, const PackingOptions& options) {
  Packing packing{.rows = 1};
  for (std::size_t text = 0; text < lengths.size(); ++text) {
    if (packing.placements.size() == options.texts_max) break;
    const std::size_t length = lengths[text];
    CHECK(length > 0);
    const bool fits = packing.row_tokens + length <= options.batch_tokens_max;
    if (!packing.placements.empty() && !fits) continue;
    packing.placements.push_back({.text = text, .row = 0, .column = packing.row_tokens});
    packing.row_tokens += length;
  }
  return packing;
}

// Work per token taken. Measured: a row costs as much as one more token.
double cost_of(const Packing& packing, std::span<const std::size_t> lengths) {
  std::size_t taken = 0;
  for (const Placement& placement : packing.placements) taken += lengths[placement.text];
  const double attention = static_cast<double>(packing.row_tokens) / kAttentionParityTokens;
  const auto cells = static_cast<double>(packing.rows * packing.row_tokens);
  return (cells * (1 + attention) + static_cast<double>(packing.rows)) / static_cast<double>(taken);
}

}  // namespace

Packing plan_packing(std::span<const std::size_t> lengths, const PackingOptions& options) {
  CHECK(!lengths.empty());
  if (!options.padded) return line_up(lengths, options);
  const bool is_short = lengths.front() <= kShortTokens;
  std::size_t longest = lengths.front();
  for (const std::size_t length : lengths.first(std::min(lengths.size(), options.texts_max))) {
    if (is_short && length <= kShortTokens) longest = std::max(longest, length);
  }
  std::size_t row_tokens = round_up_length(longest);
  Packing best = pack_into_rows(lengths, row_tokens, options);
  if (!is_short || lengths.size() == 1) return best;
  for (row_tokens += kSharedRowStep; row_tokens <= kSharedRowTokensMax;
       row_tokens += kSharedRowStep) {
    Packing other = pack_into_rows(lengths, row_tokens, options);
    if (cost_of(other, lengths) < cost_of(best, lengths)) best = std::move(other);
  }
  return best;
}

}  // namespace rage::embed
