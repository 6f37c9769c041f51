#include "gatewayapi/detail/base64.h"

#include <cstdint>

#include "base/strings.h"

namespace rage::gatewayapi::detail {
namespace {

int value_of(char c) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const std::size_t at = kAlphabet.find(c);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

}  // namespace

std::optional<std::string> decode_base64(std::string_view text) {
  std::string bytes;
  std::uint32_t bits = 0;
  std::size_t digits = 0;
  std::size_t padding = 0;
  for (const char c : text) {
    if (is_ascii_space(c)) continue;
    if (c == '=') {
      ++padding;
      continue;
    }
    const int value = value_of(c);
    if (value < 0 || padding > 0) return std::nullopt;
    bits = (bits << 6U) | static_cast<std::uint32_t>(value);
    if (++digits % 4 == 0) {
      bytes += static_cast<char>(bits >> 16U);
      bytes += static_cast<char>(bits >> 8U);
      bytes += static_cast<char>(bits);
      bits = 0;
    }
  }
  if ((digits + padding) % 4 != 0 || padding > 2) return std::nullopt;
  if (digits % 4 == 2) bytes += static_cast<char>(bits >> 4U);
  if (digits % 4 == 3) {
    bytes += static_cast<char>(bits >> 10U);
    bytes += static_cast<char>(bits >> 2U);
  }
  return bytes;
}

}  // namespace rage::gatewayapi::detail
