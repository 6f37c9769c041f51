#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "base/time_zone.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace rage;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  (void)parse_zone_rule(text);
  const auto zone = TimeZone::parse(text);
  if (!zone) return 0;
  for (const std::int64_t seconds :
       std::initializer_list<std::int64_t>{-4'000'000'000, 0, 1'767'225'600, 8'000'000'000}) {
    (void)zone->offset_at(WallTime(std::chrono::seconds(seconds)));
  }
  return 0;
}
