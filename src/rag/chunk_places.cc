#include "rag/chunk_places.h"

#include "text/unicode.h"

namespace rage::rag {

std::size_t ChunkPlaces::next(std::string_view doc_id, std::string_view document,
                              std::string_view chunk) {
  if (!begun_ || doc_id != doc_id_) {
    doc_id_ = doc_id;
    begun_ = false;
    at_ = points_ = 0;
  }
  // Two chunks may have the same words, but never the same place.
  const std::size_t found = document.find(chunk, begun_ ? at_ + 1 : 0);
  begun_ = true;
  if (found == std::string_view::npos) return points_;
  points_ += text::count_code_points(document.substr(at_, found - at_));
  at_ = found;
  return points_;
}

}  // namespace rage::rag
