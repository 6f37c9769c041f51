#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "codec/json.h"

// Whatever parses must survive a round trip through its own rendering.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace rage::codec;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  if (const auto value = parse_json(text)) {
    const auto again = parse_json(render_json(*value));
    CHECK(again.has_value());
    CHECK(render_json(*again) == render_json(*value));
  }
  return 0;
}
