#include "cli/auto_index_diff.h"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "base/sha256.h"

namespace rage::cli {
namespace {

using codec::Json;
using Places = std::set<std::string, std::less<>>;

bool is_owned(const Json& metadata, std::string_view owner) {
  return codec::string_or(metadata, kOwnerKey, "") == owner;
}

// Equal whatever the order of keys, but for what a server may change at any time.
bool same_metadata(const Json& left, const Json& right) {
  const auto comparable = [](const Json& metadata) {
    nlohmann::json sorted = metadata;
    if (sorted.is_object()) {
      for (const char* key : {kEtagKey, kModifiedKey, kLinkNoteKey, kDepthKey}) sorted.erase(key);
    }
    return sorted;
  };
  return comparable(left) == comparable(right);
}

using IndexById = std::unordered_map<std::string_view, const IndexedDocument*>;

// Of all places with this text, the one that stands for them.
std::size_t chosen(std::span<const SourceDocument> source, const std::vector<std::size_t>& same,
                   const IndexedDocument* indexed) {
  if (indexed == nullptr) return same.front();
  const std::string place = place_of(indexed->metadata);
  const auto found =
      std::ranges::find_if(same, [&](std::size_t i) { return source[i].place == place; });
  return found == same.end() ? same.front() : *found;
}

}  // namespace

std::string place_of(const Json& metadata) {
  const std::string path = codec::string_or(metadata, kPathKey, "");
  return path.empty() ? codec::string_or(metadata, kUrlKey, "") : path;
}

IndexDiff diff_index(std::span<const SourceDocument> source, const Places& kept_places,
                     std::span<const IndexedDocument> index, std::string_view owner) {
  IndexDiff diff;
  IndexById by_id;
  Places places_before;
  for (const IndexedDocument& document : index) {
    by_id.emplace(document.doc_id, &document);
    if (!is_owned(document.metadata, owner)) continue;
    ++diff.owned;
    places_before.insert(place_of(document.metadata));
  }
  std::map<std::string, std::vector<std::size_t>> by_text;  // In order of id: the same every time.
  Places places;
  for (std::size_t i = 0; i < source.size(); ++i) {
    by_text[sha256_hex(source[i].text)].push_back(i);
    places.insert(source[i].place);
  }
  for (const auto& [id, same] : by_text) {
    const auto found = by_id.find(id);
    const IndexedDocument* indexed = found == by_id.end() ? nullptr : found->second;
    if (indexed != nullptr && !is_owned(indexed->metadata, owner)) continue;
    const std::size_t at = chosen(source, same, indexed);
    const bool kept = indexed != nullptr && (kept_places.contains(place_of(indexed->metadata)) ||
                                             same_metadata(indexed->metadata, source[at].metadata));
    if (kept) {
      ++diff.unchanged;
      continue;
    }
    diff.write.push_back(at);
    const bool before = indexed != nullptr || places_before.contains(source[at].place);
    (before ? diff.places_changed : diff.places_added).push_back(source[at].place);
  }
  std::ranges::sort(diff.write);
  for (const IndexedDocument& document : index) {
    if (!is_owned(document.metadata, owner) || by_text.contains(document.doc_id)) continue;
    const std::string place = place_of(document.metadata);
    if (kept_places.contains(place)) {
      ++diff.unchanged;
    } else {
      const bool replaced = places.contains(place);
      (replaced ? diff.replaced : diff.removed).push_back(document.doc_id);
      if (!replaced) diff.places_removed.push_back(place);
    }
  }
  for (auto* list : {&diff.places_added, &diff.places_changed, &diff.places_removed}) {
    std::ranges::sort(*list);
  }
  return diff;
}

}  // namespace rage::cli
