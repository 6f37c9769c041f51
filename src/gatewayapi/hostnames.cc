#include "gatewayapi/hostnames.h"

#include <algorithm>

#include "base/strings.h"

namespace rage::gatewayapi {
namespace {

constexpr std::size_t kHostnameBytesMax = 253;
constexpr std::size_t kLabelBytesMax = 63;

bool is_label(std::string_view label) {
  if (label.empty() || label.size() > kLabelBytesMax) return false;
  if (label.front() == '-' || label.back() == '-') return false;
  return std::ranges::all_of(
      label, [](char c) { return is_ascii_digit(c) || (c >= 'a' && c <= 'z') || c == '-'; });
}

bool is_number(std::string_view label) {
  return std::ranges::all_of(label, is_ascii_digit);
}

}  // namespace

bool is_wildcard(std::string_view hostname) {
  return hostname.starts_with("*.");
}

bool is_hostname(std::string_view text, Wildcards wildcards) {
  if (text.size() > kHostnameBytesMax) return false;
  const bool wild = is_wildcard(text);
  if (wild && wildcards == Wildcards::kRefused) return false;
  const auto labels = split(wild ? text.substr(2) : text, '.');
  if (!std::ranges::all_of(labels, is_label)) return false;
  return !(labels.size() == 4 && std::ranges::all_of(labels, is_number));  // An IPv4 address.
}

bool matches_hostname(std::string_view pattern, std::string_view host) {
  if (pattern.empty()) return true;
  if (!is_wildcard(pattern)) return pattern == host;
  const std::string_view suffix = pattern.substr(1);  // With its dot.
  return host.size() > suffix.size() && host.ends_with(suffix);
}

std::optional<std::string> intersect_hostnames(std::string_view a, std::string_view b) {
  if (a.empty()) return std::string(b);
  if (b.empty()) return std::string(a);
  if (a == b) return std::string(a);
  if (!is_wildcard(b)) {
    if (is_wildcard(a) && matches_hostname(a, b)) return std::string(b);
    return std::nullopt;
  }
  if (!is_wildcard(a)) {
    if (matches_hostname(b, a)) return std::string(a);
    return std::nullopt;
  }
  // Two wildcards: the one that lies below the other.
  if (a.substr(1).ends_with(b.substr(1))) return std::string(a);
  if (b.substr(1).ends_with(a.substr(1))) return std::string(b);
  return std::nullopt;
}

std::size_t specificity(std::string_view pattern) {
  // Exact hostnames that match one host are equal, so their length decides nothing.
  if (pattern.empty()) return 0;
  return is_wildcard(pattern) ? pattern.size() : kHostnameBytesMax + 3;
}

}  // namespace rage::gatewayapi
