#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "codec/yaml.h"

// What parses is JSON within our limits, however it was written.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace rage::codec;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const YamlLimits limits{.depth_max = 32, .alias_bytes_max = 64 << 10};
  if (const auto documents = parse_yaml_stream(text, limits)) {
    for (const Json& document : *documents) {
      CHECK(parse_json(render_json(document), {.depth_max = 32}).has_value());
    }
  }
  return 0;
}
