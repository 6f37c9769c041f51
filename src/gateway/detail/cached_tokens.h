// Puts another number behind "cached_tokens" while a reply passes. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace rage::gateway::detail {

// Value. Works on JSON and on event streams of it alike, for inside of a JSON string the name's
// quotes are escaped. Holds back at most the bytes of an unfinished match, no more than 64.
class CachedTokensRewriter final {
 public:
  explicit CachedTokensRewriter(std::uint64_t tokens) : number_(std::to_string(tokens)) {}

  // What may leave now.
  std::string feed(std::string_view bytes);
  // The rest, at the end.
  std::string finish();

 private:
  enum class State : std::uint8_t { kName, kColon, kNumber };
  void take(char c, std::string& out);

  const std::string number_;
  std::string held_;  // From the name's first quote on.
  State state_ = State::kName;
};

}  // namespace rage::gateway::detail
