// Regular expressions of routes: RE2's dialect, which is linear in the text, with a bound on what a
// pattern may cost.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "base/error.h"

namespace re2 {
class RE2;
}  // namespace re2

namespace rage::gatewayapi {

inline constexpr std::size_t kRegexBytesMax = 4096;         // Of a pattern.
inline constexpr int kRegexInstructionsMax = 4000;          // Of the compiled program.
inline constexpr std::size_t kRegexMemoryMax = 1024 * 256;  // With what it learns while matching.

// Value, cheap to copy. Thread-safe.
class Regex final {
 public:
  Regex() = default;  // Matches nothing.
  // kInvalidArgument, with RE2's reason; kResourceExhausted past the bounds.
  static Result<Regex> create(std::string_view pattern);
  bool matches(std::string_view text) const;  // The whole of it.

 private:
  explicit Regex(std::shared_ptr<const re2::RE2> compiled) : compiled_(std::move(compiled)) {}

  std::shared_ptr<const re2::RE2> compiled_;
};

}  // namespace rage::gatewayapi
