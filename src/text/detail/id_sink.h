// Where tokenizers put the ids of a text.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

namespace rage::text::detail {

// Takes ids until there are `ids_max`.
struct IdSink {
  std::vector<std::int32_t>* ids = nullptr;  // Null: count only.
  std::size_t ids_max = std::numeric_limits<std::size_t>::max();
  std::size_t count = 0;

  bool is_full() const { return count >= ids_max; }
  void add(std::int32_t id) {
    if (is_full()) return;
    ++count;
    if (ids != nullptr) ids->push_back(id);
  }
  // The last ones again, back to when there were `before`.
  void take_back(std::size_t before) {
    if (ids != nullptr) ids->resize(ids->size() - (count - before));
    count = before;
  }
};

// What Tokenizer::encode gives: `first`, what read(sink) adds, `last`.
template <class Read>
std::vector<std::int32_t> encode_between(std::int32_t first, std::int32_t last,
                                         std::string_view text, std::size_t tokens_max, Read read) {
  const std::size_t ids_max = std::max<std::size_t>(tokens_max, 2) - 2;
  std::vector<std::int32_t> ids;
  ids.reserve(std::min(ids_max, text.size() / 4) + 2);
  ids.push_back(first);
  IdSink sink{.ids = &ids, .ids_max = ids_max};
  read(sink);
  ids.push_back(last);
  return ids;
}

}  // namespace rage::text::detail
