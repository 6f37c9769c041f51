// The pieces of a vocabulary as a trie over bytes, flat.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace rage::text::detail {

// Value, immutable once built. Thread-safe. Nodes are numbered level by level, so that the children
// of a node are neighbours, sorted by their byte.
class PieceTrie final {
 public:
  using Node = std::uint32_t;
  static constexpr Node kRoot = 0;
  static constexpr Node kNone = 0;  // The root is nobody's child.

  // Ids are positions; of equal pieces the last counts; empty ones are gaps.
  explicit PieceTrie(const std::vector<std::string_view>& pieces);

  Node child(Node node, char byte) const {
    return node == kRoot ? roots_[static_cast<unsigned char>(byte)] : find_child(node, byte);
  }
  // -1 where no piece ends.
  std::int32_t id(Node node) const { return ids_[node]; }
  std::size_t piece_bytes_max() const { return piece_bytes_max_; }

 private:
  Node find_child(Node node, char byte) const;

  std::vector<unsigned char> bytes_;     // That lead to each node.
  std::vector<std::uint32_t> children_;  // Of node i: from children_[i] up to children_[i + 1].
  std::vector<std::int32_t> ids_;
  std::vector<Node> roots_;  // The root's children, by byte.
  std::size_t piece_bytes_max_ = 0;
};

}  // namespace rage::text::detail
