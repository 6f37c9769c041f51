#include "gatewayapi/detail/query.h"

#include <algorithm>

namespace rage::gatewayapi::detail {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Takes one character off the front; `rest` is not empty.
char take(std::string_view& rest) {
  const char c = rest.front();
  if (c == '%' && rest.size() > 2) {
    const int high = hex_digit(rest[1]);
    const int low = hex_digit(rest[2]);
    if (high >= 0 && low >= 0) {
      rest.remove_prefix(3);
      return static_cast<char>(high * 16 + low);
    }
  }
  rest.remove_prefix(1);
  return c == '+' ? ' ' : c;
}

}  // namespace

bool decodes_to(std::string_view encoded, std::string_view text) {
  while (!encoded.empty() && !text.empty()) {
    if (take(encoded) != text.front()) return false;
    text.remove_prefix(1);
  }
  return encoded.empty() && text.empty();
}

std::string decode_parameter(std::string_view encoded) {
  std::string decoded;
  while (!encoded.empty()) decoded += take(encoded);
  return decoded;
}

std::optional<std::string_view> find_first_parameter(std::string_view query,
                                                     std::string_view name) {
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view part = query.substr(0, end);
    const std::size_t equals = std::min(part.find('='), part.size());
    if (decodes_to(part.substr(0, equals), name)) {
      return part.substr(std::min(equals + 1, part.size()));
    }
    query.remove_prefix(std::min(end + 1, query.size()));
  }
  return std::nullopt;
}

}  // namespace rage::gatewayapi::detail
