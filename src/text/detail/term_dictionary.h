// Terms and their numbers, in flat memory: one string of bytes, offsets, and a hash table of
// numbers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rage::text::detail {

// Value. Thread-safe to read. Numbers count from 0 in order of insertion.
class TermDictionary final {
 public:
  static constexpr std::uint32_t kAbsent = 0xFFFFFFFF;

  TermDictionary() = default;
  std::uint32_t size() const { return static_cast<std::uint32_t>(ends_.size()); }
  std::string_view term(std::uint32_t number) const;
  std::uint32_t find(std::string_view term) const;  // kAbsent if it is not there.
  std::uint32_t insert(std::string_view term);      // Its number, old or new.
  void shrink_to_fit();
  std::size_t bytes() const;

 private:
  std::size_t slot_of(std::string_view term) const;
  void grow();

  std::string bytes_;
  std::vector<std::uint64_t> ends_;
  std::vector<std::uint32_t> slots_;  // Open addressing; a power of two, at most 3/4 full.
};

}  // namespace rage::text::detail
