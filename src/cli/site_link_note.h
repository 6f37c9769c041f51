// What the index keeps beside a page's ETag: which links that version of the page had, so that a
// page need not be read again to know where it leads. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/site_url.h"

namespace rage::cli {

// The value of kLinkNoteKey. Searches leave it out: it has "://" in it, as addresses have.
struct LinkNote {
  // Digests of links to pages that the index had as well, or was about to get: whoever finds one of
  // them missing must read the page. Eight hex digits each.
  std::vector<std::string> held;
  std::vector<std::string> others;  // The other links within the site: path and query.
  bool operator==(const LinkNote&) const = default;
};

std::string link_digest(std::string_view path_and_query);

// "scope://1f2e3d4c 0011223344556677 /not/held /neither": empty if that is more than 4 KiB.
std::string render_link_note(const SiteScope& scope, const LinkNote& note);
// None: not ours, or written for another scope, where other links count.
std::optional<LinkNote> parse_link_note(std::string_view text, const SiteScope& scope);

}  // namespace rage::cli
