// What a page of a web site says to programs: its links, its own address, what may be done with it.
// Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/site_url.h"

namespace rage::cli {

struct SitePage {
  // In order, each once, no more than 5,000, without those that ask not to be followed. On any
  // site.
  std::vector<SiteUrl> links;
  std::optional<SiteUrl> canonical;  // <link rel=canonical>
  bool noindex = false;              // Not to be in an index.
  bool nofollow = false;             // `links` is empty then.
};

// `robots_tags`: the values of X-Robots-Tag headers. <meta name=robots> and one for `agent` count.
SitePage read_site_page(std::string_view html, const SiteUrl& url, std::string_view agent,
                        const std::vector<std::string_view>& robots_tags);

// The same of a file that is no HTML page: the headers alone.
SitePage read_site_file(std::string_view agent, const std::vector<std::string_view>& robots_tags);

}  // namespace rage::cli
