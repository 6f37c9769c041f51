// robots.txt as anybody may have written it, and the addresses it is asked about.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "cli/robots.h"
#include "cli/site_url.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rage::cli;
  const std::string_view bytes(reinterpret_cast<const char*>(data),
                               std::min<std::size_t>(size, 8192));
  const std::size_t line = std::min(bytes.find('\n'), bytes.size());
  const RobotsRules rules = parse_robots(bytes.substr(line), "rage");
  static_cast<void>(is_allowed(rules, bytes.substr(0, line)));
  CHECK(is_allowed(rules, "/robots.txt"));
  if (const auto url = parse_site_url(bytes.substr(0, line))) {
    CHECK(parse_site_url(url->text()) == *url);
    CHECK(url->path.starts_with('/'));
  }
  const std::string escaped = normal_escapes(bytes.substr(0, line));
  CHECK(normal_escapes(escaped) == escaped);
  return 0;
}
