#include "simulator/block_index.h"

#include <algorithm>
#include <bit>

#include "base/check.h"

namespace rage::simulator {

BlockIndex::BlockIndex(std::uint32_t entries_max)
    : entries_(std::bit_ceil(std::max<std::size_t>(2 * std::size_t{entries_max}, 2))),
      shift_(64 - std::countr_zero(entries_.size())) {}

// The high bits of a product depend on all bits of the hash.
std::size_t BlockIndex::home_of(std::uint64_t hash) const {
  return static_cast<std::size_t>((hash * 0x9E3779B97F4A7C15) >> shift_);
}

std::size_t BlockIndex::place_of(std::uint64_t hash) const {
  std::size_t place = home_of(hash);
  while (entries_[place].used && entries_[place].hash != hash) place = next(place);
  return place;
}

std::optional<BlockId> BlockIndex::find(std::uint64_t hash) const {
  const Entry& entry = entries_[place_of(hash)];
  return entry.used ? std::optional(entry.block) : std::nullopt;
}

bool BlockIndex::insert(std::uint64_t hash, BlockId block) {
  Entry& entry = entries_[place_of(hash)];
  if (entry.used) return false;
  CHECK(2 * ++size_ <= entries_.size());
  entry = {.hash = hash, .block = block, .used = true};
  return true;
}

// Moves up whoever could not be found any more behind the gap, so that no marks are left behind.
void BlockIndex::erase(std::uint64_t hash) {
  std::size_t gap = place_of(hash);
  CHECK(entries_[gap].used);
  --size_;
  const std::size_t mask = entries_.size() - 1;
  for (std::size_t place = next(gap); entries_[place].used; place = next(place)) {
    const std::size_t away = (place - home_of(entries_[place].hash)) & mask;
    if (away < ((place - gap) & mask)) continue;
    entries_[gap] = entries_[place];
    gap = place;
  }
  entries_[gap].used = false;
}

}  // namespace rage::simulator
