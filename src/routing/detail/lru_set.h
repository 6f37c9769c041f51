// A bounded set of hashes that forgets what was touched longest ago. 24 to 32 bytes an entry.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace rage::routing::detail {

// Value. Thread-compatible. Hashes are taken to be well mixed.
class LruSet final {
 public:
  bool touch(std::uint64_t hash);  // True: it is new.
  bool contains(std::uint64_t hash) const;
  // Touches all of them, in this order. Those that are new.
  std::vector<std::uint64_t> touch_all(std::span<const std::uint64_t> hashes);
  // Removes what was touched longest ago until no more than `size_max` are left: those, in order.
  std::vector<std::uint64_t> shrink(std::size_t size_max);
  std::size_t size() const { return size_; }
  std::size_t bytes() const;

 private:
  struct Node {
    std::uint64_t hash;
    std::uint32_t older;
    std::uint32_t newer;
  };
  static constexpr std::uint32_t kNone = UINT32_MAX;

  std::size_t slot_of(std::uint64_t hash) const;  // Where it is, or the free slot for it.
  void prefetch_slot(std::uint64_t hash) const;
  void prefetch_node(std::uint64_t hash) const;
  void grow();
  void unlink(std::uint32_t node);
  void link_newest(std::uint32_t node);
  void erase_slot(std::size_t slot);

  std::vector<std::uint32_t> slots_;  // A power of two; kNone: free.
  std::vector<Node> nodes_;
  std::uint32_t free_ = kNone;  // Chained by `older`.
  std::uint32_t oldest_ = kNone;
  std::uint32_t newest_ = kNone;
  std::size_t size_ = 0;
};

}  // namespace rage::routing::detail
