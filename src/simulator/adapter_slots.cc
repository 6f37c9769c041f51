#include "simulator/adapter_slots.h"

#include "base/check.h"

namespace rage::simulator {

AdapterSlots::Slots::const_iterator AdapterSlots::idle_slot() const {
  auto oldest = loaded_.end();
  for (auto slot = loaded_.begin(); slot != loaded_.end(); ++slot) {
    if (slot->second.users > 0) continue;
    const bool older = oldest == loaded_.end() || slot->second.last_used < oldest->second.last_used;
    if (older) oldest = slot;
  }
  return oldest;
}

bool AdapterSlots::has_room_for(std::string_view adapter) const {
  return adapter.empty() || slots_ == 0 || loaded_.size() < slots_ || loaded_.contains(adapter) ||
         idle_slot() != loaded_.end();
}

AdapterSlots::Use AdapterSlots::acquire(std::string_view adapter) {
  if (adapter.empty()) return Use::kReady;
  CHECK(has_room_for(adapter));
  const auto found = loaded_.find(adapter);
  if (found != loaded_.end()) {
    ++found->second.users;
    found->second.last_used = ++uses_;
    return Use::kReady;
  }
  if (slots_ != 0 && loaded_.size() >= slots_) loaded_.erase(idle_slot());
  loaded_.emplace(adapter, Slot{.users = 1, .last_used = ++uses_});
  return slots_ == 0 ? Use::kReady : Use::kLoaded;
}

void AdapterSlots::release(std::string_view adapter) {
  if (adapter.empty()) return;
  const auto found = loaded_.find(adapter);
  CHECK(found != loaded_.end() && found->second.users > 0);
  --found->second.users;
  if (slots_ == 0 && found->second.users == 0) loaded_.erase(found);
}

std::vector<std::string> AdapterSlots::in_use() const {
  std::vector<std::string> names;
  for (const auto& [name, slot] : loaded_) {
    if (slot.users > 0) names.push_back(name);
  }
  return names;
}

}  // namespace rage::simulator
