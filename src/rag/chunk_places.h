// Where the chunks of a document stand in its text. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace rage::rag {

// One thread. Given the chunks of one document after another, each document's in order.
class ChunkPlaces final {
 public:
  // Unicode code points of `document` in front of `chunk`, which is a part of it. Linear over all
  // chunks of a document.
  std::size_t next(std::string_view doc_id, std::string_view document, std::string_view chunk);

 private:
  std::string doc_id_;
  bool begun_ = false;
  std::size_t at_ = 0;      // Bytes in front of the last chunk,
  std::size_t points_ = 0;  // and its code points.
};

}  // namespace rage::rag
