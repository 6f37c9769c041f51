#include "gatewayapi/filters.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"

namespace rage::gatewayapi {
namespace {

constexpr std::uint16_t kHttpPort = 80;
constexpr std::uint16_t kHttpsPort = 443;

void remove_header(HeaderList& headers, std::string_view name) {
  std::erase_if(headers,
                [&](const auto& header) { return equals_ignoring_case(header.first, name); });
}

void add_header(HeaderList& headers, const std::string& name, const std::string& value) {
  const auto last = std::find_if(headers.rbegin(), headers.rend(), [&](const auto& header) {
    return equals_ignoring_case(header.first, name);
  });
  if (last == headers.rend() || equals_ignoring_case(name, "set-cookie")) {
    headers.emplace_back(name, value);
    return;
  }
  last->second += last->second.empty() ? value : "," + value;
}

std::string absolute(std::string_view path) {
  return path.starts_with('/') ? std::string(path) : fmt::format("/{}", path);
}

bool is_dots(std::string_view segment) {
  int dots = 0;
  while (!segment.empty()) {
    const bool plain = segment.front() == '.';
    if (!plain && !equals_ignoring_case(segment.substr(0, 3), "%2e")) return false;
    segment.remove_prefix(plain ? 1 : 3);
    ++dots;
  }
  return dots == 1 || dots == 2;
}

}  // namespace

void apply_header_edits(const HeaderEdits& edits, HeaderList& headers) {
  for (const std::string& name : edits.remove) remove_header(headers, name);
  for (const auto& [name, value] : edits.set) {
    remove_header(headers, name);
    headers.emplace_back(name, value);
  }
  for (const auto& [name, value] : edits.add) add_header(headers, name, value);
}

std::string rewritten_path(const PathEdit& edit, std::string_view path,
                           std::string_view matched_prefix) {
  if (edit.kind == PathEdit::Kind::kReplaceFullPath) return absolute(edit.value);
  if (matched_prefix.ends_with('/')) matched_prefix.remove_suffix(1);
  if (!path.starts_with(matched_prefix)) return absolute(path);  // Not the prefix of a match.
  const std::string_view rest = path.substr(matched_prefix.size());
  std::string_view replacement = edit.value;
  // One '/' where both meet, whoever wrote it.
  if (rest.starts_with('/') && replacement.ends_with('/')) replacement.remove_suffix(1);
  return absolute(fmt::format("{}{}", replacement, rest));
}

std::string render_location(const Redirect& redirect, const RedirectContext& context) {
  const std::string_view scheme = redirect.scheme ? *redirect.scheme : context.scheme;
  const std::uint16_t usual = scheme == "https" ? kHttpsPort : kHttpPort;
  const std::uint16_t port = redirect.port.value_or(redirect.scheme ? usual : context.port);
  std::string location = fmt::format(
      "{}://{}", scheme, redirect.hostname ? std::string_view(*redirect.hostname) : context.host);
  if (port != usual) location += fmt::format(":{}", port);
  location += redirect.path ? rewritten_path(*redirect.path, context.path, context.matched_prefix)
                            : std::string(context.path);
  if (!context.query.empty()) location += fmt::format("?{}", context.query);
  return location;
}

bool is_mirrored(const Mirror& mirror, double random) {
  return random * mirror.denominator < mirror.numerator;
}

bool is_ambiguous_path(std::string_view path) {
  if (!path.starts_with('/')) return false;
  const std::vector<std::string_view> segments = split(path.substr(1), '/');
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const bool last = i + 1 == segments.size();
    if (segments[i].empty() ? !last : is_dots(segments[i])) return true;
  }
  return false;
}

}  // namespace rage::gatewayapi
