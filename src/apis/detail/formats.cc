#include "apis/detail/formats.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/strings.h"

namespace rage::apis::detail {
namespace {

bool is_lower_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || is_ascii_digit(c);
}

bool consists_of(std::string_view text, std::string_view extra) {
  return std::ranges::all_of(text, [&](char c) {
    return is_ascii_alpha(c) || is_ascii_digit(c) || extra.find(c) != std::string_view::npos;
  });
}

// One component of an image's path: lower case, separators only inside.
bool is_path_component(std::string_view text) {
  const auto allowed = [](char c) {
    return is_lower_or_digit(c) || c == '.' || c == '_' || c == '-';
  };
  return !text.empty() && is_lower_or_digit(text.front()) && is_lower_or_digit(text.back()) &&
         std::ranges::all_of(text, allowed);
}

bool is_registry(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon != std::string_view::npos) {
    const auto port = parse_uint(text.substr(colon + 1));
    if (!port || *port > 65535) return false;
    text = text.substr(0, colon);
  }
  return !text.empty() && consists_of(text, ".-");
}

struct ImageParts {
  std::vector<std::string_view> path;
  std::string_view tag;
  std::string_view digest;
};

ImageParts split_image(std::string_view text) {
  ImageParts parts;
  if (const std::size_t at = text.find('@'); at != std::string_view::npos) {
    parts.digest = text.substr(at + 1);
    text = text.substr(0, at);
  }
  const std::size_t slash = text.rfind('/');
  const std::size_t colon = text.rfind(':');
  if (colon != std::string_view::npos && (slash == std::string_view::npos || colon > slash)) {
    parts.tag = text.substr(colon + 1);
    text = text.substr(0, colon);
  }
  parts.path = split(text, '/');
  return parts;
}

bool is_private_v4(std::uint32_t address) {
  const auto in = [&](std::uint32_t network, int bits) {
    return address >> (32 - bits) == network >> (32 - bits);
  };
  return in(0x0a000000, 8) || in(0xac100000, 12) || in(0xc0a80000, 16);
}

// Never what a document's author may mean: this host itself and the cloud's metadata.
bool is_own_v4(std::uint32_t address) {
  return address >> 24U == 127 || address >> 24U == 0 || address >> 16U == 0xa9fe;
}

bool is_refused_address(const std::string& host, PrivateHosts hosts) {
  const bool no_private = hosts == PrivateHosts::kRefused;
  in_addr v4{};
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) {
    const std::uint32_t address = ntohl(v4.s_addr);
    return is_own_v4(address) || (no_private && is_private_v4(address));
  }
  in6_addr v6{};
  if (inet_pton(AF_INET6, host.c_str(), &v6) != 1) return false;
  if (IN6_IS_ADDR_V4MAPPED(&v6)) {
    std::uint32_t address = 0;
    for (int i = 12; i < 16; ++i) address = address << 8U | v6.s6_addr[i];
    return is_own_v4(address) || (no_private && is_private_v4(address));
  }
  const bool unique_local = (v6.s6_addr[0] & 0xfeU) == 0xfc;
  return IN6_IS_ADDR_LOOPBACK(&v6) || IN6_IS_ADDR_UNSPECIFIED(&v6) || IN6_IS_ADDR_LINKLOCAL(&v6) ||
         (no_private && unique_local);
}

struct UrlParts {
  std::string scheme;
  std::string host;  // Lower case, without brackets and port.
};

std::optional<UrlParts> split_url(std::string_view text) {
  // A backslash ends the host for some readers of URLs and not for others.
  const auto visible = [](char c) {
    return static_cast<unsigned char>(c) > ' ' && c != 0x7f && c != '\\';
  };
  const std::size_t end = text.find("://");
  if (end == std::string_view::npos || end == 0 || !std::ranges::all_of(text, visible)) {
    return std::nullopt;
  }
  UrlParts parts{.scheme = to_lower_ascii(text.substr(0, end)), .host = {}};
  if (!is_ascii_alpha(text.front()) || !consists_of(parts.scheme, "+-.")) return std::nullopt;
  std::string_view host = text.substr(end + 3);
  host = host.substr(0, host.find_first_of("/?#"));
  if (const std::size_t at = host.rfind('@'); at != std::string_view::npos) {
    host.remove_prefix(at + 1);
  }
  if (host.starts_with('[')) {
    host = host.substr(1, host.find(']') - 1);
  } else {
    host = host.substr(0, host.find(':'));
  }
  while (host.ends_with('.')) host.remove_suffix(1);
  parts.host = to_lower_ascii(host);
  if (parts.host.empty()) return std::nullopt;
  return parts;
}

using Names = std::vector<std::string_view>;

// One bound of a cron field: a number or a name.
std::optional<unsigned> cron_value(std::string_view text, unsigned first, const Names& names) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (equals_ignoring_case(text, names[i])) return first + static_cast<unsigned>(i);
  }
  const auto number = parse_uint(text);
  if (!number || *number > 1000) return std::nullopt;
  return static_cast<unsigned>(*number);
}

bool is_cron_part(std::string_view part, unsigned first, unsigned last, const Names& names) {
  const std::size_t slash = part.find('/');
  if (slash != std::string_view::npos) {
    const auto step = parse_uint(part.substr(slash + 1));
    if (!step || *step == 0) return false;
    part = part.substr(0, slash);
  }
  if (part == "*" || part == "?") return true;
  const std::size_t dash = part.find('-');
  const auto low = cron_value(part.substr(0, dash), first, names);
  const auto high =
      dash == std::string_view::npos ? low : cron_value(part.substr(dash + 1), first, names);
  return low && high && *low >= first && *low <= *high && *high <= last;
}

bool is_cron_field(std::string_view field, unsigned first, unsigned last, const Names& names) {
  return std::ranges::all_of(split(field, ','), [&](std::string_view part) {
    return is_cron_part(part, first, last, names);
  });
}

std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> list;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at;
    while (end < text.size() && !is_ascii_space(text[end])) ++end;
    if (end > at) list.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return list;
}

}  // namespace

bool is_dns_label(std::string_view text) {
  const auto allowed = [](char c) { return is_lower_or_digit(c) || c == '-'; };
  return !text.empty() && text.size() <= 63 && std::ranges::all_of(text, allowed) &&
         text.front() != '-' && text.back() != '-';
}

bool is_dns_subdomain(std::string_view text) {
  return text.size() <= 253 && std::ranges::all_of(split(text, '.'), is_dns_label);
}

bool is_quantity(std::string_view text) {
  if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
  std::size_t digits = 0;
  std::size_t end = 0;
  bool point = false;
  for (; end < text.size(); ++end) {
    if (is_ascii_digit(text[end])) {
      ++digits;
    } else if (text[end] == '.' && !point) {
      point = true;
    } else {
      break;
    }
  }
  const std::string_view suffix = text.substr(end);
  if (digits == 0 || text.size() > 64) return false;
  constexpr std::array<std::string_view, 16> kSuffixes = {
      "", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "n", "u", "m", "k", "M", "G", "T", "P", "E"};
  if (std::ranges::count(kSuffixes, suffix) > 0) return true;
  if (suffix.front() != 'e' && suffix.front() != 'E') return false;
  std::string_view exponent = suffix.substr(1);
  if (exponent.starts_with('+') || exponent.starts_with('-')) exponent.remove_prefix(1);
  const auto number = parse_uint(exponent);
  return number && *number <= 308;
}

bool is_cron(std::string_view text) {
  if (text.starts_with("TZ=") || text.starts_with("CRON_TZ=")) {
    const std::size_t space = text.find(' ');
    if (space == std::string_view::npos) return false;
    text = text.substr(space + 1);
  }
  const std::vector<std::string_view> fields = words(text);
  if (fields.size() == 1) {
    constexpr std::array<std::string_view, 7> kDescriptors = {
        "@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"};
    return std::ranges::count(kDescriptors, fields.front()) > 0;
  }
  const Names months = {"jan", "feb", "mar", "apr", "may", "jun",
                        "jul", "aug", "sep", "oct", "nov", "dec"};
  const Names days = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
  return fields.size() == 5 && is_cron_field(fields[0], 0, 59, {}) &&
         is_cron_field(fields[1], 0, 23, {}) && is_cron_field(fields[2], 1, 31, {}) &&
         is_cron_field(fields[3], 1, 12, months) && is_cron_field(fields[4], 0, 6, days);
}

bool is_mig_profile(std::string_view text) {
  const std::size_t dot = text.find("g.");
  if (dot == std::string_view::npos || !parse_uint(text.substr(0, dot))) return false;
  const std::string_view memory = text.substr(dot + 2);
  const std::size_t unit = memory.find("gb");
  if (unit == std::string_view::npos || !parse_uint(memory.substr(0, unit))) return false;
  const std::string_view variant = memory.substr(unit + 2);  // "+me", "-me"
  return variant.empty() || consists_of(variant, "+-.");
}

bool is_image_reference(std::string_view text) {
  const ImageParts parts = split_image(text);
  if (text.find('@') != std::string_view::npos) {
    const std::size_t colon = parts.digest.find(':');
    if (colon == std::string_view::npos || colon == 0) return false;
    const std::string_view hash = parts.digest.substr(colon + 1);
    if (hash.size() < 32 || !consists_of(parts.digest.substr(0, colon), "+._-") ||
        !consists_of(hash, "")) {
      return false;
    }
  }
  const bool tag_ok = parts.tag.size() <= 128 && consists_of(parts.tag, "_.-") &&
                      !parts.tag.starts_with('.') && !parts.tag.starts_with('-');
  const bool has_colon = text.substr(0, text.find('@')).ends_with(':');
  if (!tag_ok || has_colon) return false;
  for (std::size_t i = 0; i < parts.path.size(); ++i) {
    const bool may_be_registry = i == 0 && parts.path.size() > 1;
    if (!is_path_component(parts.path[i]) && !(may_be_registry && is_registry(parts.path[i]))) {
      return false;
    }
  }
  return true;
}

bool is_tagged_image_reference(std::string_view text) {
  const ImageParts parts = split_image(text);
  return is_image_reference(text) && parts.path.size() > 1 &&
         !(parts.tag.empty() && parts.digest.empty());
}

bool is_url(std::string_view text) {
  return split_url(text).has_value();
}

bool is_fetchable_url(std::string_view text, PrivateHosts hosts) {
  const std::optional<UrlParts> parts = split_url(text);
  if (!parts || (parts->scheme != "http" && parts->scheme != "https")) return false;
  constexpr std::array<std::string_view, 4> kRefused = {"localhost", "metadata.google.internal",
                                                        "metadata.goog", "instance-data"};
  return std::ranges::count(kRefused, parts->host) == 0 && !parts->host.ends_with(".localhost") &&
         !parts->host.ends_with(".instance-data.ec2.internal") &&
         parts->host != "instance-data.ec2.internal" && !is_refused_address(parts->host, hosts);
}

}  // namespace rage::apis::detail
