#include "extproc/headers.h"

#include <algorithm>

#include "base/strings.h"

namespace rage::extproc {
namespace {

bool is_token_char(char c) {
  return is_ascii_alpha(c) || is_ascii_digit(c) ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool is_not_for_clients(std::string_view name) {
  return std::ranges::any_of(kNotForClients, [&](std::string_view forbidden) {
    return equals_ignoring_case(forbidden, name);
  });
}

}  // namespace

bool is_pseudo_header(std::string_view name) {
  return name.starts_with(':');
}

bool is_header_name(std::string_view name) {
  return !name.empty() && name.size() <= 256 && std::ranges::all_of(name, is_token_char);
}

bool is_header_value(std::string_view value) {
  return value.size() <= kHeaderValueBytesMax && std::ranges::all_of(value, [](char c) {
           const auto byte = static_cast<unsigned char>(c);
           return (byte >= 0x20 && byte != 0x7F) || byte == '\t';
         });
}

std::vector<std::string> headers_to_remove(const net::Headers& sent, const Fields& set) {
  std::vector<std::string> remove;
  for (const std::string_view name : kNotForClients) {
    const bool replaced = std::ranges::any_of(
        set, [&](const auto& field) { return equals_ignoring_case(field.first, name); });
    if (!replaced && sent.has(name)) remove.emplace_back(name);
  }
  return remove;
}

net::Headers client_headers(const net::Headers& sent) {
  net::Headers kept;
  for (const auto& [name, value] : sent.entries()) {
    if (!is_pseudo_header(name) && !is_not_for_clients(name)) kept.add(name, value);
  }
  return kept;
}

}  // namespace rage::extproc
