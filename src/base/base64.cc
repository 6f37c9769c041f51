#include "base/base64.h"

#include <algorithm>
#include <cstdint>

#include "base/strings.h"

namespace rage {
namespace {

constexpr std::string_view kBase64Digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::unexpected<Error> no_base64() {
  return fail(ErrorCode::kDataLoss, "it is no base64");
}

}  // namespace

std::string encode_base64(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t bits = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      bits = bits << 8 | (j < count ? static_cast<unsigned char>(bytes[i + j]) : 0U);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      text += j <= count ? kBase64Digits[bits >> (18 - 6 * j) & 0x3F] : '=';
    }
  }
  return text;
}

Result<std::string> decode_base64(std::string_view text) {
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
    const std::size_t value = kBase64Digits.find(c);
    if (value == std::string_view::npos || padding > 0) return no_base64();
    bits = (bits << 6U) | static_cast<std::uint32_t>(value);
    if (++digits % 4 == 0) {
      bytes += static_cast<char>(bits >> 16U);
      bytes += static_cast<char>(bits >> 8U);
      bytes += static_cast<char>(bits);
      bits = 0;
    }
  }
  if ((digits + padding) % 4 != 0 || padding > 2) return no_base64();
  if (digits % 4 == 2) bytes += static_cast<char>(bits >> 4U);
  if (digits % 4 == 3) {
    bytes += static_cast<char>(bits >> 10U);
    bytes += static_cast<char>(bits >> 2U);
  }
  return bytes;
}

}  // namespace rage
