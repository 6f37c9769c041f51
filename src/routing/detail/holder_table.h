// Which servers hold a block: hash to set of server ids. Sixteen bytes a block for up to four
// holders; a bitmap where there are more, as for the head of a prompt that all of them know.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace rage::routing::detail {

using ServerId = std::uint16_t;
inline constexpr std::size_t kServersMax = 16384;

// Bit i: server i. Sets of different length compare as if filled up with zeros.
using ServerBits = std::vector<std::uint64_t>;

// Value. Thread-compatible. Hashes are taken to be well mixed in their low bits.
class HolderTable final {
  static constexpr std::size_t kInline = 4;
  static constexpr ServerId kNobody = UINT16_MAX;
  static constexpr ServerId kSpilled = UINT16_MAX - 1;
  struct Entry {
    std::uint64_t hash = 0;
    // Inline: ids, then kNobody. Spilled: kSpilled, how many, and the index of the bitmap.
    std::array<ServerId, kInline> ids = {kNobody, kNobody, kNobody, kNobody};
  };

 public:
  void add(std::uint64_t hash, ServerId server);  // It must not be there.
  void remove(std::uint64_t hash, ServerId server);
  // False: nobody holds it, `holders` is all zeros. Never shortens `holders`.
  bool find(std::uint64_t hash, ServerBits& holders) const;
  std::size_t size() const { return size_; }  // Distinct blocks.

  // Where entries lie, so that memory can be asked for ahead of its use, and without a lock: when
  // it is out of date that is of no use, and no harm.
  struct Place {
    std::uintptr_t base = 0;
    std::uintptr_t mask = 0;
    void prefetch(std::uint64_t hash) const {
      __builtin_prefetch(reinterpret_cast<const void*>(base + (hash & mask) * sizeof(Entry)));
    }
  };
  Place place() const {
    if (entries_.empty()) return {};
    return {reinterpret_cast<std::uintptr_t>(entries_.data()), entries_.size() - 1};
  }
  std::size_t bytes() const;

 private:
  static bool is_free(const Entry& entry) { return entry.ids[0] == kNobody; }
  static std::uint32_t spill_of(const Entry& entry);
  std::size_t slot_of(std::uint64_t hash) const;
  void resize(std::size_t slots);
  void erase_slot(std::size_t slot);
  void spill(Entry& entry);
  void unspill(Entry& entry);

  std::vector<Entry> entries_;  // A power of two.
  std::size_t size_ = 0;
  std::vector<ServerBits> spills_;
  std::vector<std::uint32_t> spills_free_;
};

}  // namespace rage::routing::detail
