// sitemap.xml: which pages a site says it has (sitemaps.org, protocol 0.9). Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace rage::cli {

// Of one file, as the protocol has it; what is beyond is left out.
inline constexpr std::size_t kSitemapUrlsMax = 50'000;

struct Sitemap {
  std::vector<std::string> pages;     // As they stand there.
  std::vector<std::string> sitemaps;  // Of an index of further files.
};

// XML, or text with an address a line. kInvalidArgument: XML that is damaged, or a file that is
// neither.
Result<Sitemap> parse_sitemap(std::string_view bytes);

}  // namespace rage::cli
