#include "routing/detail/lru_set.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace rage::routing::detail {
namespace {

constexpr std::size_t kSlotsMin = 64;

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
  std::vector<std::uint32_t> old(std::max(kSlotsMin, slots_.size() * 2), kNone);
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

std::optional<std::uint64_t> LruSet::pop_oldest() {
  if (oldest_ == kNone) return std::nullopt;
  const std::uint32_t node = oldest_;
  const std::uint64_t hash = nodes_[node].hash;
  erase_slot(slot_of(hash));
  unlink(node);
  nodes_[node].older = std::exchange(free_, node);
  --size_;
  return hash;
}

std::size_t LruSet::bytes() const {
  return slots_.capacity() * sizeof(std::uint32_t) + nodes_.capacity() * sizeof(Node);
}

}  // namespace rage::routing::detail
