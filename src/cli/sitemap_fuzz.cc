// sitemap.xml as anybody may have written it.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "cli/sitemap.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rage::cli;
  const auto sitemap = parse_sitemap({reinterpret_cast<const char*>(data), size});
  if (!sitemap) return 0;
  CHECK(sitemap->pages.size() <= kSitemapUrlsMax && sitemap->sitemaps.size() <= kSitemapUrlsMax);
  for (const auto& url : sitemap->pages) CHECK(!url.empty() && url.size() <= size);
  return 0;
}
