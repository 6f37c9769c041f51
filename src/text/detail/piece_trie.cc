#include "text/detail/piece_trie.h"

#include <algorithm>
#include <numeric>

namespace rage::text::detail {
namespace {

// Pieces from `begin` up to `end`, in order, that all start with the node's bytes.
struct Range {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
};

}  // namespace

PieceTrie::PieceTrie(const std::vector<std::string_view>& pieces) {
  std::vector<std::int32_t> order(pieces.size());
  std::iota(order.begin(), order.end(), 0);
  const auto piece = [&](std::uint32_t i) { return pieces[static_cast<std::size_t>(order[i])]; };
  std::ranges::sort(order, [&](std::int32_t a, std::int32_t b) {
    const int compared =
        pieces[static_cast<std::size_t>(a)].compare(pieces[static_cast<std::size_t>(b)]);
    return compared != 0 ? compared < 0 : a < b;
  });
  std::vector<Range> level = {{.begin = 0, .end = static_cast<std::uint32_t>(order.size())}};
  bytes_.push_back(0);
  for (std::size_t depth = 0; !level.empty(); ++depth) {
    std::vector<Range> next;
    for (Range range : level) {
      std::int32_t id = -1;
      while (range.begin < range.end && piece(range.begin).size() == depth) {
        id = order[range.begin++];
      }
      ids_.push_back(depth == 0 ? -1 : id);
      children_.push_back(static_cast<std::uint32_t>(bytes_.size()));
      while (range.begin < range.end) {
        const char byte = piece(range.begin)[depth];
        std::uint32_t end = range.begin + 1;
        while (end < range.end && piece(end)[depth] == byte) ++end;
        bytes_.push_back(static_cast<unsigned char>(byte));
        next.push_back({.begin = range.begin, .end = end});
        range.begin = end;
      }
    }
    if (!next.empty()) piece_bytes_max_ = depth + 1;
    level = std::move(next);
  }
  children_.push_back(static_cast<std::uint32_t>(bytes_.size()));
  roots_.resize(256, kNone);
  for (Node node = children_[0]; node < children_[1]; ++node) roots_[bytes_[node]] = node;
}

PieceTrie::Node PieceTrie::find_child(Node node, char byte) const {
  const auto begin = bytes_.begin() + children_[node];
  const auto end = bytes_.begin() + children_[node + 1];
  const auto found = std::lower_bound(begin, end, static_cast<unsigned char>(byte));
  if (found == end || *found != static_cast<unsigned char>(byte)) return kNone;
  return static_cast<Node>(found - bytes_.begin());
}

}  // namespace rage::text::detail
