// A paged KV cache with prefix reuse, as vLLM keeps it: blocks are counted by reference; a block
// whose last user is gone keeps its content and waits in a queue, oldest first, until it is
// found again by its hash or taken for something else.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "simulator/block_index.h"

namespace rage::simulator {

// A block's content is found by its hash from now on, or no more.
struct CacheChange {
  std::uint64_t hash = 0;
  bool stored = false;
};

// Resource. One thread.
class KvCache final {
 public:
  enum class PrefixCaching { kOff, kOn };
  KvCache(std::uint32_t blocks, PrefixCaching caching);
  KvCache(const KvCache&) = delete;
  KvCache& operator=(const KvCache&) = delete;

  // How many blocks from the head of `chain` are there.
  std::size_t count_cached(std::span<const std::uint64_t> chain) const;
  // Appends to `held` the blocks of `cached` (all found by count_cached) and `fresh` empty ones.
  // False, and nothing happens: too few are free.
  bool acquire(std::span<const std::uint64_t> cached, std::size_t fresh,
               std::vector<BlockId>& held);
  // From now on `block` is found by `hash`, unless another block has that content already.
  void publish(BlockId block, std::uint64_t hash);
  // Gives all of them back; the last is taken first when room is needed.
  void release(std::vector<BlockId>& held);

  // From now on take_changes() tells, in order, what was not told yet; somebody has to ask.
  void record_changes() { recording_ = true; }
  std::vector<CacheChange> take_changes() { return std::exchange(changes_, {}); }

  std::uint32_t blocks() const { return static_cast<std::uint32_t>(blocks_.size()); }
  std::uint32_t free_blocks() const { return free_; }
  // Whether queue, references and hashes agree; for tests and fuzzers.
  bool is_consistent() const;

 private:
  struct Block {
    std::uint64_t hash = 0;
    std::uint32_t references = 0;
    BlockId previous = 0;  // In the queue of free blocks.
    BlockId next = 0;
    bool published = false;
  };

  BlockId end_of_queue() const { return static_cast<BlockId>(blocks_.size()); }
  Block& at(BlockId id) { return id == end_of_queue() ? ends_ : blocks_[id]; }
  const Block& at(BlockId id) const { return id == end_of_queue() ? ends_ : blocks_[id]; }
  void push_back(BlockId id);
  void unlink(BlockId id);
  BlockId take_oldest();

  const bool caching_;
  bool recording_ = false;
  std::vector<CacheChange> changes_;
  std::vector<Block> blocks_;
  Block ends_;  // `next` is the oldest free block, `previous` the newest.
  std::uint32_t free_ = 0;
  BlockIndex by_hash_;
};

}  // namespace rage::simulator
