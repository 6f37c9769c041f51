#include "routing/detail/lru_set.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace rage::routing::detail {
namespace {

constexpr std::size_t kLruSlotsMin = 64;
// How far ahead of its use memory is asked for: sets of many servers do not stay in caches.
constexpr std::size_t kAhead = 8;

}  // namespace

std::size_t LruSet::slot_of(std::uint64_t hash) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = hash & mask;
  while (slots_[slot] != kNone && nodes_[slots_[slot]].hash != hash) slot = (slot + 1) & mask;
  return slot;
}

bool LruSet::contains(std::uint64_t hash) const {
  return !slots_.empty() && slots_[slot_of(hash)] != kNone;
}

void LruSet::grow() {
  std::vector<std::uint32_t> old(std::max(kLruSlotsMin, slots_.size() * 2), kNone);
  slots_.swap(old);
  for (const std::uint32_t node : old) {
    if (node != kNone) slots_[slot_of(nodes_[node].hash)] = node;
  }
}

void LruSet::unlink(std::uint32_t node) {
  const Node& at = nodes_[node];
  (at.older == kNone ? oldest_ : nodes_[at.older].newer) = at.newer;
  (at.newer == kNone ? newest_ : nodes_[at.newer].older) = at.older;
}

void LruSet::link_newest(std::uint32_t node) {
  nodes_[node].older = newest_;
  nodes_[node].newer = kNone;
  (newest_ == kNone ? oldest_ : nodes_[newest_].newer) = node;
  newest_ = node;
}

bool LruSet::touch(std::uint64_t hash) {
  if (size_ * 4 >= slots_.size() * 3) grow();
  const std::size_t slot = slot_of(hash);
  if (slots_[slot] != kNone) {
    unlink(slots_[slot]);
    link_newest(slots_[slot]);
    return false;
  }
  std::uint32_t node = free_;
  if (node == kNone) {
    CHECK(nodes_.size() < kNone);
    node = static_cast<std::uint32_t>(nodes_.size());
    nodes_.emplace_back();
  } else {
    free_ = nodes_[node].older;
  }
  nodes_[node].hash = hash;
  slots_[slot] = node;
  link_newest(node);
  ++size_;
  return true;
}

// Later entries of the same run move up, so that no search ends too early.
void LruSet::erase_slot(std::size_t slot) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t hole = slot;
  for (std::size_t next = (hole + 1) & mask; slots_[next] != kNone; next = (next + 1) & mask) {
    const std::size_t home = nodes_[slots_[next]].hash & mask;
    if (((next - home) & mask) >= ((next - hole) & mask)) {
      slots_[hole] = slots_[next];
      hole = next;
    }
  }
  slots_[hole] = kNone;
}

void LruSet::prefetch_slot(std::uint64_t hash) const {
  if (!slots_.empty()) __builtin_prefetch(&slots_[hash & (slots_.size() - 1)]);
}

void LruSet::prefetch_node(std::uint64_t hash) const {
  if (slots_.empty()) return;
  const std::uint32_t node = slots_[hash & (slots_.size() - 1)];
  if (node != kNone) __builtin_prefetch(&nodes_[node]);
}

std::vector<std::uint64_t> LruSet::touch_all(std::span<const std::uint64_t> hashes) {
  std::vector<std::uint64_t> fresh;
  for (std::size_t i = 0; i < hashes.size(); ++i) {
    if (i + 2 * kAhead < hashes.size()) prefetch_slot(hashes[i + 2 * kAhead]);
    if (i + kAhead < hashes.size()) prefetch_node(hashes[i + kAhead]);
    if (touch(hashes[i])) fresh.push_back(hashes[i]);
  }
  return fresh;
}

std::vector<std::uint64_t> LruSet::shrink(std::size_t size_max) {
  std::vector<std::uint64_t> removed;
  std::uint32_t node = oldest_;
  for (std::size_t left = size_; left > size_max; --left) {
    removed.push_back(nodes_[node].hash);
    node = nodes_[node].newer;
  }
  for (std::size_t i = 0; i < removed.size(); ++i) {
    if (i + kAhead < removed.size()) prefetch_slot(removed[i + kAhead]);
    const std::uint32_t oldest = oldest_;
    erase_slot(slot_of(removed[i]));
    unlink(oldest);
    nodes_[oldest].older = std::exchange(free_, oldest);
    --size_;
  }
  return removed;
}

std::size_t LruSet::bytes() const {
  return slots_.capacity() * sizeof(std::uint32_t) + nodes_.capacity() * sizeof(Node);
}

}  // namespace rage::routing::detail
