#include "routing/detail/holder_table.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/check.h"

namespace rage::routing::detail {
namespace {

constexpr std::size_t kSlotsMin = 16;
constexpr std::size_t kWordBits = 64;

void set_bit(ServerBits& bits, ServerId id) {
  const std::size_t word = id / kWordBits;
  if (bits.size() <= word) bits.resize(word + 1);
  bits[word] |= std::uint64_t{1} << (id % kWordBits);
}

}  // namespace

std::uint32_t HolderTable::spill_of(const Entry& entry) {
  return std::uint32_t{entry.ids[2]} << 16 | entry.ids[3];
}

std::size_t HolderTable::slot_of(std::uint64_t hash) const {
  const std::size_t mask = entries_.size() - 1;
  std::size_t slot = hash & mask;
  while (!is_free(entries_[slot]) && entries_[slot].hash != hash) slot = (slot + 1) & mask;
  return slot;
}

void HolderTable::resize(std::size_t slots) {
  std::vector<Entry> old(slots);
  entries_.swap(old);
  for (const Entry& entry : old) {
    if (!is_free(entry)) entries_[slot_of(entry.hash)] = entry;
  }
}

void HolderTable::spill(Entry& entry) {
  std::uint32_t index = 0;
  if (spills_free_.empty()) {
    index = static_cast<std::uint32_t>(spills_.size());
    spills_.emplace_back();
  } else {
    index = spills_free_.back();
    spills_free_.pop_back();
  }
  for (const ServerId id : entry.ids) set_bit(spills_[index], id);
  entry.ids = {kSpilled, kInline, static_cast<ServerId>(index >> 16),
               static_cast<ServerId>(index & 0xFFFF)};
}

void HolderTable::unspill(Entry& entry) {
  const std::uint32_t index = spill_of(entry);
  ServerBits bits = std::exchange(spills_[index], {});
  spills_free_.push_back(index);
  entry.ids.fill(kNobody);
  std::size_t next = 0;
  for (std::size_t word = 0; word < bits.size(); ++word) {
    for (; bits[word] != 0; bits[word] &= bits[word] - 1) {
      const auto bit = static_cast<std::size_t>(std::countr_zero(bits[word]));
      entry.ids[next++] = static_cast<ServerId>(word * kWordBits + bit);
    }
  }
}

void HolderTable::add(std::uint64_t hash, ServerId server) {
  DCHECK(server < kServersMax);
  if (size_ * 4 >= entries_.size() * 3) resize(std::max(kSlotsMin, entries_.size() * 2));
  Entry& entry = entries_[slot_of(hash)];
  if (is_free(entry)) {
    entry.hash = hash;
    entry.ids[0] = server;
    ++size_;
    return;
  }
  if (entry.ids[0] != kSpilled) {
    const auto vacant = std::ranges::find(entry.ids, kNobody);
    if (vacant != entry.ids.end()) {
      *vacant = server;
      return;
    }
    spill(entry);
  }
  set_bit(spills_[spill_of(entry)], server);
  ++entry.ids[1];
}

void HolderTable::remove(std::uint64_t hash, ServerId server) {
  if (entries_.empty()) return;
  const std::size_t slot = slot_of(hash);
  Entry& entry = entries_[slot];
  if (is_free(entry)) return;
  if (entry.ids[0] == kSpilled) {
    spills_[spill_of(entry)][server / kWordBits] &= ~(std::uint64_t{1} << (server % kWordBits));
    if (--entry.ids[1] <= kInline / 2) unspill(entry);  // Not at the edge: no to and fro.
    return;
  }
  const auto at = std::ranges::find(entry.ids, server);
  if (at == entry.ids.end()) return;
  std::shift_left(at, entry.ids.end(), 1);
  entry.ids.back() = kNobody;
  if (is_free(entry)) erase_slot(slot);
}

// Later entries of the same run move up, so that no search ends too early.
void HolderTable::erase_slot(std::size_t slot) {
  const std::size_t mask = entries_.size() - 1;
  std::size_t hole = slot;
  for (std::size_t next = (hole + 1) & mask; !is_free(entries_[next]); next = (next + 1) & mask) {
    const std::size_t home = entries_[next].hash & mask;
    if (((next - home) & mask) >= ((next - hole) & mask)) {
      entries_[hole] = entries_[next];
      hole = next;
    }
  }
  entries_[hole] = Entry{};
  --size_;
  if (size_ * 8 < entries_.size() && entries_.size() > kSlotsMin) resize(entries_.size() / 2);
}

bool HolderTable::find(std::uint64_t hash, ServerBits& holders) const {
  std::ranges::fill(holders, 0);
  if (entries_.empty()) return false;
  const Entry& entry = entries_[slot_of(hash)];
  if (is_free(entry)) return false;
  if (entry.ids[0] == kSpilled) {
    const ServerBits& bits = spills_[spill_of(entry)];
    if (holders.size() < bits.size()) holders.resize(bits.size());
    std::ranges::copy(bits, holders.begin());
    return true;
  }
  for (const ServerId id : entry.ids) {
    if (id == kNobody) break;
    set_bit(holders, id);
  }
  return true;
}

std::size_t HolderTable::bytes() const {
  std::size_t bytes = entries_.capacity() * sizeof(Entry) +
                      spills_.capacity() * sizeof(ServerBits) +
                      spills_free_.capacity() * sizeof(std::uint32_t);
  for (const ServerBits& bits : spills_) bytes += bits.capacity() * sizeof(std::uint64_t);
  return bytes;
}

}  // namespace rage::routing::detail
