#include "gateway/detail/cached_tokens.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"

namespace rage::gateway::detail {
namespace {

constexpr std::string_view kName = "\"cached_tokens\"";
constexpr std::size_t kHeldMax = 64;

}  // namespace

std::string CachedTokensRewriter::feed(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() + held_.size() + number_.size());
  while (!bytes.empty()) {
    if (held_.empty()) {  // The common case, at memchr's speed.
      const std::size_t quote = std::min(bytes.find('"'), bytes.size());
      out.append(bytes.substr(0, quote));
      bytes.remove_prefix(quote);
      if (bytes.empty()) break;
    }
    take(bytes.front(), out);
    bytes.remove_prefix(1);
  }
  return out;
}

std::string CachedTokensRewriter::finish() {
  state_ = State::kName;
  return std::exchange(held_, {});
}

void CachedTokensRewriter::take(char c, std::string& out) {
  const bool space = c == ' ' || c == '\t' || c == '\n' || c == '\r';
  held_ += c;
  if (held_.size() <= kHeldMax) {
    switch (state_) {
      case State::kName:
        if (!kName.starts_with(held_)) break;
        if (held_ == kName) state_ = State::kColon;
        return;
      case State::kColon:
        if (c == ':') state_ = State::kNumber;
        if (c == ':' || space) return;
        break;
      case State::kNumber:
        if (space || is_ascii_digit(c)) return;
        // The number is complete; null and anything else stays.
        if (const std::size_t digit = held_.find_first_of("0123456789");
            digit != std::string::npos) {
          out.append(held_, 0, digit).append(number_);
          held_.erase(0, held_.size() - 1);
        }
        break;
    }
  }
  // No match; this byte may begin another.
  state_ = State::kName;
  if (c == '"') held_.pop_back();
  out += held_;
  held_.assign(c == '"' ? "\"" : "");
}

}  // namespace rage::gateway::detail
