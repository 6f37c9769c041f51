#include "text/unicode.h"

#include <cstring>

#include "base/check.h"

namespace rage::text {
namespace {

// What the second byte may be after a given lead byte (Unicode 15, table 3-7); `more` bytes follow
// the lead.
struct LeadByte {
  unsigned more;
  unsigned second_min;
  unsigned second_max;
};

LeadByte lead_byte(unsigned lead) {
  if (lead >= 0xC2 && lead <= 0xDF) return {1, 0x80, 0xBF};
  if (lead == 0xE0) return {2, 0xA0, 0xBF};
  if (lead == 0xED) return {2, 0x80, 0x9F};  // No surrogates.
  if (lead >= 0xE1 && lead <= 0xEF) return {2, 0x80, 0xBF};
  if (lead == 0xF0) return {3, 0x90, 0xBF};
  if (lead == 0xF4) return {3, 0x80, 0x8F};  // Nothing above U+10FFFF.
  if (lead >= 0xF1 && lead <= 0xF3) return {3, 0x80, 0xBF};
  return {0, 0, 0};
}

unsigned byte_at(std::string_view text, std::size_t at) {
  return static_cast<unsigned char>(text[at]);
}

// False for an invalid sequence; `at` then moves past its maximal subpart, at least one byte.
bool decode(std::string_view text, std::size_t& at, char32_t& code_point) {
  const unsigned lead = byte_at(text, at++);
  if (lead < 0x80) {
    code_point = lead;
    return true;
  }
  const LeadByte rule = lead_byte(lead);
  if (rule.more == 0) return false;
  char32_t value = lead & (0x3FU >> rule.more);
  for (unsigned i = 0; i < rule.more; ++i) {
    if (at == text.size()) return false;
    const unsigned byte = byte_at(text, at);
    const unsigned least = i == 0 ? rule.second_min : 0x80;
    const unsigned most = i == 0 ? rule.second_max : 0xBF;
    if (byte < least || byte > most) return false;
    value = (value << 6) | (byte & 0x3F);
    ++at;
  }
  code_point = value;
  return true;
}

// The first byte at or after `at` that is not ASCII.
std::size_t skip_ascii(std::string_view text, std::size_t at) {
  for (; at + 8 <= text.size(); at += 8) {
    std::uint64_t eight;
    std::memcpy(&eight, text.data() + at, 8);
    if ((eight & 0x8080808080808080U) != 0) break;
  }
  while (at < text.size() && byte_at(text, at) < 0x80) ++at;
  return at;
}

}  // namespace

bool is_valid_utf8(std::string_view text) {
  char32_t code_point = 0;
  for (std::size_t at = skip_ascii(text, 0); at < text.size(); at = skip_ascii(text, at)) {
    if (!decode(text, at, code_point)) return false;
  }
  return true;
}

std::string to_valid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  char32_t code_point = 0;
  std::size_t copied = 0;
  for (std::size_t at = skip_ascii(text, 0); at < text.size(); at = skip_ascii(text, at)) {
    const std::size_t begin = at;
    if (decode(text, at, code_point)) continue;
    out.append(text.substr(copied, begin - copied));
    append_utf8(out, kReplacement);
    copied = at;
  }
  out.append(text.substr(copied));
  return out;
}

char32_t next_code_point(std::string_view text, std::size_t& at) {
  DCHECK(at < text.size());
  char32_t code_point = 0;
  return decode(text, at, code_point) ? code_point : kReplacement;
}

void append_utf8(std::string& out, char32_t code_point) {
  if (code_point > 0x10FFFF || (code_point >= 0xD800 && code_point <= 0xDFFF)) {
    code_point = kReplacement;
  }
  const auto put = [&out](char32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xC0 | (code_point >> 6));
    put(0x80 | (code_point & 0x3F));
  } else if (code_point < 0x10000) {
    put(0xE0 | (code_point >> 12));
    put(0x80 | ((code_point >> 6) & 0x3F));
    put(0x80 | (code_point & 0x3F));
  } else {
    put(0xF0 | (code_point >> 18));
    put(0x80 | ((code_point >> 12) & 0x3F));
    put(0x80 | ((code_point >> 6) & 0x3F));
    put(0x80 | (code_point & 0x3F));
  }
}

bool is_white_space(char32_t code_point) {
  if (code_point < 0x80) return code_point == ' ' || (code_point >= 0x09 && code_point <= 0x0D);
  if (code_point < 0x1680) return code_point == 0x85 || code_point == 0xA0;
  return code_point == 0x1680 || (code_point >= 0x2000 && code_point <= 0x200A) ||
         code_point == 0x2028 || code_point == 0x2029 || code_point == 0x202F ||
         code_point == 0x205F || code_point == 0x3000;
}

std::size_t count_code_points(std::string_view text) {
  std::size_t count = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t next = skip_ascii(text, at);
    count += next - at;
    at = next;
    if (at == text.size()) break;
    next_code_point(text, at);
    ++count;
  }
  return count;
}

std::string_view take_code_points(std::string_view text, std::size_t code_points_max) {
  if (text.size() <= code_points_max) return text;  // A code point has at least one byte.
  std::size_t at = 0;
  for (std::size_t i = 0; i < code_points_max && at < text.size(); ++i) next_code_point(text, at);
  return text.substr(0, at);
}

}  // namespace rage::text
