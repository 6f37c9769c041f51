#include "simulator/kv_cache.h"

#include <ranges>

#include "base/check.h"

namespace rage::simulator {

KvCache::KvCache(std::uint32_t blocks, PrefixCaching caching)
    : caching_(caching == PrefixCaching::kOn), blocks_(blocks), by_hash_(blocks) {
  ends_.previous = ends_.next = end_of_queue();
  for (BlockId id = 0; id < blocks; ++id) push_back(id);
}

std::size_t KvCache::count_cached(std::span<const std::uint64_t> chain) const {
  std::size_t found = 0;
  while (found < chain.size() && by_hash_.find(chain[found])) ++found;
  return found;
}

bool KvCache::acquire(std::span<const std::uint64_t> cached, std::size_t fresh,
                      std::vector<BlockId>& held) {
  std::size_t idle = 0;  // Cached blocks that nobody uses count as free, and are about to be used.
  for (const std::uint64_t hash : cached) {
    const auto found = by_hash_.find(hash);
    CHECK(found);
    idle += blocks_[*found].references == 0 ? 1 : 0;
  }
  if (fresh + idle > free_) return false;
  for (const std::uint64_t hash : cached) {
    const BlockId id = *by_hash_.find(hash);
    if (blocks_[id].references++ == 0) unlink(id);
    held.push_back(id);
  }
  for (std::size_t i = 0; i < fresh; ++i) held.push_back(take_oldest());
  return true;
}

void KvCache::publish(BlockId id, std::uint64_t hash) {
  Block& block = blocks_[id];
  CHECK(block.references > 0);
  if (!caching_ || block.published) return;
  block.published = by_hash_.insert(hash, id);
  if (!block.published) return;
  block.hash = hash;
  if (recording_) changes_.push_back({.hash = hash, .stored = true});
}

void KvCache::release(std::vector<BlockId>& held) {
  for (const BlockId id : std::views::reverse(held)) {
    Block& block = blocks_[id];
    CHECK(block.references > 0);
    if (--block.references == 0) push_back(id);
  }
  held.clear();
}

void KvCache::push_back(BlockId id) {
  Block& block = blocks_[id];
  block.previous = ends_.previous;
  block.next = end_of_queue();
  at(ends_.previous).next = id;
  ends_.previous = id;
  ++free_;
}

void KvCache::unlink(BlockId id) {
  const Block& block = blocks_[id];
  at(block.previous).next = block.next;
  at(block.next).previous = block.previous;
  --free_;
}

BlockId KvCache::take_oldest() {
  const BlockId id = ends_.next;
  CHECK(id != end_of_queue());
  unlink(id);
  Block& block = blocks_[id];
  if (block.published) by_hash_.erase(block.hash);
  if (block.published && recording_) changes_.push_back({.hash = block.hash, .stored = false});
  block.published = false;
  block.references = 1;
  return id;
}

bool KvCache::is_consistent() const {
  std::size_t queued = 0;
  for (BlockId id = ends_.next; id != end_of_queue(); id = blocks_[id].next) {
    const Block& block = blocks_[id];
    if (block.references != 0 || at(block.next).previous != id) return false;
    if (++queued > blocks_.size()) return false;
  }
  std::size_t idle = 0;
  std::size_t published = 0;
  for (BlockId id = 0; id < blocks_.size(); ++id) {
    const Block& block = blocks_[id];
    idle += block.references == 0 ? 1 : 0;
    if (!block.published) continue;
    ++published;
    if (by_hash_.find(block.hash) != id) return false;
  }
  return queued == free_ && idle == free_ && published == by_hash_.size();
}

}  // namespace rage::simulator
