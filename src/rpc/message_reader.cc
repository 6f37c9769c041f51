#include "rpc/message_reader.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace rage::rpc {
namespace {

constexpr std::size_t kPrefix = 5;

std::size_t length_in(std::string_view prefix) {
  std::size_t length = 0;
  for (std::size_t i = 1; i < kPrefix; ++i) {
    length = length << 8 | static_cast<unsigned char>(prefix[i]);
  }
  return length;
}

}  // namespace

MessageReader::State MessageReader::next(std::string_view& in, std::string_view& message) {
  if (given_) {
    std::string().swap(kept_);
    given_ = false;
  }
  const auto take = [&](std::size_t wanted) {  // Into kept_, until it has so many.
    const std::size_t some = std::min(in.size(), wanted - std::min(wanted, kept_.size()));
    kept_.append(in.substr(0, some));
    in.remove_prefix(some);
    return kept_.size() >= wanted;
  };
  if (!kept_.empty() && !take(kPrefix)) return State::kMore;
  const std::string_view prefix = kept_.empty() ? in : std::string_view(kept_);
  if (prefix.size() < kPrefix) {
    (void)take(kPrefix);
    return State::kMore;
  }
  if (prefix[0] != 0) return State::kCompressed;
  const std::size_t length = length_in(prefix);
  if (length > bytes_max_) return State::kTooLarge;
  if (kept_.empty() && in.size() >= kPrefix + length) {  // The usual case: nothing is copied.
    message = in.substr(kPrefix, length);
    in.remove_prefix(kPrefix + length);
    return State::kMessage;
  }
  if (!take(kPrefix + length)) return State::kMore;
  given_ = true;
  message = std::string_view(kept_).substr(kPrefix);
  return State::kMessage;
}

void append_message(std::string_view message, std::string& out) {
  const auto length = static_cast<std::uint32_t>(message.size());
  const std::array<char, kPrefix> prefix = {
      0, static_cast<char>(length >> 24), static_cast<char>(length >> 16 & 0xFF),
      static_cast<char>(length >> 8 & 0xFF), static_cast<char>(length & 0xFF)};
  out.append(prefix.data(), prefix.size());
  out.append(message);
}

}  // namespace rage::rpc
