// sentencepiece's precompiled_charsmap: what characters are replaced by, as a double-array trie
// (Darts-clone: Aoe 1989) and the replacements, each ended by a NUL.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace rage::text::detail {

// Value, immutable once built. Thread-safe.
class CharacterMap final {
 public:
  CharacterMap() = default;  // Replaces nothing.
  // u32 bytes of the trie, its u32 units, the replacements; little endian. kDataLoss if one of the
  // units that can be reached leads out of the trie or of the replacements.
  static Result<CharacterMap> parse(std::string_view bytes);

  // Appends what becomes of one grapheme cluster. As `tokenizers` does it: the shortest entry that
  // a short cluster begins with stands for all of it, else each code point is replaced by itself.
  void append_replaced(std::string_view grapheme, std::string& out) const;
  // Whether this ASCII character, alone, stays what it is.
  bool keeps(char ascii) const { return keeps_[static_cast<unsigned char>(ascii)]; }

 private:
  Result<void> check() const;
  // The replacement of the shortest entry that `text` begins with.
  std::optional<std::string_view> find(std::string_view text) const;

  std::vector<std::uint32_t> units_;
  std::string replacements_;
  std::array<bool, 128> keeps_ = [] {
    std::array<bool, 128> all;
    all.fill(true);
    return all;
  }();
};

}  // namespace rage::text::detail
