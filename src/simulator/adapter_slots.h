// LoRA adapters on the accelerator: a fixed number of slots, each free again once no running
// request needs what is in it; the longest unused one is overwritten.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace rage::simulator {

// Resource. One thread.
class AdapterSlots final {
 public:
  // 0: as many as there are adapters, and none takes time to load.
  explicit AdapterSlots(std::uint32_t slots) : slots_(slots) {}

  // Whether acquire() may be called: it is there, or a slot is free. The empty name, the base
  // model, needs none.
  bool has_room_for(std::string_view adapter) const;
  enum class Use { kReady, kLoaded };
  // For one running request. kLoaded: it was not there and took a slot.
  Use acquire(std::string_view adapter);
  void release(std::string_view adapter);
  // Names that running requests use, in order.
  std::vector<std::string> in_use() const;

 private:
  struct Slot {
    std::uint32_t users = 0;
    std::uint64_t last_used = 0;
  };
  using Slots = std::map<std::string, Slot, std::less<>>;

  // The longest unused one that nobody uses; end() if there is none.
  Slots::const_iterator idle_slot() const;

  const std::uint32_t slots_;
  std::uint64_t uses_ = 0;
  Slots loaded_;
};

}  // namespace rage::simulator
