// Addresses of a web site's pages, and which of them belong to it. Pure (RFC 3986).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rage::cli {

// Value. One spelling for each page, so that an address can be its identity.
struct SiteUrl {
  std::string origin;  // "https://example.org:8443": lower case, without a default port.
  std::string path;    // "/a/b": begins with '/', no dot segments, escapes in one spelling.
  std::string query;  // Without '?'; without what only follows a reader about (utm_* and the like).

  std::string text() const;
  // What robots.txt is asked about.
  std::string path_and_query() const;
  bool operator==(const SiteUrl&) const = default;
};

// None: no http or https URL, or one with a user, a password, a backslash or more than 2,000 bytes.
// The fragment is dropped. parse_site_url(url->text()) is *url again.
std::optional<SiteUrl> parse_site_url(std::string_view url);
// `href` as a page at `base` has it, spaces included.
std::optional<SiteUrl> resolve_site_url(const SiteUrl& base, std::string_view href);

// What is below a page: "/docs/" of /docs/, of /docs and of /docs/start.html.
std::string prefix_of(std::string_view path);

// One spelling of percent-encoded text: unreserved characters as they are, all others that may not
// stand in a path or a query escaped, in upper case.
std::string normal_escapes(std::string_view text);

// Whether the URL itself says that the host is near: localhost, or any IP address. Whoever writes
// that means it; a name that only leads there may be somebody else's doing.
bool names_an_address(const SiteUrl& url);

struct SiteScope {
  std::string origin;
  std::string prefix = "/";          // Ends with '/'; the same without it belongs to it as well.
  std::vector<std::string> include;  // Globs of paths without their first '/'; empty: all.
  std::vector<std::string> exclude;  // They win.
};

// Why nobody asks for an address; empty: it may be asked for.
std::string_view objection_to(const SiteUrl& url, const SiteScope& scope);
// Whether its text is to be in the index. What may be asked for but is not wanted is read for its
// links.
bool is_wanted(const SiteUrl& url, const SiteScope& scope);

}  // namespace rage::cli
