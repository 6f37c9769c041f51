#include "cli/site_url.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <map>
#include <utility>

#include "base/is_one_of.h"
#include "base/strings.h"
#include "cli/globs.h"
#include "cli/html_tree.h"

namespace rage::cli {
namespace {

constexpr std::size_t kUrlBytesMax = 2000;
// What goes deeper, or through one folder again and again, is a link that leads into itself.
constexpr std::ptrdiff_t kSegmentsMax = 40;
constexpr int kSameSegmentMax = 3;

bool is_unreserved(char c) {
  return is_ascii_alpha(c) || is_ascii_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

bool may_stand(char c) {
  return is_unreserved(c) || std::string_view("!$&'()*+,;=:@/?").find(c) != std::string_view::npos;
}

std::optional<int> hex_digit(char c) {
  if (is_ascii_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

// RFC 3986, section 5.2.4, of a path that begins with '/'.
std::string without_dots(std::string_view path) {
  std::vector<std::string_view> kept;
  const std::vector<std::string_view> parts = split(path.substr(1), '/');
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const bool last = i + 1 == parts.size();
    if (parts[i] == "." || parts[i] == "..") {
      if (parts[i] == ".." && !kept.empty()) kept.pop_back();
      if (last) kept.emplace_back();
    } else {
      kept.push_back(parts[i]);
    }
  }
  std::string clean;
  for (const std::string_view part : kept) clean.append("/").append(part);
  return clean.empty() ? "/" : clean;
}

// "/a;jsessionid=1F/b" is "/a/b".
std::string without_session(std::string path) {
  while (true) {
    const std::size_t begin = to_lower_ascii(path).find(";jsessionid=");
    if (begin == std::string::npos) return path;
    path.erase(begin, std::min(path.find('/', begin), path.size()) - begin);
  }
}

std::string without_trackers(std::string_view query) {
  constexpr std::array<std::string_view, 5> kTrackers{"fbclid", "gclid", "msclkid", "mc_eid",
                                                      "phpsessid"};
  std::vector<std::string> kept;
  for (const std::string_view part : split(query, '&')) {
    const std::string name = to_lower_ascii(part.substr(0, part.find('=')));
    if (part.empty() || name.starts_with("utm_") || is_one_of(name, kTrackers)) continue;
    kept.emplace_back(part);
  }
  return join(kept, "&");
}

// "Example.org:443" as it is compared; none if it is no host with an optional port.
std::optional<std::string> normal_authority(std::string_view authority, bool sealed) {
  const std::size_t bracket = authority.find(']');
  const std::size_t colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  std::string host = to_lower_ascii(authority.substr(0, colon));
  if (host.ends_with('.')) host.pop_back();
  const bool literal = host.starts_with('[') && host.ends_with(']');
  const bool plain = std::ranges::all_of(host, [&](char c) {
    return is_ascii_alpha(c) || is_ascii_digit(c) || c == '-' || c == '.' || c == '_' ||
           (literal && (c == ':' || c == '[' || c == ']'));
  });
  if (host.empty() || host.ends_with('.') || !plain) return std::nullopt;
  if (colon == std::string_view::npos || colon + 1 == authority.size()) return host;
  const auto port = parse_uint(authority.substr(colon + 1));
  if (!port || *port == 0 || *port > 65535) return std::nullopt;
  if (*port == (sealed ? 443U : 80U)) return host;
  return fmt::format("{}:{}", host, *port);
}

bool goes_in_circles(std::string_view path) {
  if (std::ranges::count(path, '/') > kSegmentsMax) return true;
  std::map<std::string_view, int> seen;
  return std::ranges::any_of(split(path, '/'), [&](std::string_view segment) {
    return !segment.empty() && ++seen[segment] > kSameSegmentMax;
  });
}

// Nobody has to ask for these to know that there is nothing to read.
bool is_picture_or_program(std::string_view path) {
  constexpr std::array<std::string_view, 36> kEndings{
      "avi", "avif", "bin", "bmp",  "bz2", "css", "deb", "dmg",  "eot",  "exe",  "flac",  "gif",
      "gz",  "ico",  "iso", "jpeg", "jpg", "js",  "mjs", "mov",  "mp3",  "mp4",  "mpeg",  "ogg",
      "png", "rpm",  "svg", "tar",  "tgz", "ttf", "wav", "webm", "webp", "woff", "woff2", "zip"};
  const std::size_t dot = path.rfind('.');
  return dot != std::string_view::npos && is_one_of(to_lower_ascii(path.substr(dot + 1)), kEndings);
}

// As globs compare it.
std::string_view glob_path(std::string_view path) {
  return path.size() > 1 ? path.substr(1) : path;
}

}  // namespace

std::string normal_escapes(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    char c = text[at];
    const auto high = c == '%' && at + 2 < text.size() ? hex_digit(text[at + 1]) : std::nullopt;
    const auto low = high ? hex_digit(text[at + 2]) : std::nullopt;
    bool as_it_is = may_stand(c);
    if (low) {
      c = static_cast<char>(*high * 16 + *low);
      as_it_is = is_unreserved(c);
      at += 2;
    }
    if (as_it_is) {
      out += c;
    } else {
      fmt::format_to(std::back_inserter(out), "%{:02X}", static_cast<std::uint8_t>(c));
    }
  }
  return out;
}

std::string SiteUrl::path_and_query() const {
  return query.empty() ? path : path + "?" + query;
}

std::string SiteUrl::text() const {
  return origin + path_and_query();
}

std::optional<SiteUrl> parse_site_url(std::string_view url) {
  url = trim(url);
  url = url.substr(0, url.find('#'));
  const std::string origin = origin_of(url);
  if (origin.empty() || url.size() > kUrlBytesMax || url.find('\\') != std::string_view::npos) {
    return std::nullopt;
  }
  const bool sealed = to_lower_ascii(origin.substr(0, 6)) == "https:";
  const std::string_view scheme = sealed ? "https://" : "http://";
  const auto authority = normal_authority(std::string_view(origin).substr(scheme.size()), sealed);
  if (!authority) return std::nullopt;
  const std::string_view rest = url.substr(origin.size());
  const std::size_t question = rest.find('?');
  std::string path = normal_escapes(rest.substr(0, question));
  if (path.empty()) path = "/";
  SiteUrl parsed{.origin = std::string(scheme) + *authority,
                 .path = without_dots(without_session(std::move(path))),
                 .query = {}};
  if (question != std::string_view::npos) {
    parsed.query = without_trackers(normal_escapes(rest.substr(question + 1)));
  }
  // Escaping makes it longer; what is too long then would not be read again.
  if (parsed.text().size() > kUrlBytesMax) return std::nullopt;
  return parsed;
}

std::optional<SiteUrl> resolve_site_url(const SiteUrl& base, std::string_view href) {
  std::string encoded;  // Authors break long links over lines, and leave spaces in.
  for (const char c : trim(href)) {
    if (c == ' ') {
      encoded += "%20";
    } else if (static_cast<unsigned char>(c) > 0x20) {
      encoded += c;
    }
  }
  return parse_site_url(resolve_link(base.text(), encoded));
}

std::string prefix_of(std::string_view path) {
  const std::size_t name = path.rfind('/') + 1;
  if (path.find('.', name) != std::string_view::npos) path = path.substr(0, name);
  return path.ends_with('/') ? std::string(path) : std::string(path) + "/";
}

bool names_an_address(const SiteUrl& url) {
  const std::string_view authority = std::string_view(url.origin).substr(url.origin.find("//") + 2);
  if (authority.starts_with('[')) return true;
  const std::string_view host = authority.substr(0, authority.find(':'));
  const bool number =
      std::ranges::all_of(host, [](char c) { return is_ascii_digit(c) || c == '.'; });
  return number || host == "localhost" || host.ends_with(".localhost");
}

std::string_view objection_to(const SiteUrl& url, const SiteScope& scope) {
  if (url.origin != scope.origin) return "it is another site";
  if (!url.path.starts_with(scope.prefix) && url.path + "/" != scope.prefix) {
    return "it is not below the path that is read";
  }
  if (matches_any(scope.exclude, std::string(glob_path(url.path)))) return "it is excluded";
  if (is_picture_or_program(url.path)) return "it is no kind of file that can be read";
  if (goes_in_circles(url.path)) return "its path goes in circles";
  return {};
}

bool is_wanted(const SiteUrl& url, const SiteScope& scope) {
  return scope.include.empty() || matches_any(scope.include, std::string(glob_path(url.path)));
}

}  // namespace rage::cli
