#include "embed/vector_cache.h"

#include <algorithm>
#include <utility>

namespace rage::embed {

std::vector<std::size_t> VectorCache::take_kept(std::span<const std::string> texts,
                                                EmbeddingMatrix& rows) {
  return kept_.with([&](Kept& kept) {
    std::vector<std::size_t> absent;
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const auto found = kept.by_text.find(texts[i]);
      if (found == kept.by_text.end()) {
        absent.push_back(i);
        continue;
      }
      kept.entries.splice(kept.entries.begin(), kept.entries, found->second);
      std::ranges::copy(found->second->vector, rows.values.begin() + i * rows.dimension);
    }
    return absent;
  });
}

void VectorCache::keep(const std::string& text, std::span<const float> vector) {
  kept_.with([&](Kept& kept) {
    if (texts_max_ == 0 || kept.by_text.contains(text)) return;
    if (kept.entries.size() == texts_max_) {
      kept.by_text.erase(kept.entries.back().text);
      kept.entries.pop_back();
    }
    kept.entries.push_front({.text = text, .vector = {vector.begin(), vector.end()}});
    kept.by_text.emplace(kept.entries.front().text, kept.entries.begin());
  });
}

Result<EmbeddingMatrix> VectorCache::embed(const Context& context,
                                           std::span<const std::string> texts) {
  EmbeddingMatrix rows{.rows = texts.size(), .dimension = embedder_.dimension(), .values = {}};
  rows.values.resize(rows.rows * rows.dimension);
  const std::vector<std::size_t> absent = take_kept(texts, rows);
  if (absent.empty()) return rows;
  std::vector<std::string> wanted;
  wanted.reserve(absent.size());
  for (const std::size_t i : absent) wanted.push_back(texts[i]);
  ASSIGN_OR_RETURN(const EmbeddingMatrix fresh,
                   embedder_.embed(context, wanted, TextKind::kPassage));
  for (std::size_t i = 0; i < absent.size(); ++i) {
    const auto vector = fresh.row(i);
    std::ranges::copy(vector, rows.values.begin() + absent[i] * rows.dimension);
    keep(wanted[i], vector);
  }
  return rows;
}

}  // namespace rage::embed
