#include "rag/kaito_store.h"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "codec/documents.h"
#include "text/unicode.h"

namespace rage::rag {
namespace {

using codec::Json;

// White space that a splitter may have cut off between two chunks; more is a wrong offset.
constexpr std::size_t kGapMax = 4096;

struct Piece {
  std::string text;
  std::optional<std::size_t> start;  // In code points; none: unknown.
  std::size_t number = 0;            // In the file.
};

struct Pieces {
  std::string doc_id;
  Json metadata;
  std::vector<Piece> pieces;
};

std::optional<std::size_t> offset_of(const Json& node) {
  const Json* start = codec::find_key(node, "start_char_idx");
  if (start == nullptr || !start->is_number_unsigned()) return std::nullopt;
  return start->get<std::size_t>();
}

// Chunks overlap, and white space at their ends is cut off.
std::string join_pieces(std::vector<Piece> pieces) {
  std::ranges::sort(pieces, {}, [](const Piece& piece) {
    return std::pair(piece.start.value_or(std::numeric_limits<std::size_t>::max()), piece.number);
  });
  std::string text;
  std::size_t length = 0;  // Of `text`, in code points.
  for (const Piece& piece : pieces) {
    std::string_view rest = piece.text;
    const std::size_t start = piece.start.value_or(length + 1);
    if (start < length) {
      rest.remove_prefix(text::take_code_points(rest, length - start).size());
    } else if (!text.empty() && start > length) {
      const std::size_t gap = start - length;
      text += gap == 1 ? (piece.start ? " " : "\n") : std::string(std::min(gap, kGapMax), '\n');
      length += std::min(gap, kGapMax);
    }
    text += rest;
    length += text::count_code_points(rest);
  }
  return text;
}

}  // namespace

Result<std::vector<StoredDocument>> parse_kaito_docstore(std::string_view json) {
  auto parsed = codec::parse_json(json, {.bytes_max = kDocstoreBytesMax});
  if (!parsed) return fail(ErrorCode::kDataLoss, "docstore.json is {}", parsed.error().message);
  const Json* data = codec::find_key(*parsed, "docstore/data");
  if (data == nullptr && parsed->is_object() && parsed->empty()) {
    return std::vector<StoredDocument>();  // An index that was emptied.
  }
  if (data == nullptr || !data->is_object()) {
    return fail(ErrorCode::kDataLoss, "docstore.json holds no 'docstore/data'");
  }
  std::vector<Pieces> documents;
  std::map<std::string, std::size_t> places;
  for (const auto& [node_id, entry] : data->items()) {
    const Json* node = codec::find_key(entry, "__data__");
    const Json* text = node == nullptr ? nullptr : codec::find_key(*node, "text");
    if (text == nullptr || !text->is_string()) {
      return fail(ErrorCode::kDataLoss, "node '{}' of docstore.json has no text", node_id);
    }
    const std::string doc_id = codec::text_at(*node, {"relationships", "1", "node_id"}, node_id);
    const auto [place, is_new] = places.emplace(doc_id, documents.size());
    if (is_new) {
      documents.push_back(
          {.doc_id = doc_id, .metadata = codec::map_at(*node, {"metadata"}), .pieces = {}});
    }
    std::vector<Piece>& pieces = documents[place->second].pieces;
    pieces.push_back(
        {.text = text->get<std::string>(), .start = offset_of(*node), .number = pieces.size()});
  }
  std::vector<StoredDocument> stored;
  stored.reserve(documents.size());
  for (Pieces& document : documents) {
    stored.push_back({.doc_id = std::move(document.doc_id),
                      .document = {.text = join_pieces(std::move(document.pieces)),
                                   .metadata = std::move(document.metadata)}});
  }
  return stored;
}

}  // namespace rage::rag
