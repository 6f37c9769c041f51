#include "payload/detail/json_text.h"

#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>

#include "base/strings.h"
#include "codec/json.h"

namespace rage::payload::detail {
namespace {

constexpr std::uint32_t kReplacement = 0xFFFD;

// Eight bytes at a time: the first in the lowest byte.
constexpr std::uint64_t kOnes = 0x0101010101010101;
constexpr std::uint64_t kHighs = 0x8080808080808080;
static_assert(std::endian::native == std::endian::little);

std::uint64_t load_word(const char* at) {
  std::uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}

// Of the lowest byte whose high bit is set.
std::size_t first_high(std::uint64_t word) {
  return static_cast<std::size_t>(std::countr_zero(word)) / 8;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Of "\uXXXX", at the start of `text`.
std::optional<std::uint32_t> unicode_escape(std::string_view text) {
  if (text.size() < 6 || text[0] != '\\' || text[1] != 'u') return std::nullopt;
  std::uint32_t unit = 0;
  for (const char c : text.substr(2, 4)) {
    const int digit = hex_value(c);
    if (digit < 0) return std::nullopt;
    unit = unit * 16 + static_cast<std::uint32_t>(digit);
  }
  return unit;
}

void append_utf8(std::uint32_t point, std::string& out) {
  const auto put = [&out](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (point < 0x80) {
    put(point);
  } else if (point < 0x800) {
    put(0xC0 | point >> 6);
    put(0x80 | (point & 0x3F));
  } else if (point < 0x10000) {
    put(0xE0 | point >> 12);
    put(0x80 | (point >> 6 & 0x3F));
    put(0x80 | (point & 0x3F));
  } else {
    put(0xF0 | point >> 18);
    put(0x80 | (point >> 12 & 0x3F));
    put(0x80 | (point >> 6 & 0x3F));
    put(0x80 | (point & 0x3F));
  }
}

// `text` begins with "\u". Bytes read; 0: no such escape.
std::size_t append_code_point(std::string_view text, std::string* out) {
  const auto first = unicode_escape(text);
  if (!first) return 0;
  std::uint32_t point = *first;
  std::size_t used = 6;
  if (point >= 0xD800 && point < 0xE000) {
    const auto second = point < 0xDC00 ? unicode_escape(text.substr(6)) : std::nullopt;
    const bool paired = second && *second >= 0xDC00 && *second < 0xE000;
    point = paired ? 0x10000 + ((point - 0xD800) << 10) + (*second - 0xDC00) : kReplacement;
    if (paired) used = 12;
  }
  if (out != nullptr) append_utf8(point, *out);
  return used;
}

char simple_escape(char c) {
  switch (c) {
    case '"':
    case '\\':
    case '/':
      return c;
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return '\0';
  }
}

std::size_t digits_at(std::string_view text, std::size_t at) {
  return at < text.size() ? digit_prefix(text.substr(at)) : 0;
}

}  // namespace

bool append_unescaped(std::string_view raw, std::string* out) {
  while (!raw.empty()) {
    const void* found = std::memchr(raw.data(), '\\', raw.size());
    const std::size_t plain =
        found == nullptr ? raw.size()
                         : static_cast<std::size_t>(static_cast<const char*>(found) - raw.data());
    if (out != nullptr) out->append(raw.substr(0, plain));
    raw.remove_prefix(plain);
    if (raw.empty()) return true;
    if (raw.size() < 2) return false;
    if (raw[1] == 'u') {
      const std::size_t used = append_code_point(raw, out);
      if (used == 0) return false;
      raw.remove_prefix(used);
      continue;
    }
    const char c = simple_escape(raw[1]);
    if (c == '\0') return false;
    if (out != nullptr) out->push_back(c);
    raw.remove_prefix(2);
  }
  return true;
}

bool is_json_number(std::string_view token) {
  std::size_t at = token.starts_with('-') ? 1 : 0;
  const std::size_t whole = digits_at(token, at);
  if (whole == 0 || (whole > 1 && token[at] == '0')) return false;
  at += whole;
  if (at < token.size() && token[at] == '.') {
    const std::size_t fraction = digits_at(token, at + 1);
    if (fraction == 0) return false;
    at += 1 + fraction;
  }
  if (at < token.size() && (token[at] == 'e' || token[at] == 'E')) {
    ++at;
    if (at < token.size() && (token[at] == '+' || token[at] == '-')) ++at;
    const std::size_t exponent = digits_at(token, at);
    if (exponent == 0) return false;
    at += exponent;
  }
  return at == token.size();
}

std::string quote_json(std::string_view text) {
  return codec::render_json(codec::Json(std::string(text)));
}

std::size_t plain_prefix(std::string_view bytes) {
  std::size_t at = 0;
  for (; at + 8 <= bytes.size(); at += 8) {
    const std::uint64_t word = load_word(bytes.data() + at);
    const std::uint64_t quote = word ^ (kOnes * '"');
    const std::uint64_t slash = word ^ (kOnes * '\\');
    // The lowest special byte is found right; borrows only disturb those above it.
    const std::uint64_t special =
        ((quote - kOnes) | (slash - kOnes) | (word - kOnes * 0x20) | word) & kHighs;
    if (special != 0) return at + first_high(special);
  }
  for (; at < bytes.size(); ++at) {
    const auto byte = static_cast<unsigned char>(bytes[at]);
    if (byte < 0x20 || byte >= 0x80 || byte == '"' || byte == '\\') break;
  }
  return at;
}

std::size_t digit_prefix(std::string_view bytes) {
  std::size_t at = 0;
  for (; at + 8 <= bytes.size(); at += 8) {
    const std::uint64_t word = load_word(bytes.data() + at) ^ (kOnes * '0');
    // The lowest byte that is no digit is found right; carries only disturb those above it.
    const std::uint64_t others = ((word + kOnes * 0x76) | word) & kHighs;
    if (others != 0) return at + first_high(others);
  }
  while (at < bytes.size() && is_ascii_digit(bytes[at])) ++at;
  return at;
}

}  // namespace rage::payload::detail
