// Which KV block holds what: hash of the content to block, in one flat table. Looked up for every
// block of every prompt, which is what a simulation spends its time on.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace rage::simulator {

using BlockId = std::uint32_t;

// Resource. One thread. Open addressing, at most half full.
class BlockIndex final {
 public:
  // Holds at most `entries_max`.
  explicit BlockIndex(std::uint32_t entries_max);

  std::optional<BlockId> find(std::uint64_t hash) const;
  // False, and nothing happens: the hash is there.
  bool insert(std::uint64_t hash, BlockId block);
  // It must be there.
  void erase(std::uint64_t hash);
  std::size_t size() const { return size_; }

 private:
  struct Entry {
    std::uint64_t hash = 0;
    BlockId block = 0;
    bool used = false;
  };
  std::size_t home_of(std::uint64_t hash) const;
  std::size_t next(std::size_t place) const { return (place + 1) & (entries_.size() - 1); }
  // Of the hash, or where it would be put.
  std::size_t place_of(std::uint64_t hash) const;

  std::vector<Entry> entries_;  // A power of two of them.
  int shift_ = 0;
  std::size_t size_ = 0;
};

}  // namespace rage::simulator
