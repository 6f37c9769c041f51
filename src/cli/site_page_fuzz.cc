// Pages as anybody may have written them: links have one spelling, and no host but a plain one.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "cli/site_link_note.h"
#include "cli/site_page.h"
#include "cli/site_url.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rage::cli;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::size_t line = std::min(bytes.find('\n'), bytes.size());
  const SiteUrl base{.origin = "https://e.org", .path = "/docs/a.html", .query = {}};
  const SitePage page = read_site_page(bytes.substr(line), base, "rage", {bytes.substr(0, line)});
  CHECK(!page.nofollow || page.links.empty());
  for (const SiteUrl& link : page.links) {
    CHECK(parse_site_url(link.text()) == link);
    CHECK(link.origin.find('@') == std::string::npos);
  }
  const SiteScope scope{.origin = base.origin, .prefix = "/docs/", .include = {}, .exclude = {}};
  if (const auto note = parse_link_note(bytes, scope)) {
    CHECK(parse_link_note(render_link_note(scope, *note), scope) == *note);
  }
  return 0;
}
