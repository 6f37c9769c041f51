#include <algorithm>

#include "base/strings.h"
#include "cli/detail/git_output.h"

namespace rage::cli::detail {
namespace {

constexpr std::size_t kGitUrlBytesMax = 2048;
constexpr std::size_t kRefBytesMax = 255;

std::string_view take_until(std::string_view& text, char end) {
  const std::size_t at = std::min(text.find(end), text.size());
  const std::string_view taken = text.substr(0, at);
  text.remove_prefix(std::min(at + 1, text.size()));
  return taken;
}

bool is_plain_ascii(std::string_view text) {
  // A backslash ends the host for some readers of URLs and not for others.
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f && c != '\\'; });
}

bool is_host(std::string_view host) {
  if (host.starts_with('[')) return host.size() > 2 && host.ends_with(']');
  return !host.empty() && !host.starts_with('-') && host.find_first_of(":[]@/") == host.npos;
}

// "host:port" or "[::1]:port"
bool split_port(std::string_view authority, RemoteUrl& remote) {
  const std::size_t bracket = authority.rfind(']');
  const std::size_t colon = authority.rfind(':');
  const bool has_port =
      colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
  remote.host = authority.substr(0, has_port ? colon : authority.size());
  if (has_port) remote.port = authority.substr(colon + 1);
  const auto port = parse_uint(remote.port);
  return is_host(remote.host) && (!has_port || (port && *port > 0 && *port <= 65535));
}

}  // namespace

Result<std::vector<TreeEntry>> parse_tree(std::string_view output) {
  std::vector<TreeEntry> entries;
  while (!output.empty()) {
    std::string_view line = take_until(output, '\0');
    std::string_view facts = take_until(line, '\t');
    const std::string_view mode = take_until(facts, ' ');
    const std::string_view kind = take_until(facts, ' ');
    const std::string_view object = take_until(facts, ' ');
    const auto bytes = parse_uint(trim(facts));
    if (object.empty() || line.empty()) return fail(ErrorCode::kDataLoss, "git listed nonsense");
    if (kind != "blob" || !mode.starts_with("100") || !bytes) continue;
    entries.push_back({.path = std::string(line), .object = std::string(object), .bytes = *bytes});
  }
  return entries;
}

Result<std::vector<std::string_view>> parse_blobs(std::string_view output,
                                                  const std::vector<std::string>& objects) {
  std::vector<std::string_view> blobs;
  for (const std::string& object : objects) {
    std::string_view head = take_until(output, '\n');
    const bool found = take_until(head, ' ') == object && take_until(head, ' ') == "blob";
    const auto bytes = parse_uint(head);
    if (!found || !bytes || *bytes >= output.size()) {
      return fail(ErrorCode::kDataLoss, "git did not give object {}", object);
    }
    blobs.push_back(output.substr(0, static_cast<std::size_t>(*bytes)));
    output.remove_prefix(static_cast<std::size_t>(*bytes) + 1);
  }
  return blobs;
}

Result<RemoteUrl> parse_remote_url(std::string_view url, LocalSources local) {
  const bool allow_local = local == LocalSources::kAllowed;
  const auto refuse = [](std::string_view why) {
    return fail(ErrorCode::kInvalidArgument, "the repository's URL {}", why);
  };
  if (url.size() > kGitUrlBytesMax || !is_plain_ascii(url) || url.starts_with('-')) {
    return refuse("is too long or has spaces or other odd characters");
  }
  RemoteUrl remote;
  const std::size_t scheme_end = url.find("://");
  if (scheme_end == std::string_view::npos) {  // user@host:path
    const std::size_t at = url.find('@');
    const std::size_t colon = url.find(':', at == std::string_view::npos ? 0 : at);
    if (at == std::string_view::npos || at == 0 || colon == std::string_view::npos) {
      return refuse("must begin with https:// or ssh://, or read user@host:path");
    }
    remote.scheme = "ssh";
    remote.host = url.substr(at + 1, colon - at - 1);
    if (!is_host(remote.host)) return refuse("has no valid host");
    return remote;
  }
  remote.scheme = to_lower_ascii(url.substr(0, scheme_end));
  if (allow_local && remote.scheme == "file") return remote;
  const bool known = remote.scheme == "https" || remote.scheme == "ssh" ||
                     (allow_local && remote.scheme == "http");
  if (!known) return refuse("must begin with https:// or ssh://, or read user@host:path");
  std::string_view authority = url.substr(scheme_end + 3);
  authority = authority.substr(0, authority.find_first_of("/?#"));
  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
    // ssh names its user there; for https that place is for secrets, which have no business here.
    if (remote.scheme != "ssh" || authority.substr(0, at).find(':') != std::string_view::npos) {
      return refuse("names a user or a password: put them into a Secret");
    }
    authority.remove_prefix(at + 1);
  }
  if (!split_port(authority, remote)) return refuse("has no valid host");
  return remote;
}

bool is_plain_ref(std::string_view ref) {
  return !ref.empty() && ref.size() <= kRefBytesMax && is_plain_ascii(ref) &&
         !ref.starts_with('-') && !ref.starts_with('+') &&
         ref.find_first_of(":?*[\\^~") == std::string_view::npos &&
         ref.find("..") == std::string_view::npos && ref.find("@{") == std::string_view::npos;
}

}  // namespace rage::cli::detail
