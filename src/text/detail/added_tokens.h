// Finds a model's added tokens (<s>, <mask>) in a text.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "text/sentencepiece.h"

namespace rage::text::detail {

// Value, immutable once built. Thread-safe.
class AddedTokens final {
 public:
  // Where a token stands, the white space that belongs to it included.
  struct Match {
    std::size_t begin = 0;
    std::size_t end = 0;
    std::int32_t id = 0;
  };

  AddedTokens() = default;
  explicit AddedTokens(std::vector<AddedToken> tokens);  // None of them empty.

  bool empty() const { return tokens_.empty(); }
  // The first at or after `from`, of those that begin there the longest.
  std::optional<Match> find(std::string_view text, std::size_t from) const;

 private:
  std::size_t next_begin(std::string_view text, std::size_t from) const;

  std::vector<AddedToken> tokens_;  // The longest first.
  std::array<bool, 256> begins_{};  // Whether one begins with this byte.
  bool begin_alike_ = true;         // All with the same: "<", as a rule.
};

// Where the white space begins that `text` ends with, at `from` or after it.
std::size_t white_space_begin(std::string_view text, std::size_t from);

}  // namespace rage::text::detail
